// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pebs_events.c - Intel: what to ask of the core PMUs for addresses of loads and stores.
 *
 * The kernel's own encodings in events/ come first: they differ between cores (stores are
 * 0xd0/0x82 up to Ice Lake and 0xcd/0x2 after), the kernel knows its machine, and
 * libpfm4 4.13 has no tables for Emerald Rapids, Granite Rapids, hybrids and the E-core
 * servers, and a wrong code for the store event of those it has.  Only the L3 miss
 * event is ours: no kernel shows one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "sources/pmu_planner.h"

#define EVENT_AND_UMASK 0xffffu
/* Load latency: MEM_TRANS_RETIRED.LOAD_LATENCY of P-cores, MEM_UOPS_RETIRED of E-cores. */
#define P_CORE_LOAD_LATENCY 0x1cdu
#define E_CORE_LOAD_LATENCY 0x5d0u
/* MEM_TRANS_RETIRED.STORE_SAMPLE, of Sapphire Rapids, Alder Lake's P-cores and later. */
#define STORE_SAMPLE 0x2cdu
/* Less is no latency that the hardware measures. */
#define LEAST_LATENCY 3u

/*
 * Beyond 2 lies PDist, which only counter 0 has, and the load latency event of
 * Sapphire Rapids and later runs on every counter but that: 3 would be refused.
 */
#define PRECISE 2u

/* Multi-record PEBS keeps all of these without an interrupt a sample. */
#define SAMPLE_TYPE                                                                                \
	(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_ADDR |            \
	 PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD | PERF_SAMPLE_DATA_SRC | PERF_SAMPLE_PHYS_ADDR)

/* PERF_SAMPLE_WEIGHT_STRUCT came with 5.12; the build machine's headers may be older. */
#define SAMPLE_WEIGHT_STRUCT (1ull << 24)

/* Cores whose PEBS records (format 2 and less) carry no time. */
static bool is_without_time(const struct pmu_machine *m, const char *pmu_name)
{
	static const char *const names[] = { "haswell", "broadwell", "ivybridge", "sandybridge" };
	static const unsigned int models[] = { 0x3c, 0x3f, 0x45, 0x46, 0x3d, 0x47,
					       0x4f, 0x56, 0x3a, 0x3e, 0x2a, 0x2d };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(pmu_name, names[i]) == 0)
			return true;
	/* Kernels before 4.14 do not name the core. */
	for (size_t i = 0; !pmu_name[0] && i < sizeof(models) / sizeof(models[0]); i++)
		if (m->family == 6 && m->model == models[i])
			return true;
	return false;
}

/* A field that the kernel has to fill itself costs an interrupt a sample: left out. */
static uint64_t sample_type(const struct pmu_machine *m, const char *pmu_name)
{
	uint64_t type = SAMPLE_TYPE;

	if (!is_without_time(m, pmu_name))
		type |= PERF_SAMPLE_TIME;
	if (!pmu_kernel_before(m, 6, 0))
		type |= SAMPLE_WEIGHT_STRUCT;
	return type;
}

static void prepare(struct perf_event_attr *attr, const struct pmu_machine *machine,
		    const struct pmu *pmu, const struct pmu_goal *goal)
{
	char pmu_name[32];

	pmu_cap_text(pmu, "pmu_name", pmu_name, sizeof(pmu_name));
	attr->sample_type = sample_type(machine, pmu_name);
	attr->exclude_kernel = !goal->with_kernel;
	attr->exclude_hv = !goal->with_kernel;
	attr->exclude_guest = 1;
	/*
	 * No use_clockid: with it the kernel stamps the samples itself, one by one, and
	 * multi-record PEBS is off.  Their time is perf's clock.
	 */
}

/* The kernel's encoding of @event; 0 when it shows none, or nonsense. */
static uint64_t code_of(const struct pmu *pmu, const char *event)
{
	union pmu_attr attr = { 0 };

	if (!pmu_has_event(pmu, event) || pmu_put_terms(pmu, &attr, event))
		return 0;
	return attr.perf.config & EVENT_AND_UMASK;
}

static int check_precise(const struct pmu *pmu, struct perf_event_attr *attr)
{
	uint64_t most = pmu_cap(pmu, "max_precise", PRECISE);

	if (most == 0)
		return thermo_fail(-ENODEV,
				   "%s: caps/max_precise is 0: no PEBS here (a VM gets none from "
				   "most hypervisors)",
				   pmu->name);
	if (attr->precise_ip > most)
		return thermo_fail(-EINVAL,
				   "%s: precise level %u, but caps/max_precise is %" PRIu64,
				   pmu->name, (unsigned int)attr->precise_ip, most);
	/* Cores that have STORE_SAMPLE are those whose counter 0 takes no load latency. */
	if (attr->precise_ip == 3 && (attr->config & EVENT_AND_UMASK) == P_CORE_LOAD_LATENCY &&
	    code_of(pmu, "mem-stores") == STORE_SAMPLE)
		return thermo_fail(
				-EINVAL,
				"%s: load latency takes precise level 2 at most: 3 needs counter "
				"0, where this event cannot run",
				pmu->name);
	if (!attr->precise_ip)
		attr->precise_ip = most < PRECISE ? 1 : PRECISE;
	return 0;
}

static int check_latency(const struct pmu *pmu, const struct perf_event_attr *attr)
{
	uint64_t event = attr->config & EVENT_AND_UMASK;

	if ((event == P_CORE_LOAD_LATENCY || event == E_CORE_LOAD_LATENCY) &&
	    (attr->config1 & 0xffff) < LEAST_LATENCY)
		return thermo_fail(-EINVAL, "%s: load latency needs ldlat=%u or more", pmu->name,
				   LEAST_LATENCY);
	return 0;
}

/*
 * Sapphire Rapids, Emerald Rapids and the P-cores of Alder Lake refuse load latency
 * with its data source (-ENODATA) unless an auxiliary event leads its group.  Granite
 * Rapids shows that event too, but can do without, and a counter is saved.
 */
static bool needs_leader(const struct pmu *pmu, const struct perf_event_attr *attr)
{
	char pmu_name[32];

	pmu_cap_text(pmu, "pmu_name", pmu_name, sizeof(pmu_name));
	return (attr->config & EVENT_AND_UMASK) == P_CORE_LOAD_LATENCY &&
	       pmu_has_event(pmu, "mem-loads-aux") && strcmp(pmu_name, "granite_rapids") != 0;
}

/* It only counts: the kernel wants to see it in the group, nobody wants its samples. */
static int add_leader(struct pmu_plan *plan, const struct pmu_machine *machine,
		      const struct pmu *pmu, size_t load)
{
	static const struct pmu_goal none = { .with_kernel = true };
	struct pmu_event *e = plan_begin(plan, &pmu_class_pebs, machine, pmu, &none, 0);

	if (!e)
		return -E2BIG;
	e->attr.perf.sample_type = PERF_SAMPLE_IDENTIFIER;
	e->attr.perf.exclude_kernel = plan->events[load].attr.perf.exclude_kernel;
	e->attr.perf.exclude_hv = plan->events[load].attr.perf.exclude_hv;
	e->attr.perf.exclude_user = plan->events[load].attr.perf.exclude_user;
	e->attr.perf.watermark = 0;
	e->why = "the kernel refuses load latency with data source unless this leads its group";
	(void)snprintf(e->name, sizeof(e->name), "%s/mem-loads-aux/", pmu->name);
	int err = pmu_put_terms(pmu, &e->attr, "mem-loads-aux");

	if (err)
		return err;
	pmu_attr_set_size(&e->attr);

	/* Opened in order: the leader comes first, and starts and stops its group. */
	struct pmu_event leader = *e;

	*e = plan->events[load];
	e->leader = (int)load;
	e->attr.perf.disabled = 0;
	plan->events[load] = leader;
	return 0;
}

static int finish(struct pmu_plan *plan, const struct pmu_machine *machine, const struct pmu *pmu,
		  struct pmu_event *event)
{
	struct perf_event_attr *attr = &event->attr.perf;
	int err = check_precise(pmu, attr);

	if (!err)
		err = check_latency(pmu, attr);
	if (!err && needs_leader(pmu, attr))
		err = add_leader(plan, machine, pmu, (size_t)(event - plan->events));
	return err;
}

static int plan_loads(struct pmu_plan *plan, const struct pmu_machine *machine,
		      const struct pmu *pmu, const struct pmu_goal *goal)
{
	char terms[64];

	if (!pmu_has_event(pmu, "mem-loads")) {
		plan_note(plan, "%s: no event mem-loads: no loads", pmu->name);
		return 0;
	}
	(void)snprintf(terms, sizeof(terms), "mem-loads,ldlat=%u",
		       goal->latency_cycles > LEAST_LATENCY ? goal->latency_cycles : LEAST_LATENCY);
	return plan_terms(plan, &pmu_class_pebs, machine, pmu, goal, PMU_PERIOD_OPS, terms,
			  "loads with address, latency and where they were served from");
}

static int plan_stores(struct pmu_plan *plan, const struct pmu_machine *machine,
		       const struct pmu *pmu, const struct pmu_goal *goal)
{
	if (!pmu_has_event(pmu, "mem-stores")) {
		plan_note(plan, "%s: no event mem-stores: no stores", pmu->name);
		return 0;
	}
	return plan_terms(plan, &pmu_class_pebs, machine, pmu, goal, PMU_PERIOD_OPS, "mem-stores",
			  "stores with address");
}

/*
 * MEM_LOAD_RETIRED.L3_MISS is 0xd1/0x20 on all P-cores since Sandy Bridge; the E-cores of
 * Alder and Raptor Lake have MEM_LOAD_UOPS_RETIRED.DRAM_HIT, 0xd1/0x80.  What the E-core
 * servers have for misses carries no address.  The kind of core is told by the
 * kernel's own load event.
 */
static const char *miss_terms(const struct pmu *pmu)
{
	uint64_t loads = code_of(pmu, "mem-loads");
	char pmu_name[32];

	if (loads == P_CORE_LOAD_LATENCY)
		return "event=0xd1,umask=0x20";
	pmu_cap_text(pmu, "pmu_name", pmu_name, sizeof(pmu_name));
	if (loads == E_CORE_LOAD_LATENCY && strcmp(pmu_name, "alderlake_hybrid") == 0)
		return "event=0xd1,umask=0x80";
	return NULL;
}

static int plan_misses(struct pmu_plan *plan, const struct pmu_machine *machine,
		       const struct pmu *pmu, const struct pmu_goal *goal)
{
	const char *terms = miss_terms(pmu);

	if (!terms) {
		plan_note(plan,
			  "%s: no L3 miss event with an address is known for this core: ask for "
			  "loads with a latency instead",
			  pmu->name);
		return 0;
	}
	return plan_terms(plan, &pmu_class_pebs, machine, pmu, goal, PMU_PERIOD_MISSES, terms,
			  "loads that missed the L3 cache; no kernel names this event");
}

static int plan_pmu(struct pmu_plan *plan, const struct pmu_machine *machine, const char *name,
		    const struct pmu_goal *goal)
{
	struct pmu pmu;
	int err = pmu_open(&pmu, machine->host, name);

	if (!err && goal->kinds & PMU_LOADS)
		err = plan_loads(plan, machine, &pmu, goal);
	if (!err && goal->kinds & PMU_STORES)
		err = plan_stores(plan, machine, &pmu, goal);
	if (!err && goal->kinds & PMU_L3_MISSES)
		err = plan_misses(plan, machine, &pmu, goal);
	pmu_close(&pmu);
	return err;
}

static int plan_pebs(struct pmu_plan *plan, const struct pmu_machine *machine,
		     const struct pmu_goal *goal)
{
	static const char *const pmus[] = { "cpu", "cpu_core", "cpu_atom" };
	int err = 0;

	for (size_t i = 0; i < 3 && !err; i++)
		if (pmu_exists(machine->host, pmus[i]))
			err = plan_pmu(plan, machine, pmus[i], goal);
	if (!err && pmu_kernel_before(machine, 6, 0))
		plan_note(plan, "no latency: before Linux 6.0 it costs an interrupt a sample");
	return err;
}

const struct pmu_class pmu_class_pebs = {
	.source = "pebs",
	.prepare = prepare,
	.finish = finish,
	.plan = plan_pebs,
};
