/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_pmu.c - formats, events, capabilities and a user's event of any bytes: no crash,
 * and nothing gets into bits that the format does not have.
 *
 * The input is lines: a format, an event, a PMU's name of itself, and what the user names.
 */
#include "tests/unit/fake_host.h"

#include "core/error.h"
#include "sources/pmu_format.h"
#include "sources/pmu_plan.h"

#define CPU "sys/bus/event_source/devices/cpu/"
#define LINES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct fake_host fake;

static void clean_up(void)
{
	fake_host_fini(&fake);
}

static void make_machine(void)
{
	fake_host_init(&fake);
	fake_write(&fake, CPU "type", "4\n");
	fake_write(&fake, CPU "format/event", "config:0-7\n");
	fake_write(&fake, CPU "format/umask", "config:8-15\n");
	fake_write(&fake, CPU "events/mem-loads-aux", "event=0x03,umask=0x82\n");
	fake_write(&fake, "sys/bus/event_source/devices/software/type", "1\n");
	fake_write(&fake, "sys/devices/system/cpu/online", "0-3\n");
	fake_write(&fake, "proc/sys/kernel/perf_event_paranoid", "2\n");
	(void)atexit(clean_up);
}

static void check_format(const char *text)
{
	union pmu_attr attr = { 0 };
	struct pmu_format f;

	if (pmu_format_parse(text, &f))
		return;
	if (!f.bits || pmu_format_put(&f, &attr, pmu_format_max(&f)) ||
	    *pmu_attr_word(&attr, f.word) != f.bits)
		abort();
	if (pmu_format_max(&f) != ~0ull &&
	    pmu_format_put(&f, &attr, pmu_format_max(&f) + 1) != -ERANGE)
		abort();
}

static void check_plan(struct pmu_plan *plan, int err)
{
	if (err && !thermo_last_error()[0])
		abort();
	for (size_t i = 0; !err && i < plan->nr_events; i++) {
		struct pmu_attr_field fields[PMU_ATTR_FIELDS];
		const struct pmu_event *e = &plan->events[i];

		if (e->leader >= (int)i || hwloc_bitmap_weight(e->cpus) != 4 ||
		    pmu_attr_fields(&e->attr, fields) > PMU_ATTR_FIELDS)
			abort();
	}
	pmu_plan_fini(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const struct pmu_goal all = { .kinds = PMU_LOADS | PMU_STORES | PMU_L3_MISSES };
	char text[2048], *line[LINES], *rest = text;
	struct pmu_plan plan;

	if (bytes >= sizeof(text))
		return 0;
	if (!fake.root[0])
		make_machine();
	memcpy(text, data, bytes);
	text[bytes] = '\0';
	for (int i = 0; i < LINES; i++)
		line[i] = rest ? strsep(&rest, "\n") : text + bytes;
	fake_write(&fake, CPU "format/ldlat", line[0]);
	fake_write(&fake, CPU "events/mem-loads", line[1]);
	fake_write(&fake, CPU "caps/pmu_name", line[2]);
	check_format(line[0]);
	check_plan(&plan, pmu_plan_make(&plan, &fake.host, &all));
	check_plan(&plan, pmu_plan_named(&plan, &fake.host, &all, line[3]));
	return 0;
}
