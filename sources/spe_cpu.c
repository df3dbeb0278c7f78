// SPDX-License-Identifier: GPL-2.0-or-later
/* spe_cpu.c - two rings of one CPU, brought together by time. */
#include "sources/spe_cpu.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/number.h"

#define CPU_FILES "sys/devices/system/cpu/cpu%d/"

/* The kernel tells how it makes nanoseconds of the counter. */
static struct perfdata_clock clock_of(const struct perf_event_mmap_page *page)
{
	struct perfdata_clock clock = { .shift = page->time_shift,
					.mult = page->time_mult,
					.zero_ns = page->time_zero };

	if (!page->cap_user_time_zero || page->time_shift > 63)
		return (struct perfdata_clock){ 0 };
	return clock;
}

static enum spe_numbering numbering_on(const struct thermo_host *host, int cpu)
{
	char text[32];

	if (thermo_host_read(host, text, sizeof(text), CPU_FILES "regs/identification/midr_el1",
			     cpu) < 0)
		return SPE_NUMBERING_UNKNOWN;
	return spe_numbering_of(strtoull(text, NULL, 16));
}

/* Of the frequency that it may reach: what it has at the moment of a sample nobody tells. */
static double ns_per_cycle_on(const struct thermo_host *host, int cpu)
{
	char text[32];
	uint64_t khz;

	if (thermo_host_read(host, text, sizeof(text), CPU_FILES "cpufreq/cpuinfo_max_freq", cpu) <
			    0 ||
	    thermo_parse_u64(text, UINT32_MAX, &khz) < 0 || khz == 0)
		return 0;
	return 1e6 / (double)khz;
}

static int open_rings(struct spe_cpu *c, const struct spe_setup *setup)
{
	struct perf_event_attr attr = setup->attr;
	int err = perf_event_fd_open(&c->fd, setup->host, &attr, c->cpu, setup->buffer_bytes,
				     setup->name);

	if (!err)
		err = perf_aux_open(&c->aux, &c->fd, setup->aux_bytes, false, setup->name);
	if (err)
		return err;
	c->clock = clock_of(c->fd.map);
	return perf_event_fd_enable(&c->fd);
}

int spe_cpu_open(struct spe_cpu *c, const struct spe_setup *setup, size_t event, int number)
{
	int err;

	*c = (struct spe_cpu){ .cpu = number, .event = event, .process_of = setup->process_of };
	c->switches = calloc(SPE_MAX_SWITCHES, sizeof(*c->switches));
	err = c->switches ? open_rings(c, setup)
			  : thermo_fail(-ENOMEM, "spe: no memory for CPU %d", number);
	if (err) {
		spe_cpu_close(c);
		return err;
	}
	c->numbering = numbering_on(setup->host, number);
	c->ns_per_cycle = ns_per_cycle_on(setup->host, number);
	c->quiet_since_ns = thermo_host_now_ns(setup->host);
	return 0;
}

void spe_cpu_close(struct spe_cpu *c)
{
	perf_aux_close(&c->aux);
	if (c->fd.fd)
		perf_event_fd_close(&c->fd);
	free(c->switches);
	*c = (struct spe_cpu){ 0 };
}

/* --- who runs --- */

static int learn(struct spe_cpu *c, int32_t pid, int32_t tid)
{
	int err;

	if (pid <= 0 || tid <= 0)
		return 0;
	err = perfdata_map_put(c->process_of, (uint64_t)tid, (uint64_t)pid);
	if (err == -E2BIG) {
		/* Most of them have ended long since; who lives is switched to again. */
		perfdata_map_fini(c->process_of);
		err = perfdata_map_put(c->process_of, (uint64_t)tid, (uint64_t)pid);
	}
	return err ? thermo_fail(err, "spe: no memory for threads") : 0;
}

static int32_t process_of(const struct spe_cpu *c, int32_t tid)
{
	uint64_t pid = 0;

	(void)perfdata_map_get(c->process_of, (uint64_t)tid, &pid);
	return (int32_t)pid;
}

/* @now_ns: of the packet that is younger; UINT64_MAX: not known. */
static void apply_oldest(struct spe_cpu *c, uint64_t now_ns)
{
	const struct spe_switch *s = &c->switches[c->first_switch++ % SPE_MAX_SWITCHES];

	if (s->tid != SPE_STOPPED)
		c->running = s->tid;
	else if (now_ns != UINT64_MAX)
		c->stopped_ns += now_ns - s->time_ns;
}

static void keep_switch(struct spe_cpu *c, uint64_t time_ns, int32_t tid)
{
	if (c->next_switch - c->first_switch == SPE_MAX_SWITCHES)
		apply_oldest(c, UINT64_MAX);
	c->switches[c->next_switch++ % SPE_MAX_SWITCHES] = (struct spe_switch){ time_ns, tid };
}

/* Without a clock, or a time, what was told last counts. */
static void apply_until(struct spe_cpu *c, const struct spe_record *r)
{
	uint64_t until_ns = UINT64_MAX;

	if (c->clock.mult && r->has & SPE_HAS_TIME)
		until_ns = perfdata_clock_ns(&c->clock, r->time);
	while (c->first_switch != c->next_switch &&
	       c->switches[c->first_switch % SPE_MAX_SWITCHES].time_ns <= until_ns)
		apply_oldest(c, until_ns);
}

/* The kernel names who is switched out or in, and also the other. */
static int take_switch(struct spe_cpu *c, const struct perf_record *r)
{
	const struct perf_switch *s = &r->switched;
	int err = learn(c, r->sample_id.pid, r->sample_id.tid);

	if (!err)
		err = learn(c, s->other_pid, s->other_tid);
	keep_switch(c, r->sample_id.time_ns, s->out ? s->other_tid : r->sample_id.tid);
	return err;
}

/* --- records --- */

/* A gap or a collision is one record at least; a full ring stops the event, for a time. */
static void take_landed(struct spe_cpu *c, const struct perf_record *r)
{
	bool is_full = r->aux.flags & PERF_AUX_FLAG_TRUNCATED;

	if (perf_aux_count(&c->aux, &r->aux))
		return;
	c->lost++;
	if (!is_full) {
		sample_debt_add(&c->debt, 1);
		return;
	}
	/* For how long tells the first packet that is younger. */
	keep_switch(c, r->sample_id.time_ns, SPE_STOPPED);
	c->is_stopped = true;
}

static int take_record(struct spe_cpu *c, const struct perf_record *r)
{
	switch (r->type) {
	case PERF_RECORD_AUX:
		take_landed(c, r);
		return 0;
	case PERF_RECORD_LOST:
	case PERF_RECORD_LOST_SAMPLES:
		c->lost += r->lost.nr;
		return 0;
	case PERF_RECORD_SWITCH:
	case PERF_RECORD_SWITCH_CPU_WIDE:
		return take_switch(c, r);
	case PERF_RECORD_ITRACE_START:
		keep_switch(c, r->sample_id.time_ns, r->started.tid);
		return learn(c, r->started.pid, r->started.tid);
	default:
		return 0;
	}
}

/* At most a ring full: a busy CPU must not keep the thread from the others. */
int spe_cpu_take_records(struct spe_cpu *c, const struct perf_format *format, void *record)
{
	uint64_t left = c->fd.ring.data_bytes / sizeof(struct perf_event_header);
	struct perf_record r;
	int err = 0;

	while (!err && left--) {
		int n = perf_ring_next(&c->fd.ring, record, PERF_RECORD_MAX_BYTES);

		if (n <= 0)
			return n;
		err = perf_record_decode(record, format, &r);
		if (err > 0)
			err = take_record(c, &r);
	}
	return err;
}

ssize_t spe_cpu_take_bytes(struct spe_cpu *c, void *buffer, size_t max)
{
	uint64_t begin = *c->aux.tail;
	ssize_t n = perf_aux_read(&c->aux, buffer, max);

	if (n > 0) {
		spe_decoder_seek(&c->decoder, begin);
		spe_decoder_give(&c->decoder, buffer, (size_t)n);
	}
	return n;
}

double spe_cpu_weight(struct spe_cpu *c, double most)
{
	uint64_t nr_faulty = c->decoder.nr_broken + c->decoder.nr_cut;

	sample_debt_add(&c->debt, (double)(nr_faulty - c->nr_faulty));
	c->nr_faulty = nr_faulty;
	return 1 + sample_debt_pay(&c->debt, most - 1);
}

void spe_cpu_settle(struct spe_cpu *c, uint64_t elapsed_ns)
{
	double missing = sample_debt_of_pause(c->nr_records, c->stopped_ns, elapsed_ns);

	sample_debt_add(&c->debt, missing);
	c->lost += (uint64_t)llround(missing);
	c->nr_records = 0;
	c->stopped_ns = 0;
}

bool spe_cpu_next(struct spe_cpu *c, struct spe_record *record, struct perf_thread *who)
{
	int32_t tid;

	if (!spe_decoder_next(&c->decoder, record))
		return false;
	c->nr_records++;
	apply_until(c, record);
	tid = record->has & SPE_HAS_CONTEXT && record->context <= INT32_MAX
			      ? (int32_t)record->context
			      : 0;
	if (tid == 0 && c->running > 0)
		tid = c->running;
	*who = (struct perf_thread){ process_of(c, tid), tid };
	return true;
}

/* The kernel disables an event that found no room, and leaves it so. */
int spe_cpu_resume(struct spe_cpu *c)
{
	if (!c->is_stopped)
		return 0;
	c->is_stopped = false;
	return perf_event_fd_enable(&c->fd);
}

int spe_cpu_flush(struct spe_cpu *c)
{
	int err = perf_event_fd_disable(&c->fd);

	return err ? err : perf_event_fd_enable(&c->fd);
}
