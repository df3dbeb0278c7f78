// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guard.c - which of a client's reports are let through, and how many.
 *
 * What is looked at here is a private copy.  A client may say what it likes about its own
 * memory; the daemon believes it, as it believes where the client touches it.  Nobody but
 * root, if it asked for that, says anything about somebody else's.  The thread in tid is told, not
 * proven: it only names whom accesses to the client's own memory are put down to.
 */
#include "report_api/server_client.h"

#include <string.h>

#define NS_PER_S 1000000000ull
/* Saved up while there was little to take. */
#define BURST_S 2u
/* A report of so much counts once more, for it may touch so many more regions. */
#define EXTENT_BYTES_PER_COUNT (64ull << 10)
#define MAX_EXTENT_COUNT 64u

enum verdict { GOOD, REFUSED, BAD };

static bool makes_sense(const struct thermo_access *a)
{
	return a->extent_bytes && a->addr + a->extent_bytes > a->addr && a->op < THERMO_NR_OPS &&
	       a->space <= THERMO_SPACE_PHYSICAL && a->level < THERMO_NR_LEVELS &&
	       a->scope <= THERMO_SCOPE_LOWER_TIERS && a->count <= THERMO_COUNT_AT_MOST &&
	       a->pid >= 0 && a->tid >= 0 && a->node >= THERMO_NODE_UNKNOWN;
}

static enum verdict judge(const struct client *c, const struct thermo_access *a)
{
	if (!makes_sense(a))
		return BAD;
	if (c->info.privileged)
		return GOOD;
	if (a->space == THERMO_SPACE_PHYSICAL || (a->pid && a->pid != c->info.pid))
		return REFUSED;
	return GOOD;
}

/* What a client leaves out, or cannot know better than we. */
static void complete(const struct client *c, struct thermo_access *a, uint64_t now_ns)
{
	if (a->pid == 0 && a->space == THERMO_SPACE_VIRTUAL)
		a->pid = c->info.pid;
	if (a->time_ns == 0 || a->time_ns > now_ns)
		a->time_ns = now_ns;
	/* Nobody has watched for longer than the machine runs. */
	if (a->watched_ns > now_ns)
		a->watched_ns = now_ns;
	a->source = c->server->opts.source;
	memset(a->reserved, 0, sizeof(a->reserved));
}

static uint64_t cost_of(const struct thermo_access *a)
{
	uint64_t more = a->extent_bytes / EXTENT_BYTES_PER_COUNT;

	return 1 + (more < MAX_EXTENT_COUNT ? more : MAX_EXTENT_COUNT);
}

static void spend(struct client *c, uint64_t cost)
{
	c->quota -= cost < c->quota ? cost : c->quota;
	c->server->budget -= (int64_t)cost;
}

static size_t quota(void *arg, size_t max)
{
	const struct client *c = arg;

	if (c->server->budget <= 0)
		return 0;
	return c->quota < max ? (size_t)c->quota : max;
}

static size_t check(void *arg, struct thermo_access *batch, size_t nr)
{
	struct client *c = arg;
	const struct server_opts *opts = &c->server->opts;
	uint64_t now_ns = opts->ops->now_ns(opts->arg), cost = 0;
	size_t kept = 0;

	for (size_t i = 0; i < nr; i++) {
		enum verdict verdict = judge(c, &batch[i]);

		cost += cost_of(&batch[i]);
		c->info.refused += verdict == REFUSED;
		c->info.bad += verdict == BAD;
		if (verdict != GOOD)
			continue;
		batch[kept] = batch[i];
		complete(c, &batch[kept++], now_ns);
	}
	c->info.reports += kept;
	spend(c, cost);
	return kept;
}

void guard_init(struct client *c)
{
	c->guard = (struct drain_guard){ .quota = quota, .check = check, .arg = c };
	c->reporter->guard = &c->guard;
	c->reporter->source = c->server->opts.source;
	c->reporter->subject = c->info.privileged ? 0 : c->info.pid;
}

void guard_refill(struct thermo_server *s, uint64_t now_ns)
{
	uint64_t rate = s->opts.max_reports_per_s, passed_ns = now_ns - s->refill_ns;
	int64_t most = (int64_t)(BURST_S * rate);

	if (passed_ns > BURST_S * NS_PER_S)
		passed_ns = BURST_S * NS_PER_S;
	s->refill_ns = now_ns;
	s->budget += (int64_t)((double)rate * ((double)passed_ns / NS_PER_S));
	if (s->budget > most)
		s->budget = most;
	for (uint32_t i = 0; i < s->nr_clients; i++)
		s->clients[i]->quota = s->budget > 0 ? (uint64_t)s->budget / s->nr_clients : 0;
}
