// SPDX-License-Identifier: GPL-2.0-or-later
/* sources_events.c - a plan of events, as text or as JSON. */
#include "cli/sources_events.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "core/error.h"

int events_parse_kinds(const char *text, uint32_t *kinds)
{
	static const char *const names[] = { "loads", "stores", "l3-misses" };
	static const uint32_t bits[] = { PMU_LOADS, PMU_STORES, PMU_L3_MISSES };
	uint32_t all = 0;

	for (const char *p = text;; p++) {
		size_t len = strcspn(p, ","), i = 0;

		while (i < 3 && (strlen(names[i]) != len || strncmp(p, names[i], len) != 0))
			i++;
		if (i == 3)
			return thermo_fail(-EINVAL, "'%.*s' is none of loads, stores and l3-misses",
					   (int)(len < 40 ? len : 40), p);
		all |= bits[i];
		p += len;
		if (!*p)
			break;
	}
	*kinds = all;
	return 0;
}

static struct json_object *event_to_json(const struct pmu_event *e)
{
	struct json_object *o = json_object_new_object(), *attr = json_object_new_object();
	struct pmu_attr_field fields[PMU_ATTR_FIELDS];
	size_t nr = pmu_attr_fields(&e->attr, fields);
	char cpus[512];

	(void)hwloc_bitmap_list_snprintf(cpus, sizeof(cpus), e->cpus);
	json_object_object_add(o, "name", json_object_new_string(e->name));
	json_object_object_add(o, "cpus", json_object_new_string(cpus));
	if (e->leader >= 0)
		json_object_object_add(o, "leader", json_object_new_int(e->leader));
	if (e->why)
		json_object_object_add(o, "why", json_object_new_string(e->why));
	for (size_t i = 0; i < nr; i++)
		json_object_object_add(attr, fields[i].name,
				       json_object_new_uint64(fields[i].value));
	json_object_object_add(o, "attr", attr);
	return o;
}

static struct json_object *notes_to_json(const struct pmu_plan *plan)
{
	struct json_object *notes = json_object_new_array();

	for (size_t i = 0; i < plan->nr_notes; i++)
		json_object_array_add(notes, json_object_new_string(plan->notes[i]));
	return notes;
}

static struct json_object *events_to_json(const struct pmu_plan *plan)
{
	struct json_object *events = json_object_new_array();

	for (size_t i = 0; i < plan->nr_events; i++)
		json_object_array_add(events, event_to_json(&plan->events[i]));
	return events;
}

/* @err is of the plan, or of trying it; the reason is still there. */
static void print_json(const struct pmu_plan *plan, bool planned, bool tried, int err, FILE *out)
{
	struct json_object *o = json_object_new_object();
	const char *why_not = err ? thermo_last_error() : plan->not_permitted;

	if (planned) {
		json_object_object_add(o, "source", json_object_new_string(plan->source));
		json_object_object_add(o, "permitted",
				       json_object_new_boolean(!plan->not_permitted[0]));
	}
	if (planned && tried)
		json_object_object_add(o, "accepted", json_object_new_boolean(!err));
	if (why_not[0])
		json_object_object_add(o, "why_not", json_object_new_string(why_not));
	json_object_object_add(o, "notes", notes_to_json(plan));
	json_object_object_add(o, "events", events_to_json(plan));
	fprintf(out, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	json_object_put(o);
}

int events_show(const struct thermo_host *host, const struct events_request *r, FILE *out)
{
	struct pmu_plan plan;
	int err = r->event ? pmu_plan_named(&plan, host, &r->goal, r->event)
			   : pmu_plan_make(&plan, host, &r->goal);
	bool planned = !err;

	if (planned && r->try)
		err = pmu_plan_try(&plan, host);
	/* Parts of a plan that could not be made would be taken for one. */
	if (!planned)
		pmu_plan_fini(&plan);
	if (r->json)
		print_json(&plan, planned, r->try, err, out);
	else if (planned)
		pmu_plan_print(&plan, out);
	if (!r->json && planned && r->try && !err)
		fprintf(out, "accepted: the kernel takes all of them\n");
	pmu_plan_fini(&plan);
	return err;
}
