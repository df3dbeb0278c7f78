// SPDX-License-Identifier: GPL-2.0-or-later
/* pmu_named.c - one event that the user names: as perf writes it, raw, or as libpfm4 does. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "sources/pfm.h"
#include "sources/pmu_planner.h"

#define MAX_TERMS_BYTES 192

/* What comes after the second slash, or after a colon. */
struct modifiers {
	bool user;
	bool kernel;
	uint32_t precise; /* 0: as the PMU should */
};

struct request {
	const struct pmu_machine *machine;
	const struct pmu_goal *goal;
	const char *text;
	struct modifiers modifiers;
};

/* Software events, mostly for trying things out where there is no PMU. */
static void prepare_software(struct perf_event_attr *attr, const struct pmu_machine *machine,
			     const struct pmu *pmu, const struct pmu_goal *goal)
{
	(void)machine, (void)pmu;
	attr->sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID |
			    PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR | PERF_SAMPLE_CPU |
			    PERF_SAMPLE_PERIOD | PERF_SAMPLE_PHYS_ADDR;
	attr->exclude_kernel = !goal->with_kernel;
	attr->use_clockid = 1;
	attr->clockid = CLOCK_MONOTONIC;
}

static int finish_software(struct pmu_plan *plan, const struct pmu_machine *machine,
			   const struct pmu *pmu, struct pmu_event *event)
{
	(void)plan, (void)machine, (void)pmu, (void)event;
	return 0;
}

static const struct pmu_class software = {
	.source = "named",
	.prepare = prepare_software,
	.finish = finish_software,
};

static const struct pmu_class *class_of(const char *pmu)
{
	if (strcmp(pmu, "ibs_op") == 0)
		return &pmu_class_ibs;
	if (strncmp(pmu, "arm_spe_", 8) == 0)
		return &pmu_class_spe;
	if (strcmp(pmu, "cpu") == 0 || strcmp(pmu, "cpu_core") == 0 || strcmp(pmu, "cpu_atom") == 0)
		return &pmu_class_pebs;
	return NULL;
}

static int parse_modifiers(const struct request *r, const char *p, struct modifiers *m)
{
	if (*p == ':')
		p++;
	for (; *p; p++) {
		if (*p == 'u')
			m->user = true;
		else if (*p == 'k')
			m->kernel = true;
		else if (*p == 'p' && m->precise < 3)
			m->precise++;
		else if (*p != 'P') /* as precise as can be: so it is by default */
			return thermo_fail(-EINVAL,
					   "%s: '%c' after the event is none of u, k, p (3 at "
					   "most), P",
					   r->text, isprint((unsigned char)*p) ? *p : '?');
	}
	return 0;
}

static void apply_modifiers(const struct modifiers *m, struct perf_event_attr *attr)
{
	if (m->precise)
		attr->precise_ip = m->precise & 3;
	if (!m->user && !m->kernel)
		return;
	attr->exclude_user = !m->user;
	attr->exclude_kernel = !m->kernel;
}

static int plan_of_terms(struct pmu_plan *plan, const struct request *r, const struct pmu *pmu,
			 const char *terms)
{
	const struct pmu_class *class = class_of(pmu->name);
	struct pmu_event *e = plan_begin(plan, class, r->machine, pmu, r->goal, PMU_PERIOD_OPS);

	if (!e)
		return -E2BIG;
	plan->source = class->source;
	(void)snprintf(e->name, sizeof(e->name), "%s/%s/", pmu->name, terms);
	e->why = "named by the user";
	apply_modifiers(&r->modifiers, &e->attr.perf);
	int err = pmu_put_terms(pmu, &e->attr, terms);

	return err ? err : plan_end(plan, class, r->machine, pmu, e);
}

static int open_and_plan(struct pmu_plan *plan, const struct request *r, const char *name,
			 const char *terms)
{
	struct pmu pmu;

	if (!class_of(name))
		return thermo_fail(
				-EINVAL,
				"%s: samples of PMU '%.40s' carry no address: ibs_op, arm_spe_N, "
				"cpu, cpu_core and cpu_atom do",
				r->text, name);
	int err = pmu_open(&pmu, r->machine->host, name);

	if (!err)
		err = plan_of_terms(plan, r, &pmu, terms);
	pmu_close(&pmu);
	return err;
}

/* PMU/TERMS/MODIFIERS */
static int plan_sysfs(struct pmu_plan *plan, struct request *r)
{
	const char *slash = strchr(r->text, '/'), *end = strchr(slash + 1, '/');
	char pmu[PMU_NAME_BYTES], terms[MAX_TERMS_BYTES];

	if (!end)
		return thermo_fail(-EINVAL, "%s: no second slash: PMU/TERMS/", r->text);
	if ((size_t)(slash - r->text) >= sizeof(pmu) || (size_t)(end - slash) > sizeof(terms))
		return thermo_fail(-EINVAL, "%.40s: longer than any event's name", r->text);
	(void)snprintf(pmu, sizeof(pmu), "%.*s", (int)(slash - r->text), r->text);
	(void)snprintf(terms, sizeof(terms), "%.*s", (int)(end - slash - 1), slash + 1);
	int err = parse_modifiers(r, end + 1, &r->modifiers);

	return err ? err : open_and_plan(plan, r, pmu, terms);
}

/* rNNN: the bits of config, for each kind of core. */
static int plan_raw(struct pmu_plan *plan, struct request *r)
{
	static const char *const pmus[] = { "cpu", "cpu_core", "cpu_atom" };
	char terms[32];
	size_t digits = strspn(r->text + 1, "0123456789abcdefABCDEF");
	int err = parse_modifiers(r, r->text + 1 + digits, &r->modifiers);
	bool found = false;

	if (digits > 16)
		return thermo_fail(-EINVAL, "%.40s: more than 64 bits", r->text);
	(void)snprintf(terms, sizeof(terms), "config=0x%.*s", (int)digits, r->text + 1);
	for (size_t i = 0; i < 3 && !err; i++) {
		if (!pmu_exists(r->machine->host, pmus[i]))
			continue;
		found = true;
		err = open_and_plan(plan, r, pmus[i], terms);
	}
	if (!err && !found)
		return thermo_fail(-ENODEV, "%s: no core PMU below /" PMU_DEVICES, r->text);
	return err;
}

static int put_pfm(struct pmu_plan *plan, const struct request *r, const struct pmu *pmu,
		   const struct pmu_class *class, const struct pfm_event *p)
{
	struct pmu_event *e = plan_begin(plan, class, r->machine, pmu, r->goal, PMU_PERIOD_OPS);

	if (!e)
		return -E2BIG;
	plan->source = class->source;
	(void)snprintf(e->name, sizeof(e->name), "%s", r->text);
	e->why = "named by the user, encoded by libpfm4";
	e->attr.perf.config = p->config;
	e->attr.perf.config1 = p->config1;
	e->attr.perf.config2 = p->config2;
	e->attr.perf.precise_ip = p->precise & 3;
	e->attr.perf.exclude_user = p->exclude_user;
	e->attr.perf.exclude_kernel = p->exclude_kernel;
	if (p->period)
		e->attr.perf.sample_period = p->period;
	return plan_end(plan, class, r->machine, pmu, e);
}

/* PMU::EVENT:UMASK:ATTRIBUTE=VALUE */
static int plan_pfm(struct pmu_plan *plan, const struct request *r)
{
	const struct thermo_host *host = r->machine->host;
	struct pfm_event p;
	struct pmu pmu;
	int err = pfm_encode(r->text, r->goal->with_kernel, &p);

	if (err)
		return err;
	if (p.type != PERF_TYPE_RAW && p.type != PERF_TYPE_SOFTWARE)
		return thermo_fail(-EINVAL, "%s: no event of a core: its samples carry no address",
				   r->text);
	if (p.type == PERF_TYPE_RAW && pmu_exists(host, "cpu_core"))
		return thermo_fail(-EINVAL,
				   "%s: which cores? on a hybrid machine name it as "
				   "cpu_core/TERMS/ or cpu_atom/TERMS/",
				   r->text);
	bool is_software = p.type == PERF_TYPE_SOFTWARE;

	err = pmu_open(&pmu, host, is_software ? "software" : "cpu");
	if (!err)
		err = put_pfm(plan, r, &pmu, is_software ? &software : &pmu_class_pebs, &p);
	pmu_close(&pmu);
	return err;
}

static bool is_raw(const char *text)
{
	size_t digits = strspn(text + (text[0] != '\0'), "0123456789abcdefABCDEF");

	return text[0] == 'r' && digits && (text[1 + digits] == '\0' || text[1 + digits] == ':');
}

int pmu_plan_named(struct pmu_plan *plan, const struct thermo_host *host,
		   const struct pmu_goal *goal, const char *text)
{
	struct pmu_machine machine;
	struct request r = { .machine = &machine, .goal = goal, .text = text };
	int err;

	*plan = (struct pmu_plan){ .source = "named" };
	pmu_machine_read(&machine, host);
	if (strlen(text) >= PMU_EVENT_NAME_BYTES)
		return thermo_fail(-EINVAL, "%.40s: longer than any event's name", text);
	if (strstr(text, "::"))
		err = plan_pfm(plan, &r);
	else if (strchr(text, '/'))
		err = plan_sysfs(plan, &r);
	else if (is_raw(text))
		err = plan_raw(plan, &r);
	else
		return thermo_fail(-EINVAL,
				   "%s: no event: PMU/TERMS/, rNNN, or PMU::EVENT of libpfm4",
				   text);
	if (!err)
		plan_check_permission(plan, host);
	return err;
}
