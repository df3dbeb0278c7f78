// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * server.c - clients come and go.
 *
 * A state machine over one epoll set: the listener, and a connection for each client,
 * which has been welcomed (it has a reporter) or has a moment to say hello.  After the
 * welcome any event on a connection is its end.
 */
#include "report_api/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/error.h"
#include "report_api/server_client.h"

#define NS_PER_S 1000000000ull
#define DEFAULT_CLIENTS 64u
#define DEFAULT_PER_UID 16u
#define DEFAULT_BYTES (128ull << 20)
#define DEFAULT_REPORTS_PER_S 100000u
#define HELLO_TIMEOUT_NS (2 * NS_PER_S)
/* Connecting over and over is bounded, too. */
#define MAX_ACCEPTS_PER_S 32u
#define EVENTS_IN_STEP 64

static uint64_t now(const struct thermo_server *s)
{
	return s->opts.ops->now_ns(s->opts.arg);
}

/* --- clients go --- */

/* What a ring still holds; nothing that its owner writes makes this more than it has room. */
static uint64_t count_unread(const struct thermo_reporter *r)
{
	uint64_t unread = 0;

	for (uint32_t i = 0; i <= r->nr_threads; i++) {
		uint32_t room = i < r->nr_threads ? r->mask + 1 : r->geometry.nr_shared;
		/* relaxed: a statistic; it orders nothing. */
		uint32_t nr = atomic_load_explicit(&r->rings[i].head, memory_order_relaxed) -
			      r->outlets[i].tail;

		unread += nr <= room ? nr : 0;
	}
	return unread;
}

static void view(const struct client *c, struct server_client *out)
{
	*out = c->info;
	if (!c->reporter)
		return;
	out->corrupt = c->reporter->nr_corrupt;
	out->dropped = thermo_reporter_dropped(c->reporter);
}

static void add(struct server_counters *sum, const struct server_client *c)
{
	sum->reports += c->reports;
	sum->refused += c->refused;
	sum->bad += c->bad;
	sum->corrupt += c->corrupt;
	sum->dropped += c->dropped;
}

/* @c is in no list any more. */
static void end(struct client *c)
{
	struct thermo_server *s = c->server;
	struct server_client last;

	if (c->reporter) {
		s->opts.ops->detach(s->opts.arg, c->reporter);
		view(c, &last);
		s->opts.ops->gone(s->opts.arg, &last);
		add(&s->gone, &last);
		s->gone.unread += count_unread(c->reporter);
		s->bytes -= c->info.bytes;
		thermo_reporter_free(c->reporter);
	}
	/* Closing takes it out of the epoll set: nobody has a copy of our end. */
	(void)close(c->fd);
	free(c);
}

static void drop(struct thermo_server *s, uint32_t index)
{
	struct client *c = s->clients[index];

	s->clients[index] = s->clients[--s->nr_clients];
	end(c);
}

static void drop_client(struct thermo_server *s, const struct client *c)
{
	for (uint32_t i = 0; i < s->nr_clients; i++)
		if (s->clients[i] == c) {
			drop(s, i);
			return;
		}
}

/* --- clients come --- */

static void hear(struct client *c)
{
	struct thermo_server *s = c->server;
	int err = c->reporter ? -EPROTO : handshake_answer(c);

	if (err == 0)
		return;
	if (err > 0) {
		s->gone.connects++;
		return;
	}
	if (!c->reporter) {
		s->gone.turned_away++;
		handshake_refuse(c, err);
	}
	drop_client(s, c);
}

static uint32_t count_uid(const struct thermo_server *s, uid_t uid)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < s->nr_clients; i++)
		nr += s->clients[i]->info.uid == uid;
	return nr;
}

static int admit(struct client *c)
{
	struct thermo_server *s = c->server;
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = c };
	int err = handshake_identify(c);

	if (err)
		return err;
	if (s->nr_clients >= s->opts.max_clients)
		return thermo_fail(-EUSERS, "there are %u clients already", s->nr_clients);
	if (c->info.uid && count_uid(s, c->info.uid) >= s->opts.max_per_uid)
		return thermo_fail(-EUSERS, "this user has %u clients already",
				   s->opts.max_per_uid);
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
		return thermo_fail(-errno, "epoll: %s", strerror(errno));
	s->clients[s->nr_clients++] = c;
	return 0;
}

static void greet(struct thermo_server *s, int fd, uint64_t now_ns)
{
	struct client *c = calloc(1, sizeof(*c));
	int err;

	if (!c) {
		(void)close(fd);
		return;
	}
	*c = (struct client){ .server = s, .fd = fd, .since_ns = now_ns };
	err = admit(c);
	if (!err)
		return;
	s->gone.turned_away++;
	handshake_refuse(c, err);
	end(c);
}

static void listen_again(struct thermo_server *s, bool listening)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (s->is_listening == listening)
		return;
	if (epoll_ctl(s->epoll_fd, listening ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, s->listen_fd,
		      &event) == 0)
		s->is_listening = listening;
}

/*
 * Who storms the socket, or eats up our descriptors, makes us look away for a second
 * instead of turning in circles; the others wait as long.
 */
static void accept_some(struct thermo_server *s, uint64_t now_ns)
{
	if (now_ns - s->accepts_ns >= NS_PER_S) {
		s->accepts_ns = now_ns;
		s->nr_accepts = 0;
	}
	while (s->nr_accepts < MAX_ACCEPTS_PER_S) {
		int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
			return;
		if (fd < 0)
			break;
		s->nr_accepts++;
		greet(s, fd, now_ns);
	}
	s->listen_at_ns = now_ns + NS_PER_S;
	listen_again(s, false);
}

/* --- time passes --- */

static bool is_same_process(const struct client *c)
{
	const struct server_opts *opts = &c->server->opts;
	uint64_t ticks = 0;

	return opts->ops->start_ticks(opts->arg, c->info.pid, &ticks) == 0 &&
	       ticks == c->start_ticks;
}

/*
 * A connection outlives its process where a child has a copy of it.  The child is not
 * who we talked to, and one day the pid is somebody else's.
 */
static void look_after(struct thermo_server *s, uint64_t now_ns)
{
	bool check = now_ns - s->check_ns >= NS_PER_S;

	if (check)
		s->check_ns = now_ns;
	for (uint32_t i = s->nr_clients; i-- > 0;) {
		const struct client *c = s->clients[i];
		bool is_late = !c->reporter && now_ns - c->since_ns > HELLO_TIMEOUT_NS;

		s->gone.turned_away += is_late;
		if (is_late || (check && !is_same_process(c)))
			drop(s, i);
	}
}

void server_step(struct thermo_server *s)
{
	struct epoll_event events[EVENTS_IN_STEP];
	/* The one time of this step: nothing in it can seem to be in the future. */
	uint64_t now_ns = now(s);
	int nr;

	guard_refill(s, now_ns);
	if (!s->is_listening && now_ns >= s->listen_at_ns)
		listen_again(s, true);
	nr = epoll_wait(s->epoll_fd, events, EVENTS_IN_STEP, 0);
	for (int i = 0; i < nr; i++) {
		/* Each is in the set once, so no event is of a client that just ended. */
		if (events[i].data.ptr)
			hear(events[i].data.ptr);
		else
			accept_some(s, now_ns);
	}
	look_after(s, now_ns);
}

/* --- the server --- */

static int bind_socket(struct thermo_server *s)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int len = snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s",
			   s->opts.dir_fd, s->opts.path);
	mode_t old_mask;
	int err;

	if (len >= (int)sizeof(address.sun_path))
		return thermo_fail(-ENAMETOOLONG, "%s: too long for a socket's path", s->opts.path);
	s->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listen_fd < 0)
		return thermo_fail(-errno, "%s: socket: %s", s->opts.path, strerror(errno));
	(void)unlinkat(s->opts.dir_fd, s->opts.path, 0);
	old_mask = umask(s->opts.root_only ? 0177 : 0111);
	err = bind(s->listen_fd, (struct sockaddr *)&address, sizeof(address)) ||
					      listen(s->listen_fd, (int)s->opts.max_clients)
			      ? -errno
			      : 0;
	(void)umask(old_mask);
	return err ? thermo_fail(err, "%s: %s", s->opts.path, strerror(-err)) : 0;
}

static void fill_in(struct server_opts *o)
{
	o->max_clients = o->max_clients ? o->max_clients : DEFAULT_CLIENTS;
	o->max_per_uid = o->max_per_uid ? o->max_per_uid : DEFAULT_PER_UID;
	o->max_bytes = o->max_bytes ? o->max_bytes : DEFAULT_BYTES;
	o->max_reports_per_s = o->max_reports_per_s ? o->max_reports_per_s : DEFAULT_REPORTS_PER_S;
}

static int open_all(struct thermo_server *s)
{
	int err;

	s->clients = calloc(s->opts.max_clients, sizeof(struct client *));
	if (!s->clients)
		return thermo_fail(-ENOMEM, "clients: no memory");
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0)
		return thermo_fail(-errno, "epoll: %s", strerror(errno));
	err = bind_socket(s);
	if (err)
		return err;
	listen_again(s, true);
	return s->is_listening ? 0 : thermo_fail(-errno, "epoll: %s", strerror(errno));
}

int server_open(struct thermo_server **server, const struct server_opts *opts)
{
	struct thermo_server *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return thermo_fail(-ENOMEM, "clients: no memory");
	*s = (struct thermo_server){ .opts = *opts, .listen_fd = -1, .epoll_fd = -1 };
	fill_in(&s->opts);
	s->refill_ns = s->check_ns = s->accepts_ns = now(s);
	/* Half a second's worth to begin with. */
	s->budget = s->opts.max_reports_per_s / 2;
	err = open_all(s);
	if (err)
		server_close(s);
	else
		*server = s;
	return err;
}

int server_fd(const struct thermo_server *s)
{
	return s->epoll_fd;
}

size_t server_clients(const struct thermo_server *s, struct server_client *clients, size_t max)
{
	size_t nr = 0;

	for (uint32_t i = 0; i < s->nr_clients && nr < max; i++)
		if (s->clients[i]->reporter)
			view(s->clients[i], &clients[nr++]);
	return nr;
}

void server_counters(const struct thermo_server *s, struct server_counters *counters)
{
	struct server_client c;

	*counters = s->gone;
	for (uint32_t i = 0; i < s->nr_clients; i++) {
		view(s->clients[i], &c);
		add(counters, &c);
	}
}

void server_close(struct thermo_server *s)
{
	if (!s)
		return;
	while (s->nr_clients)
		drop(s, s->nr_clients - 1);
	if (s->listen_fd >= 0) {
		(void)close(s->listen_fd);
		(void)unlinkat(s->opts.dir_fd, s->opts.path, 0);
	}
	if (s->epoll_fd >= 0)
		(void)close(s->epoll_fd);
	free(s->clients);
	free(s);
}
