// SPDX-License-Identifier: GPL-2.0-or-later
/* dirty_blocks.c - stretches that grow while they are exact, blocks where they are not. */
#include "sources/dirty_blocks.h"

#include "core/proc.h"

/* @nr_units of the stretch, of which each saw a write, or none did. */
static void report(struct dirty_blocks *b, uint64_t nr_units, bool written)
{
	const struct dirty_stretch *s = &b->now;
	double share = (double)(nr_units * s->unit_bytes) / (double)(s->end - s->start);
	uint64_t watched_ns = (uint64_t)((double)b->watched_ns * share);
	struct thermo_access a = {
		.addr = s->start,
		.extent_bytes = s->end - s->start,
		.time_ns = b->time_ns,
		.watched_ns = watched_ns ? watched_ns : 1,
		.nr_accesses = written ? (uint32_t)nr_units : 0,
		.pid = b->pid,
		.cpu = THERMO_CPU_UNKNOWN,
		.node = THERMO_NODE_UNKNOWN,
		.op = written ? THERMO_OP_WRITE : THERMO_OP_UNKNOWN,
		.space = THERMO_SPACE_VIRTUAL,
		.count = written ? THERMO_COUNT_AT_LEAST : THERMO_COUNT_EXACT,
		.watched_op = THERMO_OP_WRITE,
	};

	if (nr_units == 0)
		return;
	(void)thermo_report_access(b->reporter, &a);
	b->nr_reports++;
}

void dirty_blocks_flush(struct dirty_blocks *b)
{
	report(b, b->now.nr_written, true);
	report(b, b->now.nr_clean, false);
	b->now = (struct dirty_stretch){ 0 };
}

/* Whether @next may be told together with what is there. */
static bool fits(const struct dirty_blocks *b, const struct dirty_stretch *next)
{
	const struct dirty_stretch *s = &b->now;
	bool alike = !s->nr_written == !next->nr_written && !s->nr_clean == !next->nr_clean;

	if (s->unit_bytes != next->unit_bytes)
		return false;
	if (s->end == next->start && alike && !(s->nr_written && s->nr_clean))
		return true;
	return s->start / b->block_bytes == (next->end - 1) / b->block_bytes;
}

static void put(struct dirty_blocks *b, const struct dirty_stretch *next)
{
	if (b->now.unit_bytes && !fits(b, next))
		dirty_blocks_flush(b);
	if (!b->now.unit_bytes) {
		b->now = *next;
		return;
	}
	b->now.end = next->end;
	b->now.nr_written += next->nr_written;
	b->now.nr_clean += next->nr_clean;
}

void dirty_blocks_add(struct dirty_blocks *b, const struct thermo_dirty_run *run)
{
	uint64_t unit = run->huge ? THERMO_HUGE_BYTES : THERMO_PAGE_BYTES, next;

	/* In pieces of blocks: one that begins with others' pages is told with them. */
	for (uint64_t at = run->start; at < run->end; at = next) {
		uint64_t block_end = (at & ~(b->block_bytes - 1)) + b->block_bytes, nr;

		next = run->huge || block_end > run->end ? run->end : block_end;
		/* The end of a huge page that was met in its middle is one all the same. */
		nr = (next - at + unit - 1) / unit;
		put(b, &(struct dirty_stretch){ .start = at,
						.end = next,
						.unit_bytes = unit,
						.nr_written = run->dirty ? nr : 0,
						.nr_clean = run->dirty ? 0 : nr });
	}
}
