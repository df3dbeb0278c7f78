// SPDX-License-Identifier: GPL-2.0-or-later
/* chmu_span.c - see chmu_span.h. */
#include "sources/chmu_span.h"

#include <stdlib.h>

#define LISTED_MAX (1u << 18)

void chmu_span_begin(struct chmu_span *span, uint64_t now_ns)
{
	*span = (struct chmu_span){ .start_ns = now_ns,
				    .listed = span->listed,
				    .room = span->room };
}

void chmu_span_fini(struct chmu_span *span)
{
	free(span->listed);
	*span = (struct chmu_span){ 0 };
}

static bool grow(struct chmu_span *span)
{
	size_t room = span->room ? 2 * span->room : 1024;
	uint64_t *listed = room <= LISTED_MAX ? reallocarray(span->listed, room, sizeof(*listed))
					      : NULL;

	if (!listed)
		return false;
	span->listed = listed;
	span->room = room;
	return true;
}

void chmu_span_add(struct chmu_span *span, uint64_t granule)
{
	if (span->nr == span->room && !grow(span)) {
		span->broken = true;
		return;
	}
	span->listed[span->nr++] = granule;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void chmu_span_unlisted(struct chmu_span *span, uint64_t first, uint64_t end, uint64_t nr_epochs,
			chmu_unlisted_fn take, void *data)
{
	uint64_t at = first;

	if (span->broken || nr_epochs == 0 || first >= end)
		return;
	if (span->nr)
		qsort(span->listed, span->nr, sizeof(*span->listed), by_number);
	for (size_t i = 0; i < span->nr;) {
		uint64_t granule = span->listed[i];
		size_t next = i;

		while (next < span->nr && span->listed[next] == granule)
			next++;
		if (granule >= end)
			break;
		if (granule > at)
			take(data, at, granule - at, nr_epochs);
		if (granule >= at && next - i < nr_epochs)
			take(data, granule, 1, nr_epochs - (next - i));
		if (granule >= at)
			at = granule + 1;
		i = next;
	}
	if (at < end)
		take(data, at, end - at, nr_epochs);
}
