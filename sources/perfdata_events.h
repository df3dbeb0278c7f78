/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perfdata_events.h - the events of a perf.data, and of which of them a record is. */
#ifndef SOURCES_PERFDATA_EVENTS_H
#define SOURCES_PERFDATA_EVENTS_H

#include "sources/perfdata.h"

#define PERFDATA_MAX_EVENTS 4096
#define PERFDATA_MAX_IDS (1u << 20)

struct perfdata_id {
	uint64_t id;
	uint32_t event;
};

struct perfdata_events {
	size_t nr;
	struct perfdata_event *list;
	size_t nr_ids;
	size_t ids_room;
	struct perfdata_id *ids;
	bool sorted; /* ids */
	bool last_known;
	struct perfdata_id last; /* found */
	bool looked;             /* at how records tell their event */
	bool alike;              /* all events are laid out alike */
	bool has_id;
	size_t id_from_front; /* in words: of samples */
	size_t id_from_back;  /* in words: of all others */
};

/*
 * Add an event: @attr_bytes of struct perf_event_attr, of any age.  Return: its index,
 * -EBADMSG, -ENOMEM or -E2BIG without a reason.
 */
int perfdata_events_add(struct perfdata_events *ev, const unsigned char *attr, size_t attr_bytes,
			bool swap);
/* Event @event has this id too.  Return: 0, -ENOMEM or -E2BIG. */
int perfdata_events_add_id(struct perfdata_events *ev, uint64_t id, uint32_t event);
/* Return: the event with the id, or NULL. */
struct perfdata_event *perfdata_events_with_id(struct perfdata_events *ev, uint64_t id);

/* The event of @record, by the id in it.  Return: NULL when there is none. */
struct perfdata_event *perfdata_events_of(struct perfdata_events *ev,
					  const struct perf_event_header *record);
/* Whether records tell of which event they are, as far as it matters. */
bool perfdata_events_tell(struct perfdata_events *ev);
void perfdata_events_fini(struct perfdata_events *ev);

#endif
