// SPDX-License-Identifier: GPL-2.0-or-later
/* pfn_directory.c - see pfn_directory.h. */
#include "core/pfn_directory.h"

#include <stdlib.h>

#include "core/pfn_index.h"

void pfn_directory_fini(struct pfn_directory *d)
{
	free(d->starts);
	*d = (struct pfn_directory){ 0 };
}

static int make_room(struct pfn_directory *d, size_t nr)
{
	uint32_t *grown;

	if (nr <= d->room)
		return 0;
	grown = realloc(d->starts, nr * sizeof(*grown));
	if (!grown)
		return -1;
	d->starts = grown;
	d->room = nr;
	return 0;
}

void pfn_directory_make(struct pfn_directory *d, const struct pfn_run *runs, size_t nr)
{
	uint64_t span = nr ? runs[nr - 1].pfn - runs[0].pfn + 1 : 0;
	size_t slots, slot = 0;

	d->nr = 0;
	d->shift = 0;
	while (span >> d->shift > 2 * (uint64_t)nr)
		d->shift++;
	slots = span ? (size_t)((span - 1) >> d->shift) + 1 : 0;
	if (!slots || make_room(d, slots + 1))
		return;
	d->first = runs[0].pfn;
	for (size_t i = 0; i < nr; i++)
		while (slot <= (runs[i].pfn - d->first) >> d->shift)
			d->starts[slot++] = (uint32_t)i;
	d->starts[slots] = (uint32_t)nr;
	d->nr = slots;
}
