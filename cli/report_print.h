/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report_print.h - what `thermocline report` prints: text for people, CSV and JSON. */
#ifndef CLI_REPORT_PRINT_H
#define CLI_REPORT_PRINT_H

#include "cli/report_rows.h"
#include "cli/table.h"

enum report_format {
	REPORT_TEXT,
	REPORT_JSON,
	REPORT_CSV,
};

/* What rows are sorted by, largest first; REPORT_SORT_KEY: smallest first. */
enum report_sort {
	REPORT_SORT_ACCESSES,
	REPORT_SORT_DENSITY, /* regions only; else as accesses */
	REPORT_SORT_READS,
	REPORT_SORT_WRITES,
	REPORT_SORT_LOCAL,
	REPORT_SORT_REMOTE,
	REPORT_SORT_BYTES,
	REPORT_SORT_KEY,
	REPORT_NR_SORTS,
};

/**
 * struct report_output - How to print.
 * @limit:	At most so many rows (of a snapshot); 0: all.
 * @min_share:	Only those with so much of all accesses, 0 to 1.
 * @nr_details:	Regions below a row.
 */
struct report_output {
	FILE *out;
	enum report_format format;
	enum report_sort sort;
	uint64_t limit;
	double min_share;
	uint32_t nr_details;
	bool has_rows; /* of JSON: a comma comes next */
};

/* The rows of @report, which is finished and has its details. */
void report_print_rows(struct report_output *o, const struct report *report);

/* Sort; and return how many rows will be printed. */
size_t report_sort_rows(const struct report_output *o, struct report *report);

/* The regions of one snapshot, of process @pid if that is not 0.  Return: 0 or -ENOMEM. */
int report_print_regions(struct report_output *o, const struct record_machine *machine,
			 const struct thermo_snapshot *snapshot, int32_t pid);

/* Only the header of CSV, which has no rows then. */
void report_print_regions_header(struct report_output *o);

/* JSON: one row more of the array. */
void report_print_json(struct report_output *o, struct json_object *row);

#endif
