// SPDX-License-Identifier: GPL-2.0-or-later
/* control.c - one line in, one JSON object or recording out. */
#include "cli/control.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/owner.h"
#include "cli/recording.h"
#include "cli/status.h"
#include "core/cleanup.h"
#include "core/error.h"

#define CLIENT_TIMEOUT_MS 500
#define MAX_REQUEST_BYTES 256
#define MAX_REPLY_BYTES (64u << 20)

/* Relative to the root, wherever that is: through its descriptor. */
static int make_address(const struct thermo_host *host, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	int len = snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s",
			   host->root_fd, CONTROL_PATH);

	return len < (int)sizeof(address->sun_path) ? 0 : -ENAMETOOLONG;
}

int control_listen(const struct thermo_host *host)
{
	struct sockaddr_un address;
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t old_mask;
	int err;

	if (fd < 0 || make_address(host, &address))
		return thermo_fail(-EIO, "/%s: cannot make a socket", CONTROL_PATH);
	/* We hold the daemon's lock: whoever bound it before is gone. */
	(void)unlinkat(host->root_fd, CONTROL_PATH, 0);
	old_mask = umask(0177);
	err = bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 8) ? -errno : 0;
	(void)umask(old_mask);
	if (err)
		return thermo_fail(err, "/%s: %s", CONTROL_PATH, strerror(-err));
	return take_fd(&fd);
}

char *control_reply(const char *request, const struct daemon *daemon, uint64_t now_ns)
{
	struct json_object *root;
	char *text;

	if (strcmp(request, "status") == 0) {
		root = status_json(daemon, now_ns);
	} else if (strcmp(request, "regions") == 0) {
		root = json_object_new_object();
		if (daemon->snapshot)
			json_object_object_add(root, "time_ns",
					       json_object_new_uint64(daemon->snapshot->time_ns));
		json_object_object_add(root, "regions", regions_json(daemon));
	} else if (strncmp(request, "owner ", 6) == 0) {
		root = owner_json(daemon, request + 6);
	} else {
		root = json_object_new_object();
		if (strcmp(request, "ping") == 0)
			json_object_object_add(root, "pong", json_object_new_boolean(1));
		else
			json_object_object_add(
					root, "error",
					json_object_new_string("unknown request: status, regions, "
							       "owner ADDRESS, snapshot, ping"));
	}
	text = strdup(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN));
	json_object_put(root);
	return text;
}

/* Return: length of a whole line without its end, or -1. */
static ssize_t read_line(int fd, char *line, size_t size)
{
	size_t len = 0;

	while (len < size - 1) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, CLIENT_TIMEOUT_MS) <= 0)
			return -1;
		ssize_t n = recv(fd, line + len, size - 1 - len, MSG_DONTWAIT);

		if (n <= 0)
			return -1;
		char *end = memchr(line + len, '\n', (size_t)n);

		len += (size_t)n;
		if (end) {
			*end = '\0';
			return end - line;
		}
	}
	return -1;
}

static int send_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };

		if (poll(&p, 1, CLIENT_TIMEOUT_MS) <= 0)
			return -ETIMEDOUT;
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* Made whole before it is sent: a client never sees half of one because of us. */
static void send_snapshot(int client, const struct daemon *daemon)
{
	AUTO_CLOSE int fd = memfd_create("thermocline-snapshot", MFD_CLOEXEC);
	off_t len;
	void *data;

	if (fd < 0 || recording_write_newest(fd, daemon))
		return;
	len = lseek(fd, 0, SEEK_END);
	data = len > 0 ? mmap(NULL, (size_t)len, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (data == MAP_FAILED)
		return;
	(void)send_all(client, data, (size_t)len);
	(void)munmap(data, (size_t)len);
}

void control_serve(int fd, const struct daemon *daemon)
{
	AUTO_CLOSE int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	char line[MAX_REQUEST_BYTES];

	/* A client that is gone or talks nonsense is its own problem. */
	if (client < 0 || read_line(client, line, sizeof(line)) < 0)
		return;
	if (strcmp(line, "snapshot") == 0) {
		send_snapshot(client, daemon);
		return;
	}
	AUTO_FREE char *reply = control_reply(line, daemon, thermo_host_now_ns(daemon->host));

	if (reply && send_all(client, reply, strlen(reply)) == 0)
		(void)send_all(client, "\n", 1);
}

int control_ask_bytes(const struct thermo_host *host, const char *request, char **reply,
		      size_t *reply_len)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval timeout = { .tv_sec = 3 };
	struct sockaddr_un address;
	size_t len = 0;

	if (fd < 0 || make_address(host, &address))
		return thermo_fail(-EIO, "/%s: cannot make a socket", CONTROL_PATH);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return thermo_fail(-errno, "/%s: %s%s", CONTROL_PATH, strerror(errno),
				   errno == EACCES ? ": run as root" : ": is the daemon running?");
	if (send_all(fd, request, strlen(request)) || send_all(fd, "\n", 1))
		return thermo_fail(-EPIPE, "/%s: the daemon hung up", CONTROL_PATH);

	AUTO_FREE char *text = NULL;
	size_t room = 0;

	while (len < MAX_REPLY_BYTES) {
		if (room - len < 2) {
			char *grown = realloc(text, room = room ? 2 * room : 65536);

			if (!grown)
				return thermo_fail(-ENOMEM, "control: no memory");
			text = grown;
		}
		ssize_t n = recv(fd, text + len, room - 1 - len, 0);

		if (n < 0)
			return thermo_fail(-ETIMEDOUT, "/%s: the daemon does not answer within 3 s",
					   CONTROL_PATH);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	*reply = text;
	*reply_len = len;
	text = NULL;
	return 0;
}

int control_ask(const struct thermo_host *host, const char *request, char **reply)
{
	size_t len;

	return control_ask_bytes(host, request, reply, &len);
}
