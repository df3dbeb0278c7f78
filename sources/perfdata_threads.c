// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_threads.c - what is beyond the bound of a map stays unknown. */
#include "sources/perfdata_threads.h"

#include <errno.h>

#include "core/error.h"

static int put(struct perfdata_map *map, uint64_t key, int32_t value)
{
	int err = perfdata_map_put(map, key, value > 0 ? (uint64_t)value : 0);

	return err == -ENOMEM ? thermo_fail(err, "perf.data: no memory for threads") : 0;
}

static int32_t get(const struct perfdata_map *map, uint64_t key)
{
	uint64_t value = 0;

	(void)perfdata_map_get(map, key, &value);
	return (int32_t)value;
}

static int learn(struct perfdata_threads *t, int32_t pid, int32_t tid)
{
	return pid > 0 && tid > 0 ? put(&t->process_of, (uint64_t)tid, pid) : 0;
}

/* The kernel names who is switched out or in, and of all CPUs also the other. */
static int take_switch(struct perfdata_threads *t, const struct perf_record *r)
{
	const struct perf_switch *s = &r->switched;
	int err = learn(t, r->sample_id.pid, r->sample_id.tid);

	if (!err)
		err = learn(t, s->other_pid, s->other_tid);
	if (err)
		return err;
	return put(&t->on_cpu, r->sample_id.cpu, s->out ? s->other_tid : r->sample_id.tid);
}

int perfdata_threads_take(struct perfdata_threads *t, const struct perf_record *r)
{
	switch (r->type) {
	case PERF_RECORD_COMM:
		return learn(t, r->comm.pid, r->comm.tid);
	case PERF_RECORD_MMAP:
	case PERF_RECORD_MMAP2:
		return learn(t, r->mmap.pid, r->mmap.tid);
	case PERF_RECORD_FORK:
		return learn(t, r->task.pid, r->task.tid);
	case PERF_RECORD_SWITCH:
	case PERF_RECORD_SWITCH_CPU_WIDE:
		return take_switch(t, r);
	case PERF_RECORD_ITRACE_START:
		if (learn(t, r->started.pid, r->started.tid) < 0)
			return -ENOMEM;
		return put(&t->on_cpu, r->sample_id.cpu, r->started.tid);
	case PERF_RECORD_AUX:
		return learn(t, r->sample_id.pid, r->sample_id.tid);
	default:
		return 0;
	}
}

int32_t perfdata_threads_process_of(const struct perfdata_threads *t, int32_t tid)
{
	return tid > 0 ? get(&t->process_of, (uint64_t)tid) : 0;
}

int32_t perfdata_threads_on(const struct perfdata_threads *t, uint32_t cpu)
{
	return get(&t->on_cpu, cpu);
}

void perfdata_threads_fini(struct perfdata_threads *t)
{
	perfdata_map_fini(&t->process_of);
	perfdata_map_fini(&t->on_cpu);
}
