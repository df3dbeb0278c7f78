// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_machine.c - features of the header: names, CPUs, nodes. */
#include "sources/perfdata_machine.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CPUS 65536u
#define MAX_NODES 1024u

bool perfdata_feature_matters(int feature)
{
	switch (feature) {
	case PERFDATA_FEATURE_HOSTNAME:
	case PERFDATA_FEATURE_OSRELEASE:
	case PERFDATA_FEATURE_ARCH:
	case PERFDATA_FEATURE_NRCPUS:
	case PERFDATA_FEATURE_CPUDESC:
	case PERFDATA_FEATURE_CPUID:
	case PERFDATA_FEATURE_EVENT_DESC:
	case PERFDATA_FEATURE_NUMA_TOPOLOGY:
	case PERFDATA_FEATURE_PMU_MAPPINGS:
	case PERFDATA_FEATURE_SAMPLE_TIME:
		return true;
	default:
		return false;
	}
}

/* A length, then so many bytes, of which zeroes fill the end. */
static const char *take_string(struct perf_cursor *c)
{
	uint32_t bytes = perf_take_u32(c);
	const unsigned char *at = perf_take(c, bytes);

	if (!at || !memchr(at, '\0', bytes)) {
		c->short_of_data = true;
		return NULL;
	}
	return (const char *)at;
}

void perfdata_copy_name(char *out, size_t room, const char *text)
{
	size_t i;

	for (i = 0; i + 1 < room && text[i]; i++)
		out[i] = isprint((unsigned char)text[i]) ? text[i] : '?';
	out[i] = '\0';
}

static int take_name(struct perf_cursor *c, char *out, size_t room)
{
	const char *text = take_string(c);

	if (!text)
		return -EBADMSG;
	perfdata_copy_name(out, room, text);
	return 0;
}

static int take_nr_cpus(struct perfdata_machine *m, struct perf_cursor *c)
{
	uint32_t nr = perf_take_u32(c), nr_online = perf_take_u32(c);

	if (c->short_of_data)
		return -EBADMSG;
	m->nr_cpus = nr;
	m->nr_cpus_online = nr_online;
	return 0;
}

static int set_node(struct perfdata_machine *m, uint32_t cpu, int16_t node)
{
	if (cpu >= m->nr_cpus_known) {
		size_t nr = cpu + 1;
		int16_t *grown = realloc(m->node_of_cpu, nr * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		for (size_t i = m->nr_cpus_known; i < nr; i++)
			grown[i] = THERMO_NODE_UNKNOWN;
		m->node_of_cpu = grown;
		m->nr_cpus_known = nr;
	}
	m->node_of_cpu[cpu] = node;
	return 0;
}

static bool take_number(const char **text, uint32_t *number)
{
	uint32_t value = 0;

	if (!isdigit((unsigned char)**text))
		return false;
	for (; isdigit((unsigned char)**text); ++*text) {
		value = 10 * value + (uint32_t)(**text - '0');
		if (value >= MAX_CPUS)
			return false;
	}
	*number = value;
	return true;
}

/* "0-27,56-83"; nothing for a node without CPUs. */
static int take_cpus(struct perfdata_machine *m, const char *text, int16_t node)
{
	while (*text && *text != '\n') {
		uint32_t first, last;
		int err;

		if (!take_number(&text, &first))
			return -EBADMSG;
		last = first;
		if (*text == '-' && (text++, !take_number(&text, &last)))
			return -EBADMSG;
		for (uint32_t cpu = first; cpu <= last; cpu++) {
			err = set_node(m, cpu, node);
			if (err)
				return err;
		}
		if (*text == ',')
			text++;
		else if (*text && *text != '\n')
			return -EBADMSG;
	}
	return 0;
}

static int take_nodes(struct perfdata_machine *m, struct perf_cursor *c)
{
	uint32_t nr = perf_take_u32(c);

	for (uint32_t i = 0; i < nr; i++) {
		uint32_t node = perf_take_u32(c);

		(void)perf_take(c, 16); /* total and free memory */
		const char *cpus = take_string(c);

		if (!cpus || node >= MAX_NODES)
			return -EBADMSG;
		int err = take_cpus(m, cpus, (int16_t)node);

		if (err)
			return err;
	}
	return c->short_of_data ? -EBADMSG : 0;
}

/* Of what hardware the types of events are; hotness units have nothing else to be known by. */
static int take_pmus(struct perfdata_machine *m, struct perf_cursor *c)
{
	uint32_t nr = perf_take_u32(c);

	for (uint32_t i = 0; i < nr; i++) {
		uint32_t type = perf_take_u32(c);
		const char *name = take_string(c);

		if (c->short_of_data || !name)
			return -EBADMSG;
		if (strncmp(name, PERFDATA_HMU_PREFIX, strlen(PERFDATA_HMU_PREFIX)) != 0 ||
		    m->nr_hmus == PERFDATA_MAX_HMUS)
			continue;
		m->hmus[m->nr_hmus].type = type;
		perfdata_copy_name(m->hmus[m->nr_hmus].name, sizeof(m->hmus[0].name), name);
		m->nr_hmus++;
	}
	return 0;
}

/* Of the first and of the last sample, since 4.16. */
static int take_sample_time(struct perfdata_machine *m, struct perf_cursor *c)
{
	uint64_t first_ns = perf_take_u64(c), last_ns = perf_take_u64(c);

	if (c->short_of_data)
		return -EBADMSG;
	m->first_sample_ns = first_ns;
	m->last_sample_ns = last_ns;
	return 0;
}

/* By the ids; an event of one CPU that was not grouped may have none, but has its place. */
static struct perfdata_event *described(struct perfdata_events *ev, uint32_t i,
					const struct perf_words *ids)
{
	if (ids->nr == 0)
		return i < ev->nr ? &ev->list[i] : NULL;
	return perfdata_events_with_id(ev, perf_word(ids, 0));
}

static int take_descriptions(struct perfdata_events *ev, struct perf_cursor *c)
{
	uint32_t nr = perf_take_u32(c), attr_bytes = perf_take_u32(c);

	for (uint32_t i = 0; i < nr; i++) {
		(void)perf_take(c, attr_bytes);
		uint32_t nr_ids = perf_take_u32(c);
		const char *name = take_string(c);
		struct perf_words ids = perf_take_words(c, nr_ids);

		if (c->short_of_data || !name)
			return -EBADMSG;
		struct perfdata_event *e = described(ev, i, &ids);

		if (e)
			perfdata_copy_name(e->name, sizeof(e->name), name);
	}
	return c->short_of_data ? -EBADMSG : 0;
}

/* "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz" */
static double mhz_in_name(const char *name)
{
	const char *at = strstr(name, "@ ");
	double ghz;

	return at && sscanf(at, "@ %lfGHz", &ghz) == 1 && ghz > 0.1 && ghz < 100 ? 1000 * ghz : 0;
}

int perfdata_feature_take(struct perfdata_machine *m, struct perfdata_events *ev, int feature,
			  const void *data, size_t bytes, bool swap)
{
	struct perf_cursor c = { data, bytes, swap, false };

	switch (feature) {
	case PERFDATA_FEATURE_HOSTNAME:
		return take_name(&c, m->hostname, sizeof(m->hostname));
	case PERFDATA_FEATURE_OSRELEASE:
		return take_name(&c, m->os_release, sizeof(m->os_release));
	case PERFDATA_FEATURE_ARCH:
		return take_name(&c, m->arch, sizeof(m->arch));
	case PERFDATA_FEATURE_NRCPUS:
		return take_nr_cpus(m, &c);
	case PERFDATA_FEATURE_CPUDESC:
		return take_name(&c, m->cpu_desc, sizeof(m->cpu_desc));
	case PERFDATA_FEATURE_CPUID:
		return take_name(&c, m->cpuid, sizeof(m->cpuid));
	case PERFDATA_FEATURE_EVENT_DESC:
		return take_descriptions(ev, &c);
	case PERFDATA_FEATURE_NUMA_TOPOLOGY:
		return take_nodes(m, &c);
	case PERFDATA_FEATURE_PMU_MAPPINGS:
		return take_pmus(m, &c);
	case PERFDATA_FEATURE_SAMPLE_TIME:
		return take_sample_time(m, &c);
	default:
		return 0;
	}
}

uint64_t perfdata_clock_ns(const struct perfdata_clock *clock, uint64_t ticks)
{
	if (clock->mult == 0)
		return 0;
	if (clock->mask)
		ticks = clock->cycles + ((ticks - clock->cycles) & clock->mask);
	uint64_t whole = ticks >> clock->shift;
	uint64_t rest = ticks & ((1ull << clock->shift) - 1);

	/* As the kernel does, in whose clock all other times are; any input may overflow. */
	return clock->zero_ns + whole * clock->mult +
	       (uint64_t)((unsigned __int128)rest * clock->mult >> clock->shift);
}

/* Since 5.11, of machines whose counter has less than 64 bits. */
static void take_wrapping(struct perfdata_machine *m, struct perf_cursor *c)
{
	uint64_t cycles = perf_take_u64(c), mask = perf_take_u64(c);
	const unsigned char *flags = perf_take(c, 2); /* user_time_zero, user_time_short */

	if (!flags || !flags[1])
		return;
	m->clock.cycles = cycles;
	m->clock.mask = mask;
}

void perfdata_machine_take_time_conv(struct perfdata_machine *m,
				     const struct perf_event_header *record, bool swap)
{
	struct perf_cursor c = { (const unsigned char *)(record + 1),
				 record->size - sizeof(*record), swap, false };
	uint64_t shift = perf_take_u64(&c), mult = perf_take_u64(&c);
	uint64_t zero_ns = perf_take_u64(&c);
	double mhz;

	if (c.short_of_data || shift > 63 || mult == 0 || mult > UINT32_MAX)
		return;
	m->clock = (struct perfdata_clock){ .shift = shift, .mult = mult, .zero_ns = zero_ns };
	take_wrapping(m, &c);
	mhz = 1000 * ldexp(1, (int)shift) / (double)mult;
	if (mhz > 1 && mhz < 100000)
		m->cpu_mhz = mhz;
}

double perfdata_machine_mhz(const struct perfdata_machine *m)
{
	/* Elsewhere the counter that tells the time is not the one that counts latencies. */
	if (m->cpu_mhz > 0 && (strncmp(m->arch, "x86", 3) == 0 || m->arch[0] == 'i'))
		return m->cpu_mhz;
	return mhz_in_name(m->cpu_desc);
}

void perfdata_machine_fini(struct perfdata_machine *m)
{
	free(m->node_of_cpu);
	*m = (struct perfdata_machine){ 0 };
}
