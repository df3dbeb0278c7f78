// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pmu_try.c - does the kernel take a plan?
 *
 * Files tell what a PMU is; whether this kernel, with its backports, takes exactly this
 * attr only it can say.  Each event is opened on one CPU, never enabled, and closed.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "sources/pmu_planner.h"

#define SAMPLE_WEIGHT_STRUCT (1ull << 24)

static const char *hint_of(int err)
{
	switch (-err) {
	case EACCES:
	case EPERM:
		return ": needs CAP_PERFMON, or CAP_SYS_ADMIN where kernel.perf_event_paranoid is "
		       "3";
	case ENOSYS:
		return ": a container's seccomp profile may forbid it";
	case ENOENT:
	case ENODEV:
		return ": this kernel does not offer it";
	case ENODATA:
		return ": this core takes load latency only in a group that mem-loads-aux leads";
	case EOPNOTSUPP:
		return ": this PMU cannot sample so (a VM passes counters, but often no sampling "
		       "of addresses)";
	case EBUSY:
	case ENOSPC:
		return ": somebody else has the counter: another profiler, or the NMI watchdog "
		       "(kernel.nmi_watchdog)";
	case EINVAL:
		return ": the kernel knows a field or a value of it not";
	case EMFILE:
		return ": raise the limit of open files (ulimit -n)";
	default:
		return "";
	}
}

#define ANY_WEIGHT (SAMPLE_WEIGHT_STRUCT | PERF_SAMPLE_WEIGHT)

/* Weights came one by one: the struct with 5.12, and some PMUs take none. */
static bool lower_weight(struct perf_event_attr *attr)
{
	if (!(attr->sample_type & ANY_WEIGHT))
		return false;
	attr->sample_type ^=
			attr->sample_type & SAMPLE_WEIGHT_STRUCT ? ANY_WEIGHT : PERF_SAMPLE_WEIGHT;
	return true;
}

static int open_one(struct pmu_plan *plan, const struct thermo_host *host, struct pmu_event *e,
		    pid_t pid, int cpu, int leader)
{
	struct perf_event_attr *attr = &e->attr.perf;
	uint64_t wanted = attr->sample_type;
	int fd;

	do
		fd = host->ops->perf_event_open(host, attr, pid, cpu, leader);
	while (fd == -EINVAL && lower_weight(attr));
	if (fd < 0) {
		attr->sample_type = wanted; /* it was not that */
		return thermo_fail(fd, "%s: perf_event_open on CPU %d: %s%s", e->name, cpu,
				   strerror(-fd), hint_of(fd));
	}
	if (wanted & ANY_WEIGHT && !(attr->sample_type & ANY_WEIGHT))
		plan_note(plan, "%s: this kernel gives no latency with it", e->name);
	return fd;
}

static int try_all(struct pmu_plan *plan, const struct thermo_host *host, pid_t pid)
{
	int fds[PMU_PLAN_EVENTS], err = 0;
	size_t nr = 0;

	while (nr < plan->nr_events && !err) {
		struct pmu_event *e = &plan->events[nr];

		fds[nr] = open_one(plan, host, e, pid, hwloc_bitmap_first(e->cpus),
				   e->leader >= 0 ? fds[e->leader] : -1);
		if (fds[nr] < 0)
			err = fds[nr];
		else
			nr++;
	}
	while (nr)
		(void)close(fds[--nr]);
	return err;
}

int pmu_plan_try(struct pmu_plan *plan, const struct thermo_host *host)
{
	return try_all(plan, host, -1);
}

int pmu_plan_try_own(struct pmu_plan *plan, const struct thermo_host *host)
{
	return try_all(plan, host, 0);
}
