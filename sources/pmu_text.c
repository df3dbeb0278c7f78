// SPDX-License-Identifier: GPL-2.0-or-later
/* pmu_text.c - a plan for people, one field a line, so that a diff shows what changed. */
#include "sources/pmu_plan.h"

static void print_event(const struct pmu_event *e, size_t index, FILE *out)
{
	struct pmu_attr_field fields[PMU_ATTR_FIELDS];
	size_t nr = pmu_attr_fields(&e->attr, fields);
	char cpus[512];

	(void)hwloc_bitmap_list_snprintf(cpus, sizeof(cpus), e->cpus);
	fprintf(out, "event %zu: %s\n", index, e->name);
	fprintf(out, "  cpus %s\n", cpus);
	if (e->leader >= 0)
		fprintf(out, "  in the group of event %d\n", e->leader);
	if (e->why)
		fprintf(out, "  why: %s\n", e->why);
	for (size_t i = 0; i < nr; i++)
		fprintf(out, "    %s %s\n", fields[i].name, fields[i].text);
}

void pmu_plan_print(const struct pmu_plan *plan, FILE *out)
{
	fprintf(out, "source %s\n", plan->source);
	if (plan->not_permitted[0])
		fprintf(out, "not permitted: %s\n", plan->not_permitted);
	for (size_t i = 0; i < plan->nr_notes; i++)
		fprintf(out, "note: %s\n", plan->notes[i]);
	for (size_t i = 0; i < plan->nr_events; i++)
		print_event(&plan->events[i], i, out);
}
