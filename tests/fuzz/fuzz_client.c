/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_client.c - a client writes anything anywhere into the memory that it shares with
 * the daemon, before, between and while the daemon drains.
 *
 * The daemon's side must not crash, must end, must take no more than its budget, and must
 * give out no report that the client may not make.
 */
#include <stdlib.h>
#include <string.h>

#include "report_api/server_client.h"
#include "tests/unit/report_api/fake_daemon.h"

#define NR_SLOTS 8u
#define BUDGET_PER_STEP 1000u
#define BATCH 32u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* One write of the input. */
struct scribble {
	uint32_t at;
	uint8_t how;
	uint8_t bytes[8];
} __attribute__((packed));

static struct fake_daemon fake;
static struct fake_connect client;
static size_t block_bytes;

/* The other thread: writes the input over and over, wherever the daemon is. */
static struct {
	const uint8_t *data;
	size_t bytes;
	_Atomic bool stop;
} storm;

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void set_up(void)
{
	client.opts = (struct thermo_client_opts){ .nr_reports = NR_SLOTS, .nr_threads = 3 };
	require(fake_daemon_start(&fake,
				  (struct server_opts){ .max_reports_per_s = BUDGET_PER_STEP }) ==
		0);
	require(fake_daemon_connect(&fake, &client) == 0);
	block_bytes = client.reporter->block_bytes;
}

/* What a report must be, whatever was written. */
static void check(const struct thermo_access *a)
{
	require(a->pid == getpid() && a->space == THERMO_SPACE_VIRTUAL);
	require(a->source == FAKE_SOURCE && a->tid >= 0);
	require(a->extent_bytes && a->addr + a->extent_bytes > a->addr);
	require(a->op < THERMO_NR_OPS && a->level < THERMO_NR_LEVELS);
	require(a->scope <= THERMO_SCOPE_LOWER_TIERS && a->count <= THERMO_COUNT_AT_MOST);
	require(a->time_ns <= fake.now_ns && a->watched_ns <= fake.now_ns);
}

/* As a monitor does it, until there is nothing more. */
static void drain(void)
{
	struct thermo_access *out = malloc(BATCH * sizeof(*out));
	size_t nr, total = 0;

	require(out && fake.nr_attached == 1);
	fake.now_ns += 1000000000;
	server_step(fake.server);
	while ((nr = thermo_reporter_drain(fake.attached[0], out, BATCH)) > 0) {
		require(nr <= BATCH);
		for (size_t i = 0; i < nr; i++)
			check(&out[i]);
		total += nr;
		/* Two seconds' worth, and a batch that may overdraw it. */
		require(total <= 2 * BUDGET_PER_STEP + BATCH);
	}
	free(out);
}

/*
 * Half of the writes hit the indices, which are few bytes among many; some are small
 * steps from what is there, as an attacker would make them.
 */
static void scribble(const struct scribble *s)
{
	size_t indices = (size_t)((char *)client.reporter->slots - (char *)client.reporter->block);
	size_t room = s->how & 1 ? indices : block_bytes;
	size_t len = (s->how >> 1 & 7) + 1;
	size_t at = s->at % (room - len + 1);
	char *to = (char *)client.reporter->block + at;
	uint32_t word;

	if (s->how & 16) {
		to = (char *)client.reporter->block + at / 4 * 4 % (room - 4);
		memcpy(&word, to, sizeof(word));
		word += s->bytes[0];
		memcpy(to, &word, sizeof(word));
	} else {
		memcpy(to, s->bytes, len);
	}
}

static void *write_over_and_over(void *arg)
{
	struct scribble s;

	(void)arg;
	/* relaxed: it only has to be seen at last. */
	while (!atomic_load_explicit(&storm.stop, memory_order_relaxed))
		for (size_t at = 0; at + sizeof(s) <= storm.bytes; at += sizeof(s)) {
			memcpy(&s, storm.data + at, sizeof(s));
			scribble(&s);
		}
	return NULL;
}

static void scribble_while_draining(const uint8_t *data, size_t bytes)
{
	pthread_t thread;

	storm.data = data;
	storm.bytes = bytes;
	/* relaxed: the thread does not exist yet. */
	atomic_store_explicit(&storm.stop, false, memory_order_relaxed);
	require(pthread_create(&thread, NULL, write_over_and_over, NULL) == 0);
	for (int i = 0; i < 8; i++)
		drain();
	/* relaxed: it only has to be seen at last. */
	atomic_store_explicit(&storm.stop, true, memory_order_relaxed);
	require(pthread_join(thread, NULL) == 0);
}

/* A client that means well, in memory that is broken. */
static void report_some(uint8_t nr)
{
	struct thermo_access a = { .addr = 4096, .extent_bytes = 4096, .nr_accesses = 1 };

	for (uint8_t i = 0; i < nr % (2 * NR_SLOTS); i++)
		(void)thermo_report_access(client.reporter, &a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct scribble s;

	if (!fake.server)
		set_up();
	for (size_t at = 0; at + sizeof(s) <= bytes; at += sizeof(s)) {
		memcpy(&s, data + at, sizeof(s));
		if (s.how & 32)
			report_some(s.bytes[0]);
		else
			scribble(&s);
		if (s.how & 64)
			drain();
	}
	drain();
	/* Seldom: a thread takes longer than all the rest. */
	if (bytes >= sizeof(s) && (data[4] & 0x80) && data[0] % 16 == 0)
		scribble_while_draining(data, bytes);
	return 0;
}
