// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * client.c - the client's side of a connection to the daemon.
 *
 * Any thread connects and closes; the reporter in between is like any other.
 */
#include "thermocline/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/error.h"
#include "report_api/protocol.h"
#include "report_api/rings.h"

#define DEFAULT_TIMEOUT_MS 1000u

/* A connection being made. */
struct attempt {
	const char *path;
	int fd;
	int memory_fd;
	struct client_welcome welcome;
};

static int fail(const struct attempt *a, int err, const char *what)
{
	return thermo_fail(err, "%s: %s: %s", a->path, what, strerror(-err));
}

static int open_socket(struct attempt *a, uint32_t timeout_ms)
{
	struct timeval timeout = { timeout_ms / 1000, (suseconds_t)(timeout_ms % 1000) * 1000 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(a->path) >= sizeof(address.sun_path))
		return thermo_fail(-ENAMETOOLONG, "%s: a socket's path has at most %zu characters",
				   a->path, sizeof(address.sun_path) - 1);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", a->path);
	a->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		return fail(a, -errno, "socket");
	if (setsockopt(a->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    setsockopt(a->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)))
		return fail(a, -errno, "setsockopt");
	if (connect(a->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return 0;
	if (errno == EAGAIN)
		return fail(a, -ETIMEDOUT, "the daemon does not answer");
	return fail(a, -errno,
		    errno == EACCES ? "the daemon takes no reports from this user"
				    : "is the daemon running, with --clients?");
}

static int say_hello(const struct attempt *a, const struct thermo_client_opts *opts)
{
	struct client_hello hello = { .magic = CLIENT_MAGIC,
				      .version = CLIENT_VERSION,
				      .nr_threads = opts->nr_threads,
				      .nr_reports = opts->nr_reports,
				      .flags = opts->for_others ? CLIENT_FOR_OTHERS : 0 };

	(void)snprintf(hello.name, sizeof(hello.name), "%s",
		       opts->name ? opts->name : program_invocation_short_name);
	/* A daemon that refuses may have hung up already: its reason is still to be read. */
	if (send(a->fd, &hello, sizeof(hello), MSG_NOSIGNAL) < 0 && errno != EPIPE &&
	    errno != ECONNRESET)
		return fail(a, errno == EAGAIN ? -ETIMEDOUT : -errno, "hello");
	return 0;
}

/* At most one descriptor fits in; the kernel closes what does not. */
static int take_memory(struct msghdr *message)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(message);
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static int hear_welcome(struct attempt *a)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { &a->welcome, sizeof(a->welcome) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	bool was_reset = false;
	ssize_t n;

	/* A daemon that hangs up before it has read our hello resets the connection; the
	 * reason that it sent is behind that. */
	do {
		n = recvmsg(a->fd, &message, MSG_CMSG_CLOEXEC);
		was_reset = n < 0 && errno == ECONNRESET && !was_reset;
	} while (was_reset || (n < 0 && errno == EINTR));
	if (n < 0)
		return fail(a, errno == EAGAIN ? -ETIMEDOUT : -errno, "the daemon did not answer");
	a->memory_fd = take_memory(&message);
	if (n == 0)
		return thermo_fail(-ECONNRESET, "%s: the daemon hung up", a->path);
	if (n != sizeof(a->welcome) || a->welcome.magic != CLIENT_MAGIC)
		return thermo_fail(-EPROTO, "%s: who listens there is no thermocline daemon",
				   a->path);
	a->welcome.reason[sizeof(a->welcome.reason) - 1] = '\0';
	if (a->welcome.err)
		return thermo_fail(a->welcome.err < 0 && a->welcome.err > -4096 ? a->welcome.err
										: -EPROTO,
				   "%s: refused: %s", a->path, a->welcome.reason);
	return 0;
}

/* What the daemon says must be so: memory that may shrink would be a SIGBUS later. */
static int check_memory(const struct attempt *a, const struct geometry *g)
{
	size_t bytes = thermo_geometry_bytes(g);
	struct stat st;

	if (a->memory_fd < 0 || fstat(a->memory_fd, &st) < 0 || (uint64_t)st.st_size != bytes ||
	    a->welcome.bytes != bytes)
		return thermo_fail(-EPROTO, "%s: memory of an unexpected size", a->path);
	int seals = fcntl(a->memory_fd, F_GET_SEALS);

	if (seals < 0 || (seals & CLIENT_SEALS) != CLIENT_SEALS)
		return thermo_fail(-EPROTO, "%s: memory that may change its size", a->path);
	return 0;
}

static int map_memory(struct attempt *a, struct thermo_reporter **reporter)
{
	struct geometry g;
	int err = thermo_geometry_make(a->welcome.nr_threads, a->welcome.nr_reports, &g);

	if (!err)
		err = check_memory(a, &g);
	if (err)
		return err;
	size_t bytes = thermo_geometry_bytes(&g);
	void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, a->memory_fd, 0);

	if (block == MAP_FAILED)
		return fail(a, -errno, "mmap");
	/* Touched here: reporting never faults, and the memory is accounted to us. */
	memset(block, 0, bytes);
	err = thermo_reporter_map(reporter, block, &g, REPORTER_PRODUCES);
	if (err) {
		(void)munmap(block, bytes);
		return err;
	}
	(*reporter)->socket_fd = a->fd;
	a->fd = -1;
	return 0;
}

int thermo_client_connect(struct thermo_reporter **reporter, const struct thermo_client_opts *opts)
{
	static const struct thermo_client_opts defaults;

	opts = opts ? opts : &defaults;
	struct attempt a = { .path = opts->socket ? opts->socket : THERMO_CLIENT_SOCKET,
			     .fd = -1,
			     .memory_fd = -1 };
	int err = open_socket(&a, opts->timeout_ms ? opts->timeout_ms : DEFAULT_TIMEOUT_MS);

	if (!err)
		err = say_hello(&a, opts);
	if (!err)
		err = hear_welcome(&a);
	if (!err)
		err = map_memory(&a, reporter);
	if (a.memory_fd >= 0)
		(void)close(a.memory_fd);
	if (a.fd >= 0)
		(void)close(a.fd);
	return err;
}

bool thermo_client_connected(const struct thermo_reporter *r)
{
	struct pollfd p = { .fd = r->socket_fd, .events = POLLIN };

	/* After the welcome the daemon says nothing more: whatever comes is the end. */
	return r->socket_fd >= 0 && poll(&p, 1, 0) <= 0;
}

void thermo_client_close(struct thermo_reporter *r)
{
	thermo_reporter_free(r);
}
