// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * analysis.c - turns the records of a truth file into seconds and phases.
 *
 * Counts go out at each mark, so a COUNTS record belongs to one phase and covers the time since
 * the record before.  One thread.
 */
#include "tests/lab/truth/analysis.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "tests/lab/truth/print.h"

#define NS_PER_S 1e9

enum {
	NODE_UNKNOWN = 0xff,
	/* A window of 1 TiB: more than any virtual machine of ours has. */
	PAGES_MAX = 1 << 28,
	/* What comes in the moment before a mark is too little to judge a ratio by. */
	SHORT_NS = 200 * 1000 * 1000,
};

void analysis_init(struct analysis *analysis, const struct report_options *options,
		   const struct truth_header *header)
{
	*analysis = (struct analysis){
		.options = options,
		.header = header,
		.fast_pages = options->fast_pages,
	};
}

static void close_window(struct analysis *analysis)
{
	tally_fini(&analysis->second);
	tally_fini(&analysis->phase);
	tally_fini(&analysis->steady);
	free(analysis->last_node);
	free(analysis->cells);
	analysis->last_node = NULL;
	analysis->cells = NULL;
	analysis->nr_pages = 0;
}

void analysis_fini(struct analysis *analysis)
{
	close_window(analysis);
	free(analysis->hit_series);
	free(analysis->physical);
	*analysis = (struct analysis){ 0 };
}

static size_t nr_cells(const struct analysis *analysis)
{
	return analysis->nr_pages * analysis->header->nr_nodes * analysis->header->nr_cpus;
}

static int open_window(struct analysis *analysis, const struct truth_reader *reader)
{
	uint64_t bytes;
	int err;

	close_window(analysis);
	if (reader->record.bytes != sizeof(bytes))
		return thermo_fail(-EBADMSG, "%s: damaged: window of unknown size", reader->path);
	memcpy(&bytes, reader->payload, sizeof(bytes));
	analysis->nr_pages = bytes / TRUTH_PAGE_BYTES + (bytes % TRUTH_PAGE_BYTES != 0);
	if (analysis->nr_pages == 0 || analysis->nr_pages > PAGES_MAX)
		return thermo_fail(-EBADMSG, "%s: damaged: window of %" PRIu64 " bytes",
				   reader->path, bytes);
	err = tally_init(&analysis->second, analysis->nr_pages);
	if (err == 0)
		err = tally_init(&analysis->phase, analysis->nr_pages);
	if (err == 0)
		err = tally_init(&analysis->steady, analysis->nr_pages);
	if (err < 0)
		return err;
	analysis->last_node = malloc(analysis->nr_pages);
	if (analysis->options->pages)
		analysis->cells = calloc(nr_cells(analysis), sizeof(*analysis->cells));
	if (!analysis->last_node || (analysis->options->pages && !analysis->cells))
		return thermo_fail(-ENOMEM, "truth-report: no memory for %" PRIu64 " pages",
				   analysis->nr_pages);
	memset(analysis->last_node, NODE_UNKNOWN, analysis->nr_pages);
	analysis->held_pages = 0;
	analysis->window_ns = reader->record.time_ns;
	return 0;
}

/* The kernel needs some of it for itself, so the window cannot have held that much. */
static uint64_t all_fast_pages(const struct analysis *analysis)
{
	uint64_t bytes = 0;

	for (uint32_t node = 0; node < analysis->header->nr_nodes; node++)
		if (analysis->options->is_fast[node])
			bytes += analysis->header->node_bytes[node];
	return bytes / TRUTH_PAGE_BYTES;
}

/*
 * Where the page was last seen.  A page that went down and was never accessed again still counts
 * as up; what fast memory holds at all is the bound.
 */
static void track_residency(struct analysis *analysis, const struct truth_cell *cell)
{
	const bool *is_fast = analysis->options->is_fast;
	uint8_t *last = &analysis->last_node[cell->page];

	if (*last != NODE_UNKNOWN && is_fast[*last])
		analysis->held_pages--;
	*last = (uint8_t)cell->node;
	if (is_fast[*last])
		analysis->held_pages++;
}

static void add_cell(struct analysis *analysis, const struct truth_cell *cell, bool is_steady)
{
	const struct truth_header *header = analysis->header;

	if (!tally_add(&analysis->second, cell)) {
		analysis->left_out++;
		return;
	}
	(void)tally_add(&analysis->phase, cell);
	if (is_steady)
		(void)tally_add(&analysis->steady, cell);
	track_residency(analysis, cell);
	if (analysis->cells) {
		size_t i = (cell->page * header->nr_nodes + cell->node) * header->nr_cpus +
			   cell->cpu;
		struct truth_cell *sum = &analysis->cells[i];

		*sum = (struct truth_cell){ cell->page, cell->node, cell->cpu,
					    sum->reads + cell->reads, sum->writes + cell->writes };
	}
}

static int add_to_series(struct analysis *analysis, uint64_t end_ns, double hit_ratio)
{
	if (analysis->nr_series + 2 > analysis->series_room) {
		size_t room = analysis->series_room ? 2 * analysis->series_room : 256;
		double *series = reallocarray(analysis->hit_series, room, sizeof(*series));

		if (!series)
			return thermo_fail(-ENOMEM, "truth-report: out of memory");
		analysis->hit_series = series;
		analysis->series_room = room;
	}
	analysis->hit_series[analysis->nr_series++] =
			(double)(end_ns - analysis->phase_ns) / NS_PER_S;
	analysis->hit_series[analysis->nr_series++] = hit_ratio;
	return 0;
}

static int fill_line(const struct analysis *analysis, const struct tally *tally, uint64_t start_ns,
		     uint64_t end_ns, struct report_line *line)
{
	const struct report_options *options = analysis->options;

	*line = (struct report_line){
		.phase = analysis->phase_name,
		.start_s = (double)(start_ns - analysis->window_ns) / NS_PER_S,
		.duration_s = (double)(end_ns - start_ns) / NS_PER_S,
		.reads = tally->reads,
		.writes = tally->writes,
		.hit_ratio = tally_hit_ratio(tally, options->is_fast),
		.oracle = tally_oracle(tally, analysis->fast_pages),
		.latency_ns = tally_latency_ns(tally, options->latency_ns),
	};
	return line->oracle < 0 ? thermo_fail(-ENOMEM, "truth-report: out of memory") : 0;
}

static int take_counts(struct analysis *analysis, const struct truth_reader *reader)
{
	uint64_t end_ns = reader->record.time_ns;
	uint64_t skip_ns = (uint64_t)analysis->options->skip_s * (uint64_t)NS_PER_S;
	bool is_steady = analysis->last_ns >= analysis->phase_ns + skip_ns;
	struct truth_cursor cursor;
	struct truth_cell cell;
	struct report_line line;
	int err;

	truth_cursor_init(&cursor, reader);
	while ((err = truth_cursor_next(&cursor, &cell)) > 0)
		add_cell(analysis, &cell, is_steady);
	if (err < 0)
		return err;
	if (analysis->held_pages > analysis->most_held)
		analysis->most_held = analysis->held_pages;
	if (analysis->most_held > all_fast_pages(analysis))
		analysis->most_held = all_fast_pages(analysis);
	if (analysis->options->fast_pages == 0 && analysis->most_held > analysis->fast_pages)
		analysis->fast_pages = analysis->most_held;
	if (tally_accesses(&analysis->second) == 0 || analysis->options->quiet)
		return 0;
	err = fill_line(analysis, &analysis->second, analysis->last_ns, end_ns, &line);
	if (err == 0 && end_ns - analysis->last_ns >= SHORT_NS)
		err = add_to_series(analysis, end_ns, line.hit_ratio);
	if (err == 0 && analysis->options->by_second)
		print_second(analysis->options, &line);
	tally_reset(&analysis->second);
	return err;
}

/* Room for @page, by number: the virtual machine has few. */
static int grow_physical(struct analysis *analysis, uint64_t page)
{
	uint64_t nr = analysis->nr_physical ? analysis->nr_physical : 1 << 16;
	struct truth_cell *cells;

	if (page < analysis->nr_physical)
		return 0;
	if (page >= PAGES_MAX)
		return thermo_fail(-EBADMSG, "truth-report: damaged: physical page %" PRIu64, page);
	while (nr <= page)
		nr *= 2;
	cells = reallocarray(analysis->physical, nr, sizeof(*cells));
	if (!cells)
		return thermo_fail(-ENOMEM, "truth-report: out of memory");
	memset(cells + analysis->nr_physical, 0, (nr - analysis->nr_physical) * sizeof(*cells));
	analysis->physical = cells;
	analysis->nr_physical = nr;
	return 0;
}

static int take_physical(struct analysis *analysis, const struct truth_reader *reader)
{
	struct truth_cursor cursor;
	struct truth_cell cell;
	int err;

	truth_cursor_init(&cursor, reader);
	while ((err = truth_cursor_next(&cursor, &cell)) > 0) {
		err = grow_physical(analysis, cell.page);
		if (err < 0)
			return err;
		struct truth_cell *sum = &analysis->physical[cell.page];

		*sum = (struct truth_cell){ cell.page, cell.node, 0, sum->reads + cell.reads,
					    sum->writes + cell.writes };
	}
	return err;
}

/*
 * When the hit ratio was good, and stayed so to the end.  Negative: it was not, at the end.  A
 * phase too short for a series is judged by its total.
 */
static double recover_s(const struct analysis *analysis, double oracle, double hit_ratio)
{
	double good = oracle * TRUTH_RECOVERED_BP / 10000;
	double since_s = 0;

	if (analysis->nr_series == 0)
		return hit_ratio < good ? -1 : 0;
	for (size_t i = 0; i < analysis->nr_series; i += 2)
		if (analysis->hit_series[i + 1] < good)
			since_s = analysis->hit_series[i];
	return analysis->hit_series[analysis->nr_series - 1] < good ? -1 : since_s;
}

static int end_phase(struct analysis *analysis)
{
	struct report_line line;
	struct report_line steady = { 0 };
	int err;

	if (analysis->nr_pages == 0 || tally_accesses(&analysis->phase) == 0 ||
	    analysis->options->quiet)
		return 0;
	err = fill_line(analysis, &analysis->phase, analysis->phase_ns, analysis->last_ns, &line);
	if (err == 0)
		err = fill_line(analysis, &analysis->steady, analysis->phase_ns, analysis->last_ns,
				&steady);
	if (err < 0)
		return err;
	line.has_steady = tally_accesses(&analysis->steady) > 0;
	line.steady_hit_ratio = steady.hit_ratio;
	line.steady_oracle = steady.oracle;
	line.recover_s = recover_s(analysis, line.has_steady ? steady.oracle : line.oracle,
				   line.hit_ratio);
	if (analysis->options->physical)
		print_physical(analysis->phase_name, analysis->physical, analysis->nr_physical);
	else if (analysis->options->pages)
		print_pages(analysis->phase_name, analysis->cells, nr_cells(analysis));
	else if (!analysis->options->by_second)
		print_phase(analysis->options, &line);
	return 0;
}

static void begin_phase(struct analysis *analysis, const char *name, uint64_t time_ns)
{
	(void)snprintf(analysis->phase_name, sizeof(analysis->phase_name), "%s", name);
	analysis->phase_ns = time_ns;
	analysis->nr_series = 0;
	tally_reset(&analysis->phase);
	tally_reset(&analysis->steady);
	if (analysis->physical)
		memset(analysis->physical, 0, analysis->nr_physical * sizeof(*analysis->physical));
	if (analysis->cells)
		memset(analysis->cells, 0, nr_cells(analysis) * sizeof(*analysis->cells));
}

int analysis_take(struct analysis *analysis, const struct truth_reader *reader)
{
	uint64_t time_ns = reader->record.time_ns;
	const char *name = "";
	int err = 0;

	if (time_ns < analysis->last_ns)
		return thermo_fail(-EBADMSG, "%s: damaged: time runs backwards", reader->path);
	switch (reader->record.type) {
	case TRUTH_COUNTS:
		err = analysis->nr_pages ? take_counts(analysis, reader) : 0;
		break;
	case TRUTH_PHYSICAL:
		err = analysis->options->physical ? take_physical(analysis, reader) : 0;
		break;
	case TRUTH_PHASE:
		name = (const char *)reader->payload;
		/* fall through */
	case TRUTH_WINDOW:
	case TRUTH_END:
		err = end_phase(analysis);
		if (err == 0 && reader->record.type == TRUTH_WINDOW)
			err = open_window(analysis, reader);
		if (reader->record.type == TRUTH_END)
			close_window(analysis);
		begin_phase(analysis, name, time_ns);
		break;
	default:
		break;
	}
	analysis->last_ns = time_ns;
	return err;
}

int analysis_finish(struct analysis *analysis)
{
	return end_phase(analysis);
}
