/* SPDX-License-Identifier: GPL-2.0-or-later */
/* analysis.h - turns the records of a truth file into seconds and phases. */
#ifndef TRUTH_ANALYSIS_H
#define TRUTH_ANALYSIS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/lab/truth/reader.h"
#include "tests/lab/truth/tally.h"

enum { TRUTH_RECOVERED_BP = 9000 };

struct report_options {
	bool by_second;
	bool json;
	bool follow;
	bool pages;          /* page by page instead */
	bool physical;       /* by physical page instead */
	bool quiet;          /* print nothing: only the capacity is wanted */
	uint32_t skip_s;     /* of a phase, before it counts as steady */
	uint64_t fast_pages; /* capacity of fast memory; 0: what the run held at most */
	bool is_fast[TRUTH_NODES_MAX];
	uint32_t latency_ns[TRUTH_NODES_MAX];
};

/* One second, or one phase. */
struct report_line {
	const char *phase;
	double start_s; /* since the window was opened */
	double duration_s;
	uint64_t reads;
	uint64_t writes;
	double hit_ratio;
	double oracle;
	double latency_ns;
	/* Phases only. */
	bool has_steady; /* it was longer than what is skipped */
	double steady_hit_ratio;
	double steady_oracle;
	double recover_s; /* since its start; negative: it did not */
};

/* What came so far. */
struct analysis {
	const struct report_options *options;
	const struct truth_header *header;
	uint64_t fast_pages; /* capacity that the oracle may use */
	uint64_t held_pages; /* of the window, in fast memory now */
	uint64_t most_held;  /* ... at most so far */
	uint64_t nr_pages;   /* of the window; 0: none is open */
	uint8_t *last_node;  /* of each page; NODE_UNKNOWN before its first access */
	struct tally second;
	struct tally phase;
	struct tally steady;
	struct truth_cell *physical; /* with options->physical: of the phase, by page */
	uint64_t nr_physical;
	struct truth_cell *cells; /* with options->pages: [page][node][cpu] of the phase */
	char phase_name[TRUTH_TEXT_MAX + 1];
	uint64_t window_ns;
	uint64_t phase_ns;
	uint64_t last_ns;   /* end of the record before */
	double *hit_series; /* of the phase: pairs of end time and hit ratio */
	size_t nr_series;
	size_t series_room;
	uint64_t left_out; /* cells outside the window: a damaged file */
};

void analysis_init(struct analysis *analysis, const struct report_options *options,
		   const struct truth_header *header);
void analysis_fini(struct analysis *analysis);

/* Take the record that @reader read last.  Prints what it completes.  Return: 0 or -errno. */
int analysis_take(struct analysis *analysis, const struct truth_reader *reader);

/* The last phase ends with the file. */
int analysis_finish(struct analysis *analysis);

#endif
