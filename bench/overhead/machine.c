// SPDX-License-Identifier: GPL-2.0-or-later
/* machine.c - see machine.h. */
#include "bench/overhead/machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/number.h"

#define CPU_DIR "sys/devices/system/cpu"
#define MAX_CACHE_LEVELS 8

/* The value of the first line "KEY ...: VALUE" of @text; what has none is left alone. */
static void find_value(const char *text, const char *key, char *value, size_t size)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		size_t len = strcspn(line, "\n");
		const char *colon = memchr(line, ':', len);

		if (strncmp(line, key, strlen(key)) != 0 || !colon)
			continue;
		const char *from = colon + 1 + strspn(colon + 1, " \t");

		if (from < line + len)
			(void)snprintf(value, size, "%.*s", (int)(line + len - from), from);
		return;
	}
}

/* Arm has no model name, only numbers of who made it and what. */
static void read_cpu(struct overhead_machine *m, const struct thermo_host *host)
{
	AUTO_FREE char *text = NULL;
	char flags[4096] = "", maker[32] = "", part[32] = "";

	if (thermo_host_read_all(host, &text, "proc/cpuinfo") < 0)
		return;
	find_value(text, "flags", flags, sizeof(flags));
	m->is_virtual = strstr(flags, " hypervisor") != NULL;
	find_value(text, "CPU implementer", maker, sizeof(maker));
	find_value(text, "CPU part", part, sizeof(part));
	if (maker[0])
		(void)snprintf(m->cpu, sizeof(m->cpu), "implementer %s part %s", maker, part);
	find_value(text, "model name", m->cpu, sizeof(m->cpu));
}

static void read_governors(struct overhead_machine *m, const struct thermo_host *host,
			   hwloc_const_bitmap_t online)
{
	char text[sizeof(m->governor)];
	bool first = true;

	for (int cpu = hwloc_bitmap_first(online); cpu >= 0; cpu = hwloc_bitmap_next(online, cpu)) {
		if (thermo_host_read(host, text, sizeof(text),
				     CPU_DIR "/cpu%d/cpufreq/scaling_governor", cpu) < 0)
			continue;
		(void)snprintf(m->governor, sizeof(m->governor), "%s",
			       first || strcmp(text, m->governor) == 0 ? text : "mixed");
		first = false;
	}
}

/* "32768K". */
static uint64_t cache_bytes(const struct thermo_host *host, int cpu, int index)
{
	char text[32];
	uint64_t bytes = 0;

	if (thermo_host_read(host, text, sizeof(text), CPU_DIR "/cpu%d/cache/index%d/size", cpu,
			     index) < 0 ||
	    thermo_parse_bytes(text, UINT64_MAX / 2, &bytes))
		return 0;
	return bytes;
}

/* Each last-level cache counts once: with the first of the CPUs that share it. */
static void read_caches(struct overhead_machine *m, const struct thermo_host *host,
			hwloc_const_bitmap_t online)
{
	hwloc_bitmap_t shared = hwloc_bitmap_alloc();

	for (int cpu = hwloc_bitmap_first(online); cpu >= 0; cpu = hwloc_bitmap_next(online, cpu)) {
		int index = MAX_CACHE_LEVELS;

		while (index >= 0 && cache_bytes(host, cpu, index) == 0)
			index--;
		if (index >= 0 &&
		    thermo_host_read_list(host, shared,
					  CPU_DIR "/cpu%d/cache/index%d/shared_cpu_list", cpu,
					  index) == 0 &&
		    hwloc_bitmap_first(shared) == cpu)
			m->cache_bytes += cache_bytes(host, cpu, index);
	}
	hwloc_bitmap_free(shared);
}

/* "always [madvise] never": what is chosen. */
static void read_thp(struct overhead_machine *m, const struct thermo_host *host)
{
	char text[64], *begin, *end;

	if (thermo_host_read(host, text, sizeof(text),
			     "sys/kernel/mm/transparent_hugepage/enabled") < 0)
		return;
	begin = strchr(text, '[');
	end = begin ? strchr(begin, ']') : NULL;
	if (end)
		(void)snprintf(m->thp, sizeof(m->thp), "%.*s", (int)(end - begin - 1), begin + 1);
}

static void read_memory(struct overhead_machine *m, const struct thermo_host *host)
{
	AUTO_FREE char *text = NULL;
	char value[32] = "", load[64];

	if (thermo_host_read_all(host, &text, "proc/meminfo") >= 0)
		find_value(text, "MemAvailable", value, sizeof(value));
	m->available_bytes = strtoull(value, NULL, 10) << 10;
	/* No locale is set: a point is a point. */
	if (thermo_host_read(host, load, sizeof(load), "proc/loadavg") > 0)
		m->load = strtod(load, NULL);
}

void overhead_machine_read(struct overhead_machine *m, const struct thermo_host *host)
{
	hwloc_bitmap_t set = hwloc_bitmap_alloc();
	static const char unknown[] = "unknown";

	*m = (struct overhead_machine){ 0 };
	memcpy(m->cpu, unknown, sizeof(unknown));
	memcpy(m->kernel, unknown, sizeof(unknown));
	memcpy(m->governor, unknown, sizeof(unknown));
	memcpy(m->thp, unknown, sizeof(unknown));
	memcpy(m->numa_balancing, unknown, sizeof(unknown));
	read_cpu(m, host);
	(void)thermo_host_read(host, m->kernel, sizeof(m->kernel), "proc/sys/kernel/osrelease");
	(void)thermo_host_read(host, m->numa_balancing, sizeof(m->numa_balancing),
			       "proc/sys/kernel/numa_balancing");
	if (thermo_host_read_list(host, set, "sys/devices/system/node/has_memory") == 0)
		m->nr_nodes = (uint32_t)hwloc_bitmap_weight(set);
	hwloc_bitmap_zero(set);
	if (thermo_host_read_list(host, set, CPU_DIR "/online") == 0)
		m->nr_cpus = (uint32_t)hwloc_bitmap_weight(set);
	read_governors(m, host, set);
	read_caches(m, host, set);
	read_thp(m, host);
	read_memory(m, host);
	hwloc_bitmap_free(set);
}
