// SPDX-License-Identifier: GPL-2.0-or-later
/* pmu_select.c - which PMU of a machine samples addresses, and the parts of a plan. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/privilege.h"
#include "sources/pmu_planner.h"

#define PARANOID "proc/sys/kernel/perf_event_paranoid"

void plan_note(struct pmu_plan *plan, const char *fmt, ...)
{
	char note[PMU_NOTE_BYTES];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(note, sizeof(note), fmt, ap);
	va_end(ap);
	/* Once: several events may lack the same. */
	for (size_t i = 0; i < plan->nr_notes; i++)
		if (strcmp(plan->notes[i], note) == 0)
			return;
	if (plan->nr_notes < PMU_PLAN_NOTES)
		memcpy(plan->notes[plan->nr_notes++], note, sizeof(note));
}

struct pmu_event *plan_begin(struct pmu_plan *plan, const struct pmu_class *class,
			     const struct pmu_machine *machine, const struct pmu *pmu,
			     const struct pmu_goal *goal, uint64_t period)
{
	struct pmu_event *e = &plan->events[plan->nr_events];
	hwloc_bitmap_t cpus;

	if (plan->nr_events == PMU_PLAN_EVENTS) {
		(void)thermo_fail(-E2BIG, "%s: more than %u events in one plan", pmu->name,
				  PMU_PLAN_EVENTS);
		return NULL;
	}
	cpus = hwloc_bitmap_dup(pmu->cpus);
	if (!cpus) {
		(void)thermo_fail(-ENOMEM, "%s: no memory", pmu->name);
		return NULL;
	}
	plan->nr_events++;
	*e = (struct pmu_event){ .leader = -1, .cpus = cpus };
	e->attr.perf.type = pmu->type;
	/* A fixed period: with a frequency the kernel sets it anew at each sample. */
	e->attr.perf.sample_period = goal->period ? goal->period : period;
	e->attr.perf.disabled = 1;
	/* Records of lost samples then say of which event and CPU. */
	e->attr.perf.sample_id_all = 1;
	/* Wake the reader by bytes, not by samples; 0 bytes is half the ring. */
	e->attr.perf.watermark = 1;
	class->prepare(&e->attr.perf, machine, pmu, goal);
	return e;
}

int plan_end(struct pmu_plan *plan, const struct pmu_class *class,
	     const struct pmu_machine *machine, const struct pmu *pmu, struct pmu_event *event)
{
	int err = class->finish(plan, machine, pmu, event);

	for (size_t i = 0; i < plan->nr_events; i++)
		pmu_attr_set_size(&plan->events[i].attr);
	return err;
}

int plan_terms(struct pmu_plan *plan, const struct pmu_class *class,
	       const struct pmu_machine *machine, const struct pmu *pmu,
	       const struct pmu_goal *goal, uint64_t period, const char *terms, const char *why)
{
	struct pmu_event *e = plan_begin(plan, class, machine, pmu, goal, period);

	if (!e)
		return -E2BIG;
	e->why = why;
	(void)snprintf(e->name, sizeof(e->name), "%s/%s/", pmu->name, terms);
	int err = pmu_put_terms(pmu, &e->attr, terms);

	return err ? err : plan_end(plan, class, machine, pmu, e);
}

/* All processes of a CPU are sampled: needs a capability unless the kernel is wide open. */
void plan_check_permission(struct pmu_plan *plan, const struct thermo_host *host)
{
	char text[16], what[96];

	if (thermo_host_read(host, text, sizeof(text), PARANOID) < 0) {
		(void)snprintf(plan->not_permitted, sizeof(plan->not_permitted),
			       "/" PARANOID " is not there: this kernel has no perf events");
		return;
	}
	if (strtol(text, NULL, 10) <= 0)
		return;
	(void)snprintf(what, sizeof(what),
		       "sampling all processes where kernel.perf_event_paranoid is %s", text);
	if (thermo_require_caps(host, THERMO_CAP_PERFMON, what))
		(void)snprintf(plan->not_permitted, sizeof(plan->not_permitted), "%s",
			       thermo_last_error());
}

static int no_pmu(const struct pmu_machine *m)
{
	const char *vm = m->in_vm ? "; in a VM that is up to the hypervisor" : "";

	if (faccessat(m->host->root_fd, PMU_DEVICES, F_OK, 0) != 0)
		return thermo_fail(-ENODEV, "/" PMU_DEVICES ": not there: is sysfs mounted?");
	switch (m->vendor) {
	case PMU_VENDOR_AMD:
		return thermo_fail(-ENODEV,
				   "/" PMU_DEVICES ": no ibs_op: the kernel found no IBS%s", vm);
	case PMU_VENDOR_INTEL:
		return thermo_fail(-ENODEV,
				   "/" PMU_DEVICES ": no cpu, cpu_core or cpu_atom with an event "
				   "mem-loads: the kernel found no PEBS%s",
				   vm);
	case PMU_VENDOR_ARM:
		return thermo_fail(-ENODEV,
				   "/" PMU_DEVICES
				   ": no arm_spe_0: load the module arm_spe_pmu; if "
				   "that does not help, the firmware hides SPE or the kernel needs "
				   "kpti=off");
	default:
		return thermo_fail(-ENODEV,
				   "/" PMU_DEVICES ": no PMU of this machine samples addresses%s",
				   vm);
	}
}

static bool shows_loads(const struct thermo_host *host, const char *pmu)
{
	char path[PMU_PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s/%s/events/mem-loads", PMU_DEVICES, pmu);
	return pmu_exists(host, pmu) && faccessat(host->root_fd, path, F_OK, 0) == 0;
}

/* By what the kernel shows; the vendor only says what is missing. */
static const struct pmu_class *class_of(const struct pmu_machine *m)
{
	if (pmu_exists(m->host, "ibs_op"))
		return &pmu_class_ibs;
	if (pmu_exists(m->host, "arm_spe_0"))
		return &pmu_class_spe;
	if (shows_loads(m->host, "cpu") || shows_loads(m->host, "cpu_core") ||
	    shows_loads(m->host, "cpu_atom"))
		return &pmu_class_pebs;
	return NULL;
}

int pmu_plan_make(struct pmu_plan *plan, const struct thermo_host *host,
		  const struct pmu_goal *goal)
{
	struct pmu_goal g = *goal;
	struct pmu_machine machine;

	*plan = (struct pmu_plan){ 0 };
	if (!g.kinds)
		g.kinds = PMU_LOADS | PMU_STORES;
	pmu_machine_read(&machine, host);
	const struct pmu_class *class = class_of(&machine);

	if (!class)
		return no_pmu(&machine);
	plan->source = class->source;
	int err = class->plan(plan, &machine, &g);

	if (err)
		return err;
	if (plan->nr_events == 0)
		return thermo_fail(-EOPNOTSUPP, "%s",
				   plan->nr_notes ? plan->notes[0] : "no event for this goal");
	plan_check_permission(plan, host);
	return 0;
}

void pmu_plan_fini(struct pmu_plan *plan)
{
	for (size_t i = 0; i < plan->nr_events; i++)
		hwloc_bitmap_free(plan->events[i].cpus);
	*plan = (struct pmu_plan){ 0 };
}
