/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_monitor.h - a monitor of a fake machine, with one reporter and windows of a second. */
#ifndef TESTS_UNIT_CORE_FAKE_MONITOR_H
#define TESTS_UNIT_CORE_FAKE_MONITOR_H

#include "tests/unit/fake_host.h"
#include "tests/unit/test.h"
#include "thermocline/monitor.h"

#define MIB (1ull << 20)
#define SECOND 1000000000ull
#define BASE 0x40000000ull
#define PID 42

static struct fake_host fake;
static struct thermo_monitor *monitor;
static struct thermo_reporter *reporter;
static struct thermo_snapshot *snapshot;

static inline void put_process(pid_t pid, uint64_t start_ticks, uint64_t bytes)
{
	char maps[128];

	(void)snprintf(maps, sizeof(maps), "%llx-%llx rw-p 0 0:0 0\n", (unsigned long long)BASE,
		       (unsigned long long)(BASE + bytes));
	fake_process(&fake, &(struct fake_process){ .pid = pid,
						    .name = "app",
						    .rss_pages = bytes / 4096,
						    .start_ticks = start_ticks,
						    .maps = maps });
}

static inline int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	snapshot = NULL;
	return thermo_monitor_new(&monitor, &fake.host, &(struct thermo_monitor_opts){ 0 }) ||
	       thermo_reporter_new(&reporter, &(struct thermo_reporter_opts){ .nr_reports = 1 << 16,
									      .nr_threads = 1 }) ||
	       thermo_monitor_add_reporter(monitor, reporter, "test");
}

static inline int drop(void **state)
{
	(void)state;
	thermo_snapshot_put(snapshot);
	thermo_monitor_free(monitor);
	thermo_reporter_free(reporter);
	fake_host_fini(&fake);
	return 0;
}

static inline void remake(const struct thermo_monitor_opts *opts)
{
	thermo_monitor_free(monitor);
	assert_int_equal(thermo_monitor_new(&monitor, &fake.host, opts), 0);
	assert_int_equal(thermo_monitor_add_reporter(monitor, reporter, "test"), 0);
}

static inline int watch_all(void)
{
	return thermo_monitor_update_targets(monitor,
					     &(struct thermo_target_spec){ .name = "app" });
}

static inline const struct thermo_snapshot *next_window(void)
{
	fake_advance(&fake, SECOND);
	thermo_snapshot_put(snapshot);
	snapshot = NULL;
	assert_int_equal(thermo_monitor_close_window(monitor, &snapshot), 0);
	return snapshot;
}

static inline struct thermo_access exact(uint64_t addr, uint64_t bytes, uint32_t accesses)
{
	return (struct thermo_access){ .addr = addr,
				       .extent_bytes = bytes,
				       .watched_ns = SECOND,
				       .nr_accesses = accesses,
				       .pid = PID,
				       .cpu = THERMO_CPU_UNKNOWN,
				       .node = THERMO_NODE_UNKNOWN };
}

static inline void report(struct thermo_access access)
{
	assert_true(thermo_report_access(reporter, &access));
}

static inline double total_rate(const struct thermo_snapshot *s)
{
	double sum = 0;

	for (uint32_t i = 0; i < s->nr_regions; i++)
		sum += s->regions[i].accesses_per_s;
	return sum;
}

static inline const struct thermo_region *region_at(const struct thermo_snapshot *s, uint64_t addr)
{
	for (uint32_t i = 0; i < s->nr_regions; i++)
		if (s->regions[i].start <= addr && addr < s->regions[i].end)
			return &s->regions[i];
	fail_msg("no region holds %#llx", (unsigned long long)addr);
	return NULL;
}

#endif
