/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_client.c - reports through shared memory, and what a client may not do. */
#include "tests/unit/test.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "report_api/protocol.h"
#include "tests/unit/report_api/fake_daemon.h"

#define NR_SLOTS 8u
#define NOBODY 65534

static struct fake_daemon fake;
static struct fake_connect client;

static int start(struct server_opts opts)
{
	/* Budgets have tests of their own. */
	opts.max_reports_per_s = opts.max_reports_per_s ? opts.max_reports_per_s : 1u << 30;
	client = (struct fake_connect){
		.opts = { .nr_reports = NR_SLOTS, .nr_threads = 2, .name = "tester" }
	};
	return fake_daemon_start(&fake, opts);
}

static int make(void **state)
{
	(void)state;
	return start((struct server_opts){ 0 });
}

static int make_and_connect(void **state)
{
	return make(state) || fake_daemon_connect(&fake, &client);
}

static int drop(void **state)
{
	(void)state;
	thermo_client_close(client.reporter);
	fake_daemon_stop(&fake);
	return 0;
}

static struct server_client only_client(void)
{
	struct server_client c[2];

	assert_int_equal(server_clients(fake.server, c, 2), 1);
	return c[0];
}

static struct server_counters counters(void)
{
	struct server_counters c;

	server_counters(fake.server, &c);
	return c;
}

static size_t drain(struct thermo_access *out, size_t max)
{
	assert_int_equal(fake.nr_attached, 1);
	return thermo_reporter_drain(fake.attached[0], out, max);
}

static bool report(uint64_t addr)
{
	struct thermo_access access = { .addr = addr, .extent_bytes = 1, .nr_accesses = 1 };

	return thermo_report_access(client.reporter, &access);
}

/* --- reports --- */

static void reports_arrive_with_what_the_client_left_out(void **state)
{
	struct thermo_access in = { .addr = 1,
				    .extent_bytes = 2,
				    .watched_ns = 4,
				    .nr_accesses = 5,
				    .tid = 7,
				    .cpu = 8,
				    .node = THERMO_NODE_UNKNOWN,
				    .op = THERMO_OP_WRITE,
				    .source = 99,
				    .reserved = { 1 } };
	struct thermo_access out[4];

	(void)state;
	assert_true(thermo_client_connected(client.reporter));
	assert_true(thermo_report_access(client.reporter, &in));
	in.time_ns = 5;
	in.pid = getpid();
	assert_true(thermo_report_access(client.reporter, &in));
	in.time_ns = FAKE_NOW_NS + 1;
	in.watched_ns = UINT64_MAX;
	assert_true(thermo_report_access(client.reporter, &in));
	assert_int_equal(drain(out, 4), 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(out[i].addr, 1);
		assert_int_equal(out[i].pid, getpid());
		assert_int_equal(out[i].source, FAKE_SOURCE);
		assert_int_equal(out[i].reserved[0], 0);
	}
	assert_int_equal(out[0].time_ns, FAKE_NOW_NS);
	assert_int_equal(out[1].time_ns, 5);
	assert_int_equal(out[2].time_ns, FAKE_NOW_NS);
	assert_int_equal(out[0].watched_ns, 4);
	assert_int_equal(out[2].watched_ns, FAKE_NOW_NS);
	assert_int_equal(only_client().reports, 3);
}

static void client_is_known_by_its_credentials(void **state)
{
	struct server_client c = only_client();

	(void)state;
	assert_int_equal(c.pid, getpid());
	assert_int_equal(c.uid, getuid());
	assert_false(c.privileged);
	assert_string_equal(c.name, "tester");
	assert_int_equal(c.nr_rings, 3);
	assert_int_equal(thermo_reporter_nr_rings(client.reporter), 3);
	assert_int_equal(thermo_reporter_pid(fake.attached[0]), getpid());
	assert_int_equal(counters().connects, 1);
}

static void only_the_daemon_drains_and_only_the_client_reports(void **state)
{
	struct thermo_access a = { .extent_bytes = 1 };

	(void)state;
	assert_true(report(1));
	assert_int_equal(thermo_reporter_drain(client.reporter, &a, 1), 0);
	assert_false(thermo_report_access(fake.attached[0], &a));
	assert_int_equal(drain(&a, 1), 1);
}

static void drops_of_a_client_are_told(void **state)
{
	struct thermo_access out[16];

	(void)state;
	for (uint64_t i = 0; i < NR_SLOTS + 3; i++)
		assert_int_equal(report(i), i < NR_SLOTS);
	assert_int_equal(drain(out, 16), NR_SLOTS);
	assert_int_equal(only_client().dropped, 3);
	assert_int_equal(thermo_reporter_dropped(fake.attached[0]), 3);
	assert_int_equal(thermo_reporter_dropped(client.reporter), 3);
	assert_int_equal(out[NR_SLOTS - 1].addr, NR_SLOTS - 1);
}

static void nonsense_is_left_out_and_counted(void **state)
{
	const struct thermo_access good = { .addr = 4096, .extent_bytes = 1 };
	struct thermo_access bad[10], out[16];

	(void)state;
	for (int i = 0; i < 10; i++)
		bad[i] = good;
	bad[0].extent_bytes = 0;
	bad[1].extent_bytes = UINT64_MAX;
	bad[2].op = THERMO_NR_OPS;
	bad[3].space = 2;
	bad[4].level = THERMO_NR_LEVELS;
	bad[5].scope = 2;
	bad[6].count = 255;
	bad[7].pid = -1;
	bad[8].node = -2;
	bad[9].tid = INT32_MIN;
	for (int i = 0; i < 10; i++) {
		assert_true(thermo_report_access(client.reporter, &bad[i]));
		assert_true(thermo_report_access(client.reporter, &good));
		assert_int_equal(drain(out, 16), 1);
		assert_int_equal(out[0].addr, 4096);
		assert_int_equal(only_client().bad, i + 1);
	}
	assert_int_equal(only_client().reports, 10);
	assert_int_equal(only_client().refused, 0);
}

/* --- other users, in processes of their own --- */

static int become_nobody(void)
{
	return getuid() == 0 ? setresuid(NOBODY, NOBODY, NOBODY) : 0;
}

/*
 * Run @child as a user without privileges, serving it meanwhile.  It is left alone with
 * its connection when it exits.  Return: its exit status.
 */
static int run_nobody(int (*child)(void))
{
	pid_t pid = fork();
	int status = -1;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(become_nobody() ? 99 : child());
	while (waitpid(pid, &status, WNOHANG) == 0) {
		server_step(fake.server);
		(void)usleep(200);
	}
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int speak_for_others(void)
{
	struct thermo_access a[4] = { { .addr = 1, .pid = getppid() },
				      { .addr = 2, .space = THERMO_SPACE_PHYSICAL },
				      { .addr = 3, .pid = getpid() },
				      { .addr = 4, .pid = 1 } };
	struct thermo_reporter *r = NULL;

	client.opts.socket = fake.socket;
	if (thermo_client_connect(&r, &client.opts))
		return 1;
	for (int i = 0; i < 4; i++)
		a[i].extent_bytes = 1;
	return thermo_report_accesses(r, a, 4) == 4 ? 0 : 2;
}

static void clients_speak_for_themselves_only(void **state)
{
	(void)state;
	assert_int_equal(run_nobody(speak_for_others), 0);
	while (fake.nr_detached == 0)
		server_step(fake.server);
	assert_int_equal(fake.nr_last, 1);
	assert_int_equal(fake.last[0].addr, 3);
	assert_int_equal(counters().refused, 3);
	assert_int_equal(counters().reports, 1);
	assert_int_equal(counters().unread, 0);
}

static void root_may_speak_for_others_if_it_asks(void **state)
{
	struct thermo_access a[3] = {
		{ .addr = 1, .extent_bytes = 1, .pid = 1 },
		{ .addr = 2, .extent_bytes = 1, .space = THERMO_SPACE_PHYSICAL },
		{ .addr = 3, .extent_bytes = 1 }
	};
	struct thermo_access out[4];

	(void)state;
	if (getuid())
		skip();
	client.opts.for_others = true;
	assert_int_equal(fake_daemon_connect(&fake, &client), 0);
	assert_true(only_client().privileged);
	assert_int_equal(thermo_reporter_pid(fake.attached[0]), 0);
	assert_int_equal(thermo_report_accesses(client.reporter, a, 3), 3);
	assert_int_equal(drain(out, 4), 3);
	assert_int_equal(out[0].pid, 1);
	assert_int_equal(out[1].pid, 0);
	assert_int_equal(out[2].pid, getpid());
}

static int ask_for_more(void)
{
	struct thermo_reporter *r;

	client.opts.socket = fake.socket;
	client.opts.for_others = true;
	return thermo_client_connect(&r, &client.opts) == -EPERM ? 0 : 1;
}

static void who_is_not_root_may_not_ask_for_it(void **state)
{
	(void)state;
	assert_int_equal(run_nobody(ask_for_more), 0);
	assert_int_equal(counters().turned_away, 1);
}

static void root_that_did_not_ask_speaks_for_itself(void **state)
{
	struct thermo_access a = { .addr = 1, .extent_bytes = 1, .pid = 1 }, out;

	(void)state;
	assert_true(thermo_report_access(client.reporter, &a));
	assert_int_equal(drain(&out, 1), 0);
	assert_int_equal(only_client().refused, 1);
}

static int connect_twice(void)
{
	struct thermo_reporter *r[2];

	client.opts.socket = fake.socket;
	if (thermo_client_connect(&r[0], &client.opts))
		return 1;
	if (thermo_client_connect(&r[1], &client.opts) != -EUSERS)
		return 2;
	thermo_client_close(r[0]);
	/* The place is free again, once the daemon has noticed. */
	(void)usleep(20000);
	return thermo_client_connect(&r[1], &client.opts) ? 3 : 0;
}

static void user_has_so_many_clients_at_most(void **state)
{
	(void)state;
	assert_int_equal(start((struct server_opts){ .max_per_uid = 1 }), 0);
	assert_int_equal(run_nobody(connect_twice), 0);
	assert_int_equal(counters().turned_away, 1);
}

static int connect_large(void)
{
	struct thermo_reporter *r[4];

	client.opts.socket = fake.socket;
	client.opts.nr_threads = 1;
	client.opts.nr_reports = 4096;
	/* A quarter each, together not more than half. */
	for (int i = 0; i < 2; i++)
		if (thermo_client_connect(&r[i], &client.opts))
			return 1 + i;
	return thermo_client_connect(&r[2], &client.opts) == -ENOSPC ? 0 : 3;
}

static void user_has_so_much_memory_at_most(void **state)
{
	struct geometry g;

	(void)state;
	assert_int_equal(thermo_geometry_make(1, 4096, &g), 0);
	assert_int_equal(start((struct server_opts){ .max_bytes = 4 * thermo_geometry_bytes(&g) }),
			 0);
	assert_int_equal(run_nobody(connect_large), 0);
}

static int connect_once(void)
{
	struct thermo_reporter *r;

	client.opts.socket = fake.socket;
	return thermo_client_connect(&r, &client.opts) == -EACCES ? 0 : 1;
}

static void others_than_root_can_be_kept_out(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(start((struct server_opts){ .root_only = true }), 0);
	assert_int_equal(run_nobody(connect_once), 0);
	assert_int_equal(stat(fake.socket, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* Also if the socket's mode would let them in. */
	assert_int_equal(chmod(fake.socket, 0666), 0);
	assert_int_equal(run_nobody(connect_once), 0);
	assert_int_equal(counters().turned_away, 1);
}

static int leave_the_connection_to_a_child(void)
{
	struct thermo_reporter *r = NULL;

	client.opts.socket = fake.socket;
	if (thermo_client_connect(&r, &client.opts))
		return 1;
	if (fork() == 0) {
		/* Alive for as long as the daemon keeps the connection. */
		while (thermo_client_connected(r))
			(void)usleep(1000);
		_exit(0);
	}
	return 0;
}

static void connection_ends_with_its_process(void **state)
{
	(void)state;
	assert_int_equal(run_nobody(leave_the_connection_to_a_child), 0);
	server_step(fake.server);
	assert_int_equal(fake.nr_attached, 1);
	fake.now_ns += 1000000000;
	server_step(fake.server);
	assert_int_equal(fake.nr_attached, 0);
	assert_int_equal(fake.nr_detached, 1);
}

static void pid_of_another_process_ends_the_connection(void **state)
{
	(void)state;
	fake.now_ns += 1000000000;
	server_step(fake.server);
	assert_int_equal(fake.nr_attached, 1);
	fake.more_ticks = 1;
	fake.now_ns += 1000000000;
	server_step(fake.server);
	assert_int_equal(fake.nr_attached, 0);
	assert_false(thermo_client_connected(client.reporter));
}

/* --- coming and going --- */

static void last_reports_of_a_client_are_not_lost(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 5; i++)
		assert_true(report(i));
	thermo_client_close(client.reporter);
	client.reporter = NULL;
	server_step(fake.server);
	assert_int_equal(fake.nr_detached, 1);
	assert_int_equal(fake.nr_last, 5);
	assert_int_equal(fake.last[4].addr, 4);
	assert_int_equal(fake.gone.reports, 5);
	assert_int_equal(counters().reports, 5);
	assert_int_equal(server_clients(fake.server, &(struct server_client){ 0 }, 1), 0);
}

static void without_a_daemon_reports_are_dropped_and_counted(void **state)
{
	(void)state;
	server_close(fake.server);
	fake.server = NULL;
	assert_int_equal(fake.nr_detached, 1);
	assert_false(thermo_client_connected(client.reporter));
	for (uint64_t i = 0; i < 2 * NR_SLOTS; i++)
		assert_int_equal(report(i), i < NR_SLOTS);
	assert_int_equal(thermo_reporter_dropped(client.reporter), NR_SLOTS);
	/* And no other daemon is there. */
	struct thermo_reporter *none = NULL;

	client.opts.socket = fake.socket;
	assert_int_equal(thermo_client_connect(&none, &client.opts), -ENOENT);
	assert_reason("is the daemon running");
	assert_null(none);
}

static void client_that_closed_can_connect_again(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_true(report(1));
		thermo_client_close(client.reporter);
		client.reporter = NULL;
		atomic_init(&client.done, false);
		assert_int_equal(fake_daemon_connect(&fake, &client), 0);
	}
	assert_int_equal(counters().connects, 6);
	assert_int_equal(counters().reports, 5);
}

static void clients_beyond_the_limit_are_turned_away_with_the_reason(void **state)
{
	struct fake_connect more = { .opts = { .nr_reports = 8 } };

	(void)state;
	assert_int_equal(start((struct server_opts){ .max_clients = 1 }), 0);
	assert_int_equal(fake_daemon_connect(&fake, &client), 0);
	assert_int_equal(fake_daemon_connect(&fake, &more), -EUSERS);
	assert_non_null(strstr(more.reason, "1 clients already"));
	assert_int_equal(counters().turned_away, 1);
}

static void rings_out_of_range_are_refused_with_the_reason(void **state)
{
	static const struct thermo_client_opts wrong[] = {
		{ .nr_reports = 3 },          { .nr_reports = 131072, .nr_threads = 1 },
		{ .nr_threads = 257 },        { .nr_reports = 65536, .nr_threads = 200 },
		{ .nr_threads = UINT32_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct fake_connect c = { .opts = wrong[i] };

		assert_int_equal(fake_daemon_connect(&fake, &c), -EINVAL);
		assert_non_null(strstr(c.reason, "refused: "));
		assert_null(c.reporter);
	}
	assert_int_equal(counters().turned_away, 5);
	assert_int_equal(fake.nr_attached, 0);
}

static void reason_is_heard_although_the_hello_was_not(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct client_hello hello = { .magic = CLIENT_MAGIC };
	struct client_welcome w;
	int fd;

	(void)state;
	assert_int_equal(start((struct server_opts){ .max_clients = 1 }), 0);
	assert_int_equal(fake_daemon_connect(&fake, &client), 0);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", fake.socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	/* Two packets: one remains unread when the daemon hangs up. */
	assert_int_equal(send(fd, &hello, sizeof(hello), 0), sizeof(hello));
	assert_int_equal(send(fd, &hello, sizeof(hello), 0), sizeof(hello));
	server_step(fake.server);
	/* What the client library relies on. */
	assert_int_equal(recv(fd, &w, sizeof(w), 0), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(recv(fd, &w, sizeof(w), 0), sizeof(w));
	assert_int_equal(w.err, -EUSERS);
	(void)close(fd);
}

static void clock_that_goes_on_harms_nobody(void **state)
{
	(void)state;
	fake.tick_ns = 1;
	assert_int_equal(fake_daemon_connect(&fake, &client), 0);
	for (int i = 0; i < 10; i++)
		server_step(fake.server);
	assert_int_equal(fake.nr_attached, 1);
	assert_int_equal(counters().turned_away, 0);
}

static void owner_may_turn_a_client_away(void **state)
{
	(void)state;
	fake.attach_err = -ENOSPC;
	assert_int_equal(fake_daemon_connect(&fake, &client), -ENOSPC);
	assert_int_equal(fake.nr_detached, 0);
	assert_int_equal(counters().connects, 0);
}

static void names_are_made_printable(void **state)
{
	(void)state;
	client.opts.name = "a\nb\x1b[2J\xff and more than fits";
	assert_int_equal(fake_daemon_connect(&fake, &client), 0);
	assert_string_equal(only_client().name, "a?b?[2J? and mo");
}

/* --- clients that do not use the library --- */

static int raw_connect(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", fake.socket);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static bool is_hung_up(int fd)
{
	struct client_welcome w;

	return recv(fd, &w, sizeof(w), MSG_DONTWAIT) == 0;
}

static void what_is_no_hello_ends_the_connection(void **state)
{
	struct client_hello hello = { .magic = CLIENT_MAGIC, .version = CLIENT_VERSION };
	char large[256] = { 0 };
	struct client_welcome w;

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct client_hello h = hello;
		int fd = raw_connect();

		h.magic ^= i == 2;
		h.version += i == 3;
		h.flags = i == 4 ? 2 : 0;
		memcpy(large, &h, sizeof(h));
		/* Too short, too long, another magic, another version, an unknown wish. */
		(void)send(fd, large, i == 0 ? 1 : i == 1 ? sizeof(large) : sizeof(h), 0);
		server_step(fake.server);
		server_step(fake.server);
		assert_int_equal(recv(fd, &w, sizeof(w), MSG_DONTWAIT), sizeof(w));
		assert_int_equal(w.err, -EPROTO);
		assert_true(is_hung_up(fd));
		(void)close(fd);
	}
	assert_int_equal(counters().turned_away, 5);
	assert_int_equal(fake.nr_attached, 0);
}

static void who_says_nothing_is_hung_up_on(void **state)
{
	int fd = raw_connect();

	(void)state;
	server_step(fake.server);
	fake.now_ns += 2000000000;
	server_step(fake.server);
	assert_false(is_hung_up(fd));
	fake.now_ns += 1;
	server_step(fake.server);
	assert_true(is_hung_up(fd));
	assert_int_equal(counters().turned_away, 1);
	(void)close(fd);
}

static void who_talks_after_the_welcome_is_hung_up_on(void **state)
{
	(void)state;
	assert_int_equal(send(client.reporter->socket_fd, "x", 1, 0), 1);
	server_step(fake.server);
	assert_false(thermo_client_connected(client.reporter));
	assert_int_equal(fake.nr_detached, 1);
}

static void storm_of_connections_makes_the_daemon_look_away_for_a_second(void **state)
{
	(void)state;
	for (int i = 0; i < 60; i++) {
		int fd = raw_connect();

		server_step(fake.server);
		(void)close(fd);
	}
	for (int i = 0; i < 3; i++)
		server_step(fake.server);
	assert_int_equal(counters().turned_away, 32);
	fake.now_ns += 1000000000;
	for (int i = 0; i < 3; i++)
		server_step(fake.server);
	assert_int_equal(counters().turned_away, 60);
	assert_int_equal(fake_daemon_connect(&fake, &client), 0);
}

static void memory_cannot_be_taken_away_below_the_daemon(void **state)
{
	struct client_hello hello = { .magic = CLIENT_MAGIC, .version = CLIENT_VERSION };
	struct client_welcome w;
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec iov = { &w, sizeof(w) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	int fd = raw_connect(), memory_fd = -1;

	(void)state;
	assert_int_equal(send(fd, &hello, sizeof(hello), 0), sizeof(hello));
	server_step(fake.server);
	server_step(fake.server);
	assert_int_equal(recvmsg(fd, &message, MSG_DONTWAIT), sizeof(w));
	memcpy(&memory_fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(memory_fd));
	assert_int_equal(w.err, 0);
	assert_true(w.bytes > 0);
	assert_int_equal(ftruncate(memory_fd, 0), -1);
	assert_int_equal(ftruncate(memory_fd, (off_t)w.bytes * 2), -1);
	assert_int_equal(fcntl(memory_fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	(void)close(memory_fd);
	(void)close(fd);
}

/* --- shared memory as the client likes it --- */

static void impossible_heads_cost_the_ring_its_reports_only(void **state)
{
	struct ring *rings = client.reporter->rings;
	struct thermo_access out[16];

	(void)state;
	assert_true(report(1));
	/* relaxed: one thread, here and below. */
	atomic_store_explicit(&rings[0].head, 0x80000000u, memory_order_relaxed);
	assert_int_equal(drain(out, 16), 0);
	assert_int_equal(only_client().corrupt, 1);
	assert_int_equal(drain(out, 16), 0);
	assert_int_equal(only_client().corrupt, 1);
	assert_true(report(2));
	assert_int_equal(drain(out, 16), 1);
	assert_int_equal(out[0].addr, 2);
}

static void impossible_turns_of_the_shared_ring_are_skipped(void **state)
{
	_Atomic uint32_t *turns = client.reporter->turns;
	struct thermo_access out[16];

	(void)state;
	/* relaxed: one thread, here and below. */
	atomic_store_explicit(&turns[0], 12345, memory_order_relaxed);
	/* relaxed. */
	atomic_store_explicit(&turns[1], 1, memory_order_relaxed);
	client.reporter->shared_slots[1] = (struct thermo_access){ .addr = 9, .extent_bytes = 1 };
	assert_int_equal(drain(out, 16), 1);
	assert_int_equal(out[0].addr, 9);
	assert_int_equal(only_client().corrupt, 1);
	assert_int_equal(drain(out, 16), 0);
}

static void count_of_claimed_rings_is_believed_up_to_their_number(void **state)
{
	struct thermo_access out[16];

	(void)state;
	assert_true(report(1));
	/* relaxed: one thread. */
	atomic_store_explicit(&client.reporter->block->nr_claimed, UINT32_MAX,
			      memory_order_relaxed);
	assert_int_equal(drain(out, 16), 1);
	assert_int_equal(drain(out, 16), 0);
}

static void told_drops_only_grow_and_by_what_is_possible(void **state)
{
	static const struct {
		uint64_t told;
		uint64_t sum;
	} steps[] = { { 5, 5 },          { 3, 5 },
		      { 4, 6 },          { UINT64_MAX, 6 },
		      { 0, 7 },          { 1ull << 33, 7 },
		      { 1ull << 32, 7 }, { 1ull << 33, 7 + (1ull << 32) } };
	struct thermo_access out;

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		/* relaxed: one thread. */
		atomic_store_explicit(&client.reporter->rings[1].dropped, steps[i].told,
				      memory_order_relaxed);
		assert_int_equal(drain(&out, 1), 0);
		assert_int_equal(only_client().dropped, steps[i].sum);
	}
}

static void tail_from_the_daemon_is_not_believed_beyond_the_ring(void **state)
{
	(void)state;
	/* relaxed: one thread.  A daemon out of its mind. */
	atomic_store_explicit(&client.reporter->rings[0].tail, 1u << 31, memory_order_relaxed);
	for (uint64_t i = 0; i < 3 * NR_SLOTS; i++)
		(void)report(i);
	assert_true(thermo_reporter_dropped(client.reporter) > 0);
}

/* --- what it costs the daemon --- */

static size_t drain_for_long(void)
{
	struct thermo_access out[16];
	size_t total = 0;

	for (int i = 0; i < 1000; i++) {
		(void)report(1);
		total += drain(out, 16);
	}
	return total;
}

static void reports_are_taken_within_the_budget(void **state)
{
	(void)state;
	assert_int_equal(start((struct server_opts){ .max_reports_per_s = 100 }), 0);
	assert_int_equal(fake_daemon_connect(&fake, &client), 0);
	server_step(fake.server);
	/* What it begins with, then none until time passes. */
	assert_int_equal(drain_for_long(), 50);
	server_step(fake.server);
	assert_int_equal(drain_for_long(), 0);
	fake.now_ns += 500000000;
	server_step(fake.server);
	assert_int_equal(drain_for_long(), 50);
	/* A quiet hour saves up two seconds. */
	fake.now_ns += 3600000000000ull;
	server_step(fake.server);
	assert_int_equal(drain_for_long(), 200);
	assert_true(only_client().dropped > 0);
}

static void large_extents_count_for_several(void **state)
{
	struct thermo_access large = { .addr = 1, .extent_bytes = 1ull << 40 }, out[16];
	size_t total = 0;

	(void)state;
	assert_int_equal(start((struct server_opts){ .max_reports_per_s = 1300 }), 0);
	assert_int_equal(fake_daemon_connect(&fake, &client), 0);
	server_step(fake.server);
	for (int i = 0; i < 100; i++) {
		(void)thermo_report_access(client.reporter, &large);
		total += drain(out, 1);
	}
	assert_int_equal(total, 650 / 65);
}

static void clients_share_the_budget_evenly(void **state)
{
	struct fake_connect other = { .opts = { .nr_reports = 1024, .nr_threads = 1 } };
	struct thermo_access a = { .addr = 1, .extent_bytes = 1 }, out[1024];

	(void)state;
	client.opts.nr_reports = 1024;
	assert_int_equal(start((struct server_opts){ .max_reports_per_s = 1000 }), 0);
	client.opts.nr_reports = 1024;
	assert_int_equal(fake_daemon_connect(&fake, &client), 0);
	assert_int_equal(fake_daemon_connect(&fake, &other), 0);
	for (int i = 0; i < 1000; i++) {
		assert_true(thermo_report_access(client.reporter, &a));
		assert_true(thermo_report_access(other.reporter, &a));
	}
	server_step(fake.server);
	assert_int_equal(thermo_reporter_drain(fake.attached[0], out, 1024), 250);
	assert_int_equal(thermo_reporter_drain(fake.attached[1], out, 1024), 250);
	thermo_client_close(other.reporter);
}

/* --- daemons that lie --- */

struct liar {
	int fd;
	int memory_fd;
	struct client_welcome welcome;
	size_t bytes; /* of the welcome that are sent */
};

static void *lie(void *arg)
{
	struct liar *l = arg;
	int fd = accept(l->fd, NULL, NULL);
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { &l->welcome, l->bytes };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (l->memory_fd >= 0) {
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);

		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &l->memory_fd, sizeof(int));
	}
	(void)sendmsg(fd, &message, 0);
	(void)usleep(1000);
	(void)close(fd);
	return NULL;
}

static int connect_to_liar(struct liar *l)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct thermo_reporter *none = NULL;
	pthread_t thread;
	int err;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/liar", fake.dir);
	l->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(l->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(l->fd, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, lie, l), 0);
	client.opts.socket = address.sun_path;
	client.opts.timeout_ms = 60000;
	err = thermo_client_connect(&none, &client.opts);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_null(none);
	(void)close(l->fd);
	(void)unlink(address.sun_path);
	return err;
}

static void client_believes_no_memory_that_may_change(void **state)
{
	struct geometry g;
	struct liar l = { .memory_fd = memfd_create("liar", MFD_CLOEXEC | MFD_ALLOW_SEALING),
			  .bytes = sizeof(l.welcome) };

	(void)state;
	assert_int_equal(thermo_geometry_make(2, 8, &g), 0);
	l.welcome = (struct client_welcome){ .magic = CLIENT_MAGIC,
					     .nr_threads = 2,
					     .nr_reports = 8,
					     .bytes = thermo_geometry_bytes(&g) };
	assert_int_equal(ftruncate(l.memory_fd, (off_t)l.welcome.bytes), 0);
	assert_int_equal(connect_to_liar(&l), -EPROTO);
	assert_reason("may change its size");
	assert_int_equal(fcntl(l.memory_fd, F_ADD_SEALS, CLIENT_SEALS), 0);
	l.welcome.nr_threads = 3;
	assert_int_equal(connect_to_liar(&l), -EPROTO);
	assert_reason("unexpected size");
	l.welcome.nr_threads = 2;
	l.welcome.bytes++;
	assert_int_equal(connect_to_liar(&l), -EPROTO);
	l.welcome.bytes--;
	l.welcome.nr_reports = 7;
	assert_int_equal(connect_to_liar(&l), -EINVAL);
	(void)close(l.memory_fd);
	l.memory_fd = -1;
	l.welcome.nr_reports = 8;
	assert_int_equal(connect_to_liar(&l), -EPROTO);
}

static void client_believes_no_welcome_that_is_none(void **state)
{
	struct liar l = { .memory_fd = -1, .bytes = 10, .welcome = { .magic = CLIENT_MAGIC } };

	(void)state;
	assert_int_equal(connect_to_liar(&l), -EPROTO);
	assert_reason("no thermocline daemon");
	l.bytes = sizeof(l.welcome);
	l.welcome.magic = 1;
	assert_int_equal(connect_to_liar(&l), -EPROTO);
	l.welcome.magic = CLIENT_MAGIC;
	l.welcome.err = 1;
	memset(l.welcome.reason, 'x', sizeof(l.welcome.reason));
	assert_int_equal(connect_to_liar(&l), -EPROTO);
	assert_reason("refused: xxx");
}

static void daemon_that_does_not_answer_costs_the_time_given(void **state)
{
	struct thermo_reporter *none = NULL;

	(void)state;
	/* Nobody serves the socket. */
	client.opts.socket = fake.socket;
	client.opts.timeout_ms = 10;
	assert_int_equal(thermo_client_connect(&none, &client.opts), -ETIMEDOUT);
	assert_null(none);
}

static void path_that_no_socket_can_have_is_refused(void **state)
{
	char path[200];
	struct thermo_reporter *none = NULL;

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	client.opts.socket = path;
	assert_int_equal(thermo_client_connect(&none, &client.opts), -ENAMETOOLONG);
}

/* --- under load --- */

#define NR_LOAD 30000u
#define NR_THREADS 3

struct load {
	pthread_t thread;
	uint64_t dropped;
	_Atomic bool done;
};

static void *load(void *arg)
{
	struct load *l = arg;

	for (uint64_t i = 1; i <= NR_LOAD; i++)
		l->dropped += !report(i);
	/* release: the daemon that sees it also sees the last report and the count. */
	atomic_store_explicit(&l->done, true, memory_order_release);
	return NULL;
}

static void every_report_under_load_is_taken_or_told_as_dropped(void **state)
{
	struct load loads[NR_THREADS] = { 0 };
	struct thermo_access out[64];
	uint64_t dropped = 0, taken = 0;
	bool done;

	(void)state;
	for (int i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_create(&loads[i].thread, NULL, load, &loads[i]), 0);
	do {
		size_t nr;

		done = true;
		for (int i = 0; i < NR_THREADS; i++)
			/* acquire: pairs with the release in load(). */
			done &= atomic_load_explicit(&loads[i].done, memory_order_acquire);
		server_step(fake.server);
		while ((nr = drain(out, 64)) > 0)
			taken += nr;
		fake.now_ns += 1000000;
	} while (!done);
	for (int i = 0; i < NR_THREADS; i++) {
		assert_int_equal(pthread_join(loads[i].thread, NULL), 0);
		dropped += loads[i].dropped;
	}
	struct server_client c = only_client();

	assert_int_equal(taken + dropped, NR_THREADS * NR_LOAD);
	assert_int_equal(c.reports, taken);
	assert_int_equal(c.dropped, dropped);
	assert_int_equal(c.refused + c.bad + c.corrupt, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_and_connect, drop)
#define TEST_ALONE(f) cmocka_unit_test_setup_teardown(f, make, drop)
#define TEST_BARE(f) cmocka_unit_test_teardown(f, drop)
	const struct CMUnitTest tests[] = {
		TEST(reports_arrive_with_what_the_client_left_out),
		TEST(client_is_known_by_its_credentials),
		TEST(only_the_daemon_drains_and_only_the_client_reports),
		TEST(drops_of_a_client_are_told),
		TEST(nonsense_is_left_out_and_counted),
		TEST_ALONE(clients_speak_for_themselves_only),
		TEST_ALONE(root_may_speak_for_others_if_it_asks),
		TEST_ALONE(who_is_not_root_may_not_ask_for_it),
		TEST(root_that_did_not_ask_speaks_for_itself),
		TEST_BARE(user_has_so_many_clients_at_most),
		TEST_BARE(user_has_so_much_memory_at_most),
		TEST_BARE(others_than_root_can_be_kept_out),
		TEST_ALONE(connection_ends_with_its_process),
		TEST(pid_of_another_process_ends_the_connection),
		TEST(last_reports_of_a_client_are_not_lost),
		TEST(without_a_daemon_reports_are_dropped_and_counted),
		TEST(client_that_closed_can_connect_again),
		TEST_BARE(clients_beyond_the_limit_are_turned_away_with_the_reason),
		TEST_ALONE(rings_out_of_range_are_refused_with_the_reason),
		TEST_BARE(reason_is_heard_although_the_hello_was_not),
		TEST_ALONE(clock_that_goes_on_harms_nobody),
		TEST_ALONE(owner_may_turn_a_client_away),
		TEST_ALONE(names_are_made_printable),
		TEST_ALONE(what_is_no_hello_ends_the_connection),
		TEST_ALONE(who_says_nothing_is_hung_up_on),
		TEST(who_talks_after_the_welcome_is_hung_up_on),
		TEST_ALONE(storm_of_connections_makes_the_daemon_look_away_for_a_second),
		TEST_ALONE(memory_cannot_be_taken_away_below_the_daemon),
		TEST(impossible_heads_cost_the_ring_its_reports_only),
		TEST(impossible_turns_of_the_shared_ring_are_skipped),
		TEST(count_of_claimed_rings_is_believed_up_to_their_number),
		TEST(told_drops_only_grow_and_by_what_is_possible),
		TEST(tail_from_the_daemon_is_not_believed_beyond_the_ring),
		TEST_BARE(reports_are_taken_within_the_budget),
		TEST_BARE(large_extents_count_for_several),
		TEST_BARE(clients_share_the_budget_evenly),
		TEST_ALONE(client_believes_no_memory_that_may_change),
		TEST_ALONE(client_believes_no_welcome_that_is_none),
		TEST_ALONE(daemon_that_does_not_answer_costs_the_time_given),
		TEST_ALONE(path_that_no_socket_can_have_is_refused),
		TEST(every_report_under_load_is_taken_or_told_as_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
