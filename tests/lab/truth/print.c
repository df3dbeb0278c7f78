// SPDX-License-Identifier: GPL-2.0-or-later
/* print.c - truth-report's output: tables, JSON objects (one a line), CSV. */
#include "tests/lab/truth/print.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

void print_heading(const struct report_options *options)
{
	if (options->physical)
		printf("phase,address,node,reads,writes\n");
	else if (options->pages)
		printf("phase,page,node,cpu,reads,writes\n");
	else if (options->json)
		return;
	else if (options->by_second)
		printf("%8s  %-16s %12s %12s %7s %7s %8s\n", "time_s", "phase", "reads", "writes",
		       "hit_pct", "oracle", "amat_ns");
	else
		printf("%-16s %8s %8s %12s %12s %7s %7s %8s  %10s %7s %9s\n", "phase", "start_s",
		       "length_s", "reads", "writes", "hit_pct", "oracle", "amat_ns", "steady_pct",
		       "oracle", "recover_s");
}

static void add_double(struct json_object *object, const char *name, double value)
{
	char text[32];

	/* Digits that mean something only. */
	(void)snprintf(text, sizeof(text), "%.4f", value);
	json_object_object_add(object, name, json_object_new_double_s(value, text));
}

static struct json_object *line_object(const struct report_line *line)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "phase", json_object_new_string(line->phase));
	add_double(object, "start_s", line->start_s);
	add_double(object, "length_s", line->duration_s);
	json_object_object_add(object, "reads", json_object_new_int64((int64_t)line->reads));
	json_object_object_add(object, "writes", json_object_new_int64((int64_t)line->writes));
	add_double(object, "hit_ratio", line->hit_ratio);
	add_double(object, "oracle_ratio", line->oracle);
	add_double(object, "amat_ns", line->latency_ns);
	return object;
}

static void put_object(struct json_object *object)
{
	printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
	json_object_put(object);
}

void print_second(const struct report_options *options, const struct report_line *line)
{
	if (options->json)
		put_object(line_object(line));
	else
		printf("%8.1f  %-16s %12" PRIu64 " %12" PRIu64 " %7.2f %7.2f %8.1f\n",
		       line->start_s + line->duration_s, *line->phase ? line->phase : "-",
		       line->reads, line->writes, 100 * line->hit_ratio, 100 * line->oracle,
		       line->latency_ns);
	(void)fflush(stdout);
}

static void print_phase_json(const struct report_line *line)
{
	struct json_object *object = line_object(line);

	if (line->has_steady) {
		add_double(object, "steady_hit_ratio", line->steady_hit_ratio);
		add_double(object, "steady_oracle_ratio", line->steady_oracle);
	}
	if (line->recover_s >= 0)
		add_double(object, "recover_s", line->recover_s);
	put_object(object);
}

void print_phase(const struct report_options *options, const struct report_line *line)
{
	char steady[32] = "         -       -";
	char recover[32] = "never";

	if (options->json) {
		print_phase_json(line);
		return;
	}
	if (line->has_steady)
		(void)snprintf(steady, sizeof(steady), "%10.2f %7.2f", 100 * line->steady_hit_ratio,
			       100 * line->steady_oracle);
	if (line->recover_s >= 0)
		(void)snprintf(recover, sizeof(recover), "%.1f", line->recover_s);
	printf("%-16s %8.1f %8.1f %12" PRIu64 " %12" PRIu64 " %7.2f %7.2f %8.1f  %s %9s\n",
	       *line->phase ? line->phase : "-", line->start_s, line->duration_s, line->reads,
	       line->writes, 100 * line->hit_ratio, 100 * line->oracle, line->latency_ns, steady,
	       recover);
	(void)fflush(stdout);
}

/* RFC 4180: quotes around what has a comma or a quote, and quotes doubled. */
static void print_csv_text(const char *text)
{
	if (!strpbrk(text, ",\"\n")) {
		fputs(text, stdout);
		return;
	}
	putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

void print_pages(const char *phase, const struct truth_cell *cells, size_t nr_cells)
{
	for (size_t i = 0; i < nr_cells; i++) {
		const struct truth_cell *cell = &cells[i];

		if (cell->reads + cell->writes == 0)
			continue;
		print_csv_text(phase);
		printf(",%" PRIu64 ",%u,%u,%" PRIu64 ",%" PRIu64 "\n", cell->page, cell->node,
		       cell->cpu, cell->reads, cell->writes);
	}
	(void)fflush(stdout);
}

void print_physical(const char *phase, const struct truth_cell *cells, size_t nr_cells)
{
	for (size_t i = 0; i < nr_cells; i++) {
		const struct truth_cell *cell = &cells[i];

		if (cell->reads + cell->writes == 0)
			continue;
		print_csv_text(phase);
		printf(",%#" PRIx64 ",%u,%" PRIu64 ",%" PRIu64 "\n", cell->page * TRUTH_PAGE_BYTES,
		       cell->node, cell->reads, cell->writes);
	}
	(void)fflush(stdout);
}
