// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * chmu.c - CXL controllers that count hotness themselves (CXL 3.2, Hotness Monitoring Unit).
 *
 * They see what reaches the device, behind all caches, whoever sent it; so of a process, a
 * thread or a CPU they know nothing, and addresses are the device's, which chmu_map.h makes
 * physical ones.  A unit is used through the kernel's driver where there is one, else, when the
 * user says so, through its registers.
 *
 * Runs in the source's thread.
 */
#include <errno.h>
#include <stdio.h>

#include "core/error.h"
#include "core/host.h"
#include "sources/chmu_watch.h"
#include "thermocline/source.h"

#define WATCHES_MAX 16

struct chmu_source {
	int nr_watches;
	uint8_t op;
	struct chmu_watch watches[WATCHES_MAX];
};

static int open_any(const struct thermo_source_opts *opts, struct chmu_watch *watches, bool probe)
{
	int nr = chmu_perf_open(opts, watches, WATCHES_MAX, probe);

	if (nr == 0)
		nr = chmu_registers_open(opts, watches, WATCHES_MAX, probe);
	if (nr == 0)
		return thermo_fail(-ENODEV,
				   "chmu: no hotness unit: no CXL device here has one (Register "
				   "Locator block 5), and the kernel has no cxl_hmu PMU");
	return nr;
}

static int chmu_probe(const struct thermo_source_opts *opts)
{
	struct chmu_watch watches[WATCHES_MAX] = { 0 };
	int nr = open_any(opts, watches, true);

	return nr < 0 ? nr : 0;
}

static int chmu_open(void *state, const struct thermo_source_opts *opts)
{
	struct chmu_source *c = state;
	int nr = open_any(opts, c->watches, false);

	c->op = opts->chmu_count;
	c->nr_watches = nr < 0 ? 0 : nr;
	return nr < 0 ? nr : 0;
}

static int replay_probe(const struct thermo_source_opts *opts)
{
	struct chmu_watch watch = { 0 };
	int nr = chmu_replay_open(opts, &watch, 1, true);

	return nr < 0 ? nr : 0;
}

static int replay_open(void *state, const struct thermo_source_opts *opts)
{
	struct chmu_source *c = state;
	int nr = chmu_replay_open(opts, c->watches, 1, false);

	c->nr_watches = nr < 0 ? 0 : nr;
	return nr < 0 ? nr : 0;
}

static int chmu_start(void *state)
{
	struct chmu_source *c = state;
	int err = 0;

	for (int i = 0; i < c->nr_watches && !err; i++)
		err = chmu_watch_start(&c->watches[i], c->op);
	return err;
}

/* Fewer entries, as far as there can be fewer: a higher threshold. */
static int chmu_set_rate(void *state, uint32_t permille)
{
	struct chmu_source *c = state;

	for (int i = 0; i < c->nr_watches; i++)
		c->watches[i].tuner.rate_permille = permille;
	return 0;
}

/* The reason is why it failed, not how it then took its end. */
static int give_up(struct chmu_watch *w, int err)
{
	char reason[256];

	(void)snprintf(reason, sizeof(reason), "%s", thermo_last_error());
	w->failed = true;
	w->counters.lost++;
	chmu_watch_stop(w);
	return thermo_fail(err, "%s", reason);
}

/* A unit that fails is given up; the source ends when it was the last. */
static int chmu_drain(void *state, struct thermo_reporter *reporter)
{
	struct chmu_source *c = state;
	int total = 0, alive = 0, err = 0;

	for (int i = 0; i < c->nr_watches; i++) {
		struct chmu_watch *w = &c->watches[i];
		int n = w->failed ? 0 : chmu_watch_drain(w, reporter);

		if (n < 0)
			err = give_up(w, n);
		alive += !w->failed;
		total += n > 0 ? n : 0;
	}
	return alive ? total : err ? err : -ENODEV;
}

static void chmu_counters(const void *state, struct thermo_source_counters *counters)
{
	const struct chmu_source *c = state;

	*counters = (struct thermo_source_counters){ 0 };
	for (int i = 0; i < c->nr_watches; i++) {
		const struct thermo_source_counters *own = &c->watches[i].counters;

		counters->seen += own->seen;
		counters->reported += own->reported;
		counters->lost += own->lost;
		counters->useless += own->useless;
	}
}

static void chmu_stop(void *state)
{
	struct chmu_source *c = state;

	for (int i = 0; i < c->nr_watches; i++)
		chmu_watch_stop(&c->watches[i]);
}

static void chmu_close(void *state)
{
	struct chmu_source *c = state;

	for (int i = 0; i < WATCHES_MAX; i++)
		chmu_watch_close(&c->watches[i]);
	c->nr_watches = 0;
}

const struct thermo_source thermo_source_chmu = {
	.name = "chmu",
	.summary = "hotness units of CXL devices: which granules were hot, and how hot",
	.can = THERMO_CAN_PHYSICAL | THERMO_CAN_LEVEL,
	.granularity_bytes = 4096,
	.cost = "none for the CPUs' accesses; a report for each hot granule and epoch",
	.changes = "with --chmu-registers: the registers of units that no driver has",
	.state_bytes = sizeof(struct chmu_source),
	.drain_interval_ms = 50,
	.probe = chmu_probe,
	.open = chmu_open,
	.start = chmu_start,
	.set_rate = chmu_set_rate,
	.drain = chmu_drain,
	.counters = chmu_counters,
	.stop = chmu_stop,
	.close = chmu_close,
};

const struct thermo_source thermo_source_chmu_replay = {
	.name = "chmu-replay",
	.summary = "the hotlist of a CXL hotness unit that was recorded (--chmu-replay FILE)",
	.can = THERMO_CAN_PHYSICAL | THERMO_CAN_LEVEL,
	.granularity_bytes = 256,
	.cost = "none",
	.by_name_only = true,
	.state_bytes = sizeof(struct chmu_source),
	.drain_interval_ms = 50,
	.probe = replay_probe,
	.open = replay_open,
	.start = chmu_start,
	.drain = chmu_drain,
	.counters = chmu_counters,
	.stop = chmu_stop,
	.close = chmu_close,
};
