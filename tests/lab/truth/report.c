// SPDX-License-Identifier: GPL-2.0-or-later
/* report.c - the program truth-report: hit ratios, access times, oracle of a truth file. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "core/number.h"
#include "tests/lab/truth/analysis.h"
#include "tests/lab/truth/print.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, FOLLOW_MS = 200 };

enum option_id {
	OPT_FOLLOW = 256,
	OPT_BY,
	OPT_LATENCY,
	OPT_FAST_NODES,
	OPT_FAST_BYTES,
	OPT_FORMAT,
	OPT_SKIP,
	OPT_PAGES,
	OPT_PHYSICAL,
	OPT_HELP,
};

static const struct option long_options[] = {
	{ "follow", no_argument, NULL, OPT_FOLLOW },
	{ "by", required_argument, NULL, OPT_BY },
	{ "latency", required_argument, NULL, OPT_LATENCY },
	{ "fast-nodes", required_argument, NULL, OPT_FAST_NODES },
	{ "fast-bytes", required_argument, NULL, OPT_FAST_BYTES },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "skip", required_argument, NULL, OPT_SKIP },
	{ "pages", no_argument, NULL, OPT_PAGES },
	{ "physical-pages", no_argument, NULL, OPT_PHYSICAL },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

/* One line here is one line there. */
/* clang-format off */
static const char usage[] =
	"usage: truth-report [OPTION...] FILE\n"
	"\n"
	"Reads what the lab's --truth counted: per second or phase the accesses, the share that fast\n"
	"memory served (hit_pct), the same for the best fixed placement (oracle), and the average\n"
	"memory access time.\n"
	"\n"
	"  --by second|phase    one line each (phase)\n"
	"  --follow             wait for more until the run ends\n"
	"  --latency NODE=NS    of a node, instead of what the lab was told; repeatable\n"
	"  --fast-nodes LIST    such as 0,1 (the nodes with CPUs)\n"
	"  --fast-bytes N       what the oracle may place in fast memory (the most of the window that\n"
	"                       fast memory held in the run; with --follow: so far)\n"
	"  --skip S             seconds of a phase before it counts as steady (20)\n"
	"  --pages              CSV of accesses by phase, page, node and CPU\n"
	"  --physical-pages     CSV of accesses to slow memory by phase and physical address; only of\n"
	"                       a run with --virtual-chmu\n"
	"  --format text|json   json: an object a line\n"
	"\n"
	"recover_s is the time from a phase's start after which each second's hit ratio was at least\n"
	"90 % of the oracle of the phase (of its steady part, if there is one).\n";
/* clang-format on */

/* As given; nodes are known only with the file. */
struct parsed {
	struct report_options options;
	const char *fast_nodes;
	int64_t latency_ns[TRUTH_NODES_MAX]; /* -1: the file's */
	const char *path;
	bool help;
};

static int parse_u64(const char *text, const char *what, uint64_t max, uint64_t *value)
{
	if (thermo_parse_u64(text, max, value))
		return thermo_fail(-EINVAL,
				   "truth-report: %s: '%.40s' is not a number up to %" PRIu64, what,
				   text, max);
	return 0;
}

static int parse_latency(struct parsed *parsed, const char *text)
{
	unsigned node;
	unsigned latency_ns;
	char rest;

	if (sscanf(text, "%u=%u%c", &node, &latency_ns, &rest) != 2 || node >= TRUTH_NODES_MAX)
		return thermo_fail(-EINVAL, "truth-report: --latency: '%.40s' is not NODE=NS",
				   text);
	parsed->latency_ns[node] = latency_ns;
	return 0;
}

static int parse_word(const char *text, const char *what, const char *no, const char *yes,
		      bool *value)
{
	if (strcmp(text, no) != 0 && strcmp(text, yes) != 0)
		return thermo_fail(-EINVAL, "truth-report: %s: '%.40s' is neither %s nor %s", what,
				   text, no, yes);
	*value = strcmp(text, yes) == 0;
	return 0;
}

static int parse_option(struct parsed *parsed, int id, const char *value)
{
	struct report_options *options = &parsed->options;
	uint64_t number = 0;
	int err;

	switch (id) {
	case OPT_FOLLOW:
		options->follow = true;
		return 0;
	case OPT_BY:
		return parse_word(value, "--by", "phase", "second", &options->by_second);
	case OPT_LATENCY:
		return parse_latency(parsed, value);
	case OPT_FAST_NODES:
		parsed->fast_nodes = value;
		return 0;
	case OPT_FORMAT:
		return parse_word(value, "--format", "text", "json", &options->json);
	case OPT_PAGES:
		options->pages = true;
		return 0;
	case OPT_PHYSICAL:
		options->physical = true;
		return 0;
	case OPT_HELP:
		parsed->help = true;
		return 0;
	case OPT_FAST_BYTES:
		err = parse_u64(value, "--fast-bytes", 1ULL << 46, &number);
		options->fast_pages = number / TRUTH_PAGE_BYTES;
		if (err == 0 && options->fast_pages == 0)
			return thermo_fail(-EINVAL, "truth-report: --fast-bytes: less than a page");
		return err;
	case OPT_SKIP:
		err = parse_u64(value, "--skip", 1000000, &number);
		options->skip_s = (uint32_t)number;
		return err;
	default:
		return -EINVAL; /* getopt has said what is wrong */
	}
}

static int parse_options(int argc, char **argv, struct parsed *parsed)
{
	int err = 0;
	int id;

	while (err == 0 && (id = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		err = parse_option(parsed, id, optarg);
	if (err < 0 || parsed->help)
		return err;
	if (argc - optind != 1)
		return thermo_fail(-EINVAL, "truth-report: one FILE is needed; see --help");
	parsed->path = argv[optind];
	return 0;
}

/* Fill in from the file what was not given. */
static int complete_options(struct parsed *parsed, const struct truth_header *header)
{
	struct report_options *options = &parsed->options;
	const char *text = parsed->fast_nodes;

	for (uint32_t node = 0; node < header->nr_nodes; node++) {
		options->is_fast[node] = !text && header->is_fast[node];
		options->latency_ns[node] = parsed->latency_ns[node] < 0
							    ? header->latency_ns[node]
							    : (uint32_t)parsed->latency_ns[node];
	}
	while (text && *text) {
		char *end;
		unsigned long node = strtoul(text, &end, 10);

		if (end == text || node >= header->nr_nodes || (*end != '\0' && *end != ','))
			return thermo_fail(-EINVAL,
					   "truth-report: --fast-nodes: '%.40s' is no list of this "
					   "file's nodes",
					   parsed->fast_nodes);
		options->is_fast[node] = true;
		text = *end ? end + 1 : end;
	}
	return 0;
}

static int wait_for_more(void)
{
	const struct timespec pause = { .tv_nsec = FOLLOW_MS * 1000000L };

	return nanosleep(&pause, NULL) == 0 ? 0 : -EINTR;
}

/* Return: 1 when the run had ended in order, 0 when the file just ends, -errno. */
static int take_all(struct truth_reader *reader, struct analysis *analysis, bool follow)
{
	for (;;) {
		int err = truth_reader_next(reader);

		if (err < 0)
			return err;
		if (err == 0 && (!follow || wait_for_more() < 0))
			return 0;
		if (err > 0) {
			err = analysis_take(analysis, reader);
			if (err < 0)
				return err;
			if (reader->record.type == TRUTH_CLOSED)
				return 1;
		}
	}
}

/* A first pass over the file, silent, for the capacity of fast memory. */
static int find_capacity(struct parsed *parsed)
{
	struct report_options silent = parsed->options;
	struct truth_reader reader;
	struct analysis analysis = { 0 };
	int err = truth_reader_open(&reader, parsed->path);

	silent.quiet = true;
	silent.pages = silent.physical = false;
	if (err == 0) {
		analysis_init(&analysis, &silent, &reader.header);
		err = take_all(&reader, &analysis, false);
	}
	if (err >= 0)
		parsed->options.fast_pages = analysis.most_held;
	analysis_fini(&analysis);
	truth_reader_close(&reader);
	return err < 0 ? err : 0;
}

static int report(struct parsed *parsed)
{
	struct truth_reader reader;
	struct analysis analysis = { 0 };
	int err = truth_reader_open(&reader, parsed->path);

	if (err == 0)
		err = complete_options(parsed, &reader.header);
	if (err == 0 && parsed->options.fast_pages == 0 && !parsed->options.follow &&
	    !parsed->options.pages && !parsed->options.physical)
		err = find_capacity(parsed);
	if (err == 0) {
		print_heading(&parsed->options);
		analysis_init(&analysis, &parsed->options, &reader.header);
		err = take_all(&reader, &analysis, parsed->options.follow);
		if (err >= 0 && analysis_finish(&analysis) < 0)
			err = -ENOMEM;
		if (err == 0)
			fprintf(stderr,
				"truth-report: %s ends early: the virtual machine was killed, or "
				"still runs"
				" (%ld bytes of an incomplete record)\n",
				parsed->path, truth_reader_rest_bytes(&reader));
		if (analysis.left_out)
			fprintf(stderr,
				"truth-report: %" PRIu64
				" counts lie outside the window, ignoring\n",
				analysis.left_out);
	}
	analysis_fini(&analysis);
	truth_reader_close(&reader);
	return err < 0 ? err : 0;
}

int main(int argc, char **argv)
{
	struct parsed parsed = { .options = { .skip_s = 20 } };
	int err;

	for (size_t i = 0; i < TRUTH_NODES_MAX; i++)
		parsed.latency_ns[i] = -1;
	err = parse_options(argc, argv, &parsed);
	if (parsed.help) {
		fputs(usage, stdout);
		return 0;
	}
	if (err == 0)
		err = report(&parsed);
	if (err < 0 && *thermo_last_error())
		fprintf(stderr, "%s\n", thermo_last_error());
	return err == 0 ? 0 : err == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
}
