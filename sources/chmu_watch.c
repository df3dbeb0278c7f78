// SPDX-License-Identifier: GPL-2.0-or-later
/* chmu_watch.c - see chmu_watch.h. */
#include "sources/chmu_watch.h"

#include <errno.h>
#include <stdlib.h>

#include "core/host.h"

#define SPAN_NS 1000000000ull
#define SPAN_EPOCHS 4u
/* What a request of the host to a CXL device moves. */
#define LINE_BYTES 64

static uint32_t at_most_u32(double value)
{
	return value < (double)UINT32_MAX ? (uint32_t)(value + 0.5) : UINT32_MAX;
}

static void begin_span(struct chmu_watch *w)
{
	chmu_span_begin(&w->span, thermo_host_now_ns(w->host));
}

static uint32_t request_of(uint8_t op)
{
	return op == THERMO_OP_READ    ? CHMU_REQUEST_READ
	       : op == THERMO_OP_WRITE ? CHMU_REQUEST_WRITE
				       : CHMU_REQUEST_ALL;
}

/* A threshold that was lowered shows how far the counters go, for granules of that size. */
static int start(struct chmu_watch *w)
{
	uint32_t asked = w->config.threshold;
	int err = w->way->start(w->state, &w->config);

	if (!err && w->config.threshold < asked)
		w->limits.max_threshold = w->config.threshold;
	return err;
}

int chmu_watch_start(struct chmu_watch *w, uint8_t op)
{
	int err = chmu_map_range(&w->map, &w->config.range_start, &w->config.range_bytes);

	w->op = op;
	chmu_tuner_init(&w->tuner, thermo_host_now_ns(w->host));
	if (!err && w->way->can_tune) {
		struct chmu_config first = chmu_tuner_first(&w->limits);

		first.range_start = w->config.range_start;
		first.range_bytes = w->config.range_bytes;
		first.request = request_of(op);
		w->config = first;
	}
	if (!err)
		err = start(w);
	begin_span(w);
	return err;
}

/* --- reports --- */

/*
 * @accesses in @watched_ns to a stretch of the device: to each of its extents its share.
 * Where an extent holds others' memory too, it was watched less by so much.
 */
static void report(struct chmu_watch *w, uint64_t dpa, uint64_t bytes, double accesses,
		   double watched_ns, enum thermo_count count)
{
	struct chmu_extent extents[CHMU_EXTENTS_MAX];
	int nr = chmu_map_extents(&w->map, dpa, bytes, extents);

	if (nr <= 0) {
		w->counters.useless++;
		return;
	}
	for (int i = 0; i < nr; i++) {
		struct thermo_access access = {
			.addr = extents[i].addr,
			.extent_bytes = extents[i].bytes,
			.time_ns = w->now_ns,
			.watched_ns = (uint64_t)(watched_ns * extents[i].density) + 1,
			.nr_accesses = at_most_u32(accesses * extents[i].share),
			.cpu = THERMO_CPU_UNKNOWN,
			.node = THERMO_NODE_UNKNOWN,
			.access_bytes = LINE_BYTES,
			.op = w->op,
			.space = THERMO_SPACE_PHYSICAL,
			.level = THERMO_LEVEL_CXL,
			.count = (uint8_t)count,
		};

		/* "At most none" is none. */
		if (access.nr_accesses == 0)
			access.count = THERMO_COUNT_EXACT;
		(void)thermo_report_access(w->reporter, &access);
		w->counters.reported++;
	}
}

static double downsampling(const struct chmu_watch *w)
{
	return (double)(1ull << w->config.downsampling_log2);
}

static void take_hot(void *data, const struct chmu_hot *hot)
{
	struct chmu_watch *w = data;

	w->counters.seen++;
	w->span.nr_saturated += chmu_hot_is_saturated(hot);
	chmu_span_add(&w->span, hot->dpa / hot->bytes);
	report(w, hot->dpa, hot->bytes, (double)hot->count * downsampling(w),
	       (double)w->config.epoch_ns, THERMO_COUNT_EXACT);
}

/*
 * Whether a count that equals the threshold is listed is not said in public; "at most the
 * threshold" is true either way.  A long stretch is cut where its number gets too large.
 */
static void take_unlisted(void *data, uint64_t granule, uint64_t nr, uint64_t nr_epochs)
{
	struct chmu_watch *w = data;
	double each = (double)w->config.threshold * downsampling(w) * (double)nr_epochs;
	uint64_t most = each < (double)UINT32_MAX ? (uint64_t)((double)UINT32_MAX / each) : 1;

	while (nr) {
		uint64_t part = nr < most ? nr : most;

		report(w, granule << w->config.unit_log2, part << w->config.unit_log2,
		       each * (double)part, (double)nr_epochs * (double)w->config.epoch_ns,
		       THERMO_COUNT_AT_MOST);
		granule += part;
		nr -= part;
	}
}

/* --- spans --- */

/*
 * The first epoch began and the last one ended somewhere within: one less is sure.  A unit
 * that was listed once more than that was listed in all.
 */
static void end_span(struct chmu_watch *w)
{
	uint64_t epochs = (w->now_ns - w->span.start_ns) / w->config.epoch_ns;
	uint64_t start = w->config.range_start >> w->config.unit_log2;
	uint64_t end = (w->config.range_start + w->config.range_bytes) >> w->config.unit_log2;

	if (epochs > 1)
		chmu_span_unlisted(&w->span, start, end, epochs - 1, take_unlisted, w);
}

static int tune(struct chmu_watch *w)
{
	struct chmu_seen seen = {
		.now_ns = w->now_ns,
		.nr_epochs = (double)(w->now_ns - w->span.start_ns) / (double)w->config.epoch_ns,
		.nr_entries = w->span.nr,
		.nr_saturated = w->span.nr_saturated,
		.overflow = w->span.overflow,
	};
	struct chmu_config config = w->config;

	if (!w->way->can_tune || !chmu_tuner_step(&w->tuner, &w->limits, &seen, &config))
		return 0;
	if (config.unit_log2 != w->config.unit_log2)
		w->limits.max_threshold = UINT32_MAX;
	w->config = config;
	return start(w);
}

static bool span_is_over(const struct chmu_watch *w)
{
	uint64_t length_ns = w->now_ns - w->span.start_ns;

	/* While entries are dropped, every look is worth less than another threshold. */
	if (w->span.overflow)
		return length_ns >= 2 * w->config.epoch_ns;
	return length_ns >= SPAN_NS && length_ns >= SPAN_EPOCHS * w->config.epoch_ns;
}

int chmu_watch_drain(struct chmu_watch *w, struct thermo_reporter *reporter)
{
	uint64_t before = w->counters.reported;
	struct chmu_found found = { 0 };
	int err;

	w->reporter = reporter;
	w->now_ns = thermo_host_now_ns(w->host);
	chmu_map_refresh(&w->map);
	err = w->way->drain(w->state, take_hot, w, &found);
	w->counters.lost += found.nr_lost;
	w->counters.seen += found.nr_bad;
	w->counters.useless += found.nr_bad;
	w->span.overflow |= found.overflow;
	w->span.broken |= found.overflow || found.nr_bad;
	if (!err && span_is_over(w)) {
		end_span(w);
		err = tune(w);
		begin_span(w);
	}
	return err ? err : (int)(w->counters.reported - before);
}

void chmu_watch_stop(struct chmu_watch *w)
{
	if (w->way && w->state)
		w->way->stop(w->state);
}

void chmu_watch_close(struct chmu_watch *w)
{
	if (w->way && w->state)
		w->way->close(w->state);
	chmu_map_close(&w->map);
	chmu_span_fini(&w->span);
	free(w->state);
	*w = (struct chmu_watch){ 0 };
}
