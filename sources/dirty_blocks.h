/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dirty_blocks.h - from runs of written and unwritten pages to few reports.
 *
 * Pages side by side that are alike are one report, which is exact.  Where written and unwritten
 * alternate, a report a page would be as many as there are pages: there a block of memory
 * has two, one for the written pages and one for the others, spread over the block.
 *
 * One thread.
 */
#ifndef SOURCES_DIRTY_BLOCKS_H
#define SOURCES_DIRTY_BLOCKS_H

#include "core/host.h"
#include "thermocline/report.h"

/* A power of two. */
#define DIRTY_BLOCK_BYTES 65536ull

/* Pages of one size in a row, or in one block. */
struct dirty_stretch {
	uint64_t start;
	uint64_t end;
	uint64_t unit_bytes;
	uint64_t nr_written;
	uint64_t nr_clean;
};

/**
 * struct dirty_blocks - Zeroed but for the first four.
 * @block_bytes:	A power of two, DIRTY_BLOCK_BYTES or more.
 * @time_ns, @watched_ns:	Of the pages that are added.
 * @now:	What is being put together; @nr_reports: what was reported.
 */
struct dirty_blocks {
	struct thermo_reporter *reporter;
	pid_t pid;
	uint64_t block_bytes;
	uint64_t time_ns;
	uint64_t watched_ns;
	struct dirty_stretch now;
	uint64_t nr_reports;
};

/* Runs in order of address. */
void dirty_blocks_add(struct dirty_blocks *blocks, const struct thermo_dirty_run *run);

/* Report what is left. */
void dirty_blocks_flush(struct dirty_blocks *blocks);

#endif
