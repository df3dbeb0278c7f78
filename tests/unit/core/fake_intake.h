/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_intake.h - targets made by hand, one reporter, and windows of a second.
 */
#ifndef TESTS_UNIT_CORE_FAKE_INTAKE_H
#define TESTS_UNIT_CORE_FAKE_INTAKE_H

#include "core/balance.h"
#include "core/ingest.h"
#include "tests/unit/test.h"

#define PAGE 4096ull
#define MIB (1ull << 20)
#define SECOND 1000000000ull
#define BASE 0x40000000ull
#define PID 42

static struct target list[3];
static struct targets targets;
static struct ingest ingest;
static struct intake intake;
static uint64_t now_ns;

/* 8 MiB in four regions, and 8 MiB in one after a gap of 8 MiB. */
static inline struct target *add_target(pid_t pid)
{
	const struct thermo_range ranges[] = { { BASE, BASE + 8 * MIB },
					       { BASE + 16 * MIB, BASE + 24 * MIB } };
	const struct cut cuts[] = { { BASE + 2 * MIB, 1 },
				    { BASE + 4 * MIB, 1 },
				    { BASE + 6 * MIB, 1 } };
	struct target *t = &list[targets.nr++];

	*t = (struct target){ .info.pid = pid };
	assert_int_equal(target_follow(t, ranges, 2, 1), 0);
	assert_int_equal(target_split(t, cuts, 3), 0);
	ingest_forget_targets(&ingest);
	return t;
}

static inline int make(void **state)
{
	(void)state;
	targets = (struct targets){ .list = list };
	ingest_init(&ingest, &targets);
	intake = (struct intake){ .reporter = NULL };
	now_ns = SECOND;
	return thermo_reporter_new(
			&intake.reporter,
			&(struct thermo_reporter_opts){ .nr_reports = 1 << 12, .nr_threads = 1 });
}

static inline int drop(void **state)
{
	(void)state;
	for (size_t i = 0; i < targets.nr; i++)
		target_fini(&list[i]);
	thermo_reporter_free(intake.reporter);
	return 0;
}

static inline struct thermo_access watched(uint64_t addr, uint64_t bytes, uint32_t accesses)
{
	return (struct thermo_access){ .addr = addr,
				       .extent_bytes = bytes,
				       .watched_ns = SECOND,
				       .nr_accesses = accesses,
				       .pid = PID,
				       .cpu = THERMO_CPU_UNKNOWN,
				       .node = THERMO_NODE_UNKNOWN };
}

static inline struct thermo_access sample(uint64_t addr, uint32_t period)
{
	struct thermo_access a = watched(addr, 1, period);

	a.watched_ns = 0;
	return a;
}

static inline void report(struct thermo_access a)
{
	assert_true(thermo_report_access(intake.reporter, &a));
}

static inline size_t drain(void)
{
	return ingest_drain(&ingest, &intake);
}

static inline void end_window(void)
{
	double watched_s = intake_close_window(&ingest, &intake, SECOND);

	now_ns += SECOND;
	for (size_t i = 0; i < targets.nr; i++)
		(void)target_close_window(&list[i], now_ns, 5 * SECOND, watched_s);
}

static inline struct rate open_window(const struct target *t)
{
	struct rate sum = { 0, 0, 0 };

	for (size_t i = 0; i < t->nr_regions; i++) {
		struct rate r = evidence_rate(&t->regions[i].window, 0, EVIDENCE_BINS);

		sum.events += r.events;
		sum.exposure += r.exposure;
	}
	return sum;
}

static inline double accesses_per_s(const struct target *t)
{
	double sum = 0;

	for (size_t i = 0; i < t->nr_regions; i++) {
		struct rate r = region_rate(&t->regions[i]);

		sum += rate_per_byte(&r, 0) * (double)region_bytes(&t->regions[i]);
	}
	return sum;
}

static inline void forget_all(struct target *t)
{
	for (size_t i = 0; i < t->nr_regions; i++)
		region_init(&t->regions[i], t->regions[i].start, t->regions[i].end);
}

#endif
