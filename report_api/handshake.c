// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * handshake.c - the daemon's side of hello and welcome.
 *
 * The daemon makes the memory and seals its size, so that a client cannot cut it off
 * below the daemon's feet.  It touches only the rings' indices: slots are touched, and
 * paid for, by the client.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/error.h"
#include "report_api/protocol.h"
#include "report_api/server_client.h"

#define MAX_CLIENT_THREADS 256u
#define MAX_CLIENT_REPORTS 65536u

/* Linux 6.5 and 6.3; headers may be older. */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/*
 * Between its connecting and our asking the client may have exited and its pid may be
 * another's.  Where the kernel hands out the very process it can be asked whether that
 * is still there; older ones leave this moment to chance.
 */
static bool is_still_there(int fd)
{
	int pidfd = -1;
	socklen_t len = sizeof(pidfd);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) < 0)
		return errno == ENOPROTOOPT;
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	bool is_there = poll(&p, 1, 0) == 0;

	(void)close(pidfd);
	return is_there;
}

int handshake_identify(struct client *c)
{
	const struct server_opts *opts = &c->server->opts;
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return thermo_fail(-errno, "client: who is it? %s", strerror(errno));
	c->info.pid = cred.pid;
	c->info.uid = cred.uid;
	if (cred.pid <= 0 || opts->ops->start_ticks(opts->arg, cred.pid, &c->start_ticks) ||
	    !is_still_there(c->fd))
		return thermo_fail(-ESRCH, "the daemon does not see the process");
	if (opts->root_only && cred.uid != 0)
		return thermo_fail(-EACCES, "only root may report");
	return 0;
}

void handshake_refuse(const struct client *c, int err)
{
	struct client_welcome w = { .magic = CLIENT_MAGIC, .version = CLIENT_VERSION, .err = err };
	struct client_hello unread;

	(void)snprintf(w.reason, sizeof(w.reason), "%s", thermo_last_error());
	/* What is left unread at close(2) would keep it from reading this. */
	(void)recv(c->fd, &unread, sizeof(unread), MSG_DONTWAIT);
	(void)send(c->fd, &w, sizeof(w), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static uint64_t bytes_of_uid(const struct thermo_server *s, uid_t uid)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < s->nr_clients; i++)
		if (s->clients[i]->info.uid == uid)
			bytes += s->clients[i]->info.bytes;
	return bytes;
}

static int check_size(const struct client *c, const struct geometry *g)
{
	const struct thermo_server *s = c->server;
	uint64_t bytes = thermo_geometry_bytes(g), most = s->opts.max_bytes;

	if (g->nr_threads > MAX_CLIENT_THREADS || g->nr_reports > MAX_CLIENT_REPORTS ||
	    bytes > most / 4)
		return thermo_fail(-EINVAL,
				   "%u rings of %u: at most %u of at most %u, and %ju KiB in all",
				   g->nr_threads, g->nr_reports, MAX_CLIENT_THREADS,
				   MAX_CLIENT_REPORTS, (uintmax_t)(most / 4 >> 10));
	if (s->bytes + bytes > most ||
	    (c->info.uid && bytes_of_uid(s, c->info.uid) + bytes > most / 2))
		return thermo_fail(-ENOSPC, "clients have too much memory already: smaller rings?");
	return 0;
}

/* Root's programs, too, speak for themselves unless they ask for more. */
static int check_flags(const struct client *c, uint32_t flags)
{
	if (flags & ~CLIENT_FOR_OTHERS)
		return thermo_fail(-EPROTO, "the daemon does not know what is asked for");
	if (flags & CLIENT_FOR_OTHERS && c->info.uid != 0)
		return thermo_fail(-EPERM, "only root may report for others");
	return 0;
}

static int make_memory(size_t bytes)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("thermocline-client", flags | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("thermocline-client", flags);
	if (fd < 0)
		return thermo_fail(-errno, "memfd: %s", strerror(errno));
	if (ftruncate(fd, (off_t)bytes) < 0 || fcntl(fd, F_ADD_SEALS, CLIENT_SEALS) < 0) {
		int err = thermo_fail(-errno, "memfd: %s", strerror(errno));

		(void)close(fd);
		return err;
	}
	return fd;
}

static int map_memory(struct client *c, int fd, const struct geometry *g)
{
	size_t bytes = thermo_geometry_bytes(g);
	void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (block == MAP_FAILED)
		return thermo_fail(-errno, "mmap: %s", strerror(errno));
	int err = thermo_reporter_map(&c->reporter, block, g, REPORTER_CONSUMES);

	if (err) {
		(void)munmap(block, bytes);
		return err;
	}
	guard_init(c);
	c->info.nr_rings = g->nr_threads + 1;
	c->info.bytes = bytes;
	c->server->bytes += bytes;
	return 0;
}

static int send_welcome(const struct client *c, int memory_fd, const struct geometry *g)
{
	struct client_welcome w = { .magic = CLIENT_MAGIC,
				    .version = CLIENT_VERSION,
				    .nr_threads = g->nr_threads,
				    .nr_reports = g->nr_reports,
				    .bytes = c->info.bytes };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { &w, sizeof(w) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(memory_fd));
	memcpy(CMSG_DATA(header), &memory_fd, sizeof(memory_fd));
	/* An empty socket has room for one packet: no client makes us wait. */
	if (sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof(w))
		return thermo_fail(-EPIPE, "client: it hung up");
	return 0;
}

/* It goes to logs and terminals. */
static void take_name(struct client *c, const struct client_hello *hello)
{
	size_t len = strnlen(hello->name, sizeof(c->info.name) - 1);

	memcpy(c->info.name, hello->name, len);
	for (size_t i = 0; i < len; i++)
		if (c->info.name[i] < ' ' || c->info.name[i] > '~')
			c->info.name[i] = '?';
	c->info.name[len] = '\0';
}

static int welcome(struct client *c, const struct client_hello *hello)
{
	const struct server_opts *opts = &c->server->opts;
	struct geometry g;
	int fd, err = thermo_geometry_make(hello->nr_threads, hello->nr_reports, &g);

	if (!err)
		err = check_flags(c, hello->flags);
	if (!err)
		err = check_size(c, &g);
	if (err)
		return err;
	fd = make_memory(thermo_geometry_bytes(&g));
	if (fd < 0)
		return fd;
	take_name(c, hello);
	c->info.privileged = hello->flags & CLIENT_FOR_OTHERS;
	err = map_memory(c, fd, &g);
	if (!err)
		err = opts->ops->attach(opts->arg, c->reporter, &c->info);
	if (err && c->reporter) {
		/* Not attached: there is nothing to detach. */
		c->server->bytes -= c->info.bytes;
		thermo_reporter_free(c->reporter);
		c->reporter = NULL;
	}
	if (!err)
		err = send_welcome(c, fd, &g);
	(void)close(fd);
	return err;
}

int handshake_answer(struct client *c)
{
	struct client_hello hello;
	/* recv, not recvmsg: descriptors that it sends along are never taken. */
	ssize_t n = recv(c->fd, &hello, sizeof(hello), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return thermo_fail(-ECONNRESET, "client: it hung up");
	if (n != sizeof(hello) || hello.magic != CLIENT_MAGIC)
		return thermo_fail(-EPROTO, "client: not a hello");
	if (hello.version != CLIENT_VERSION)
		return thermo_fail(-EPROTO, "version %u of the protocol, the daemon has %u",
				   hello.version, CLIENT_VERSION);
	int err = welcome(c, &hello);

	return err ? err : 1;
}
