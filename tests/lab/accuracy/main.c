// SPDX-License-Identifier: GPL-2.0-or-later
/* main.c - the program truth-accuracy: an observer's snapshots beside the truth. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/number.h"
#include "tests/lab/accuracy/report.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* One line here is one line there. */
/* clang-format off */
static const char usage[] =
	"usage: truth-accuracy [OPTION...] TRUTH SNAPSHOTS\n"
	"\n"
	"Judges what an observer in the lab's guest said (SNAPSHOTS: JSON, or the kernel's trace of\n"
	"DAMON) by what the emulator counted (TRUTH): the share of all accesses that the hottest 5,\n"
	"10, 20, 40 % of the bytes captured, in the observer's order; beside it the best possible; and\n"
	"the distance between both, averaged over all bytes (miss_pct).  One line a phase: medians.\n"
	"\n"
	"  --last S                 judge by the S seconds before a snapshot (5; 0: all of\n"
	"                           its phase, for what does not change in it)\n"
	"  --half-life S            of rates: what was S seconds before a snapshot counts half, as it\n"
	"                           does in a monitor\n"
	"  --skip S                 of a phase, before it counts (15)\n"
	"  --each                   every snapshot, too\n"
	"  --range NAME=FROM,BYTES  of the workload's memory, as x=0,128M: print who accesses it and how\n"
	"                           instead; repeatable\n"
	"  --format text|json       json: an object a line\n";
/* clang-format on */

struct parsed {
	struct accuracy_options options;
	struct accuracy_range ranges[RANGES_MAX];
	size_t nr_ranges;
	const char *truth_path;
	const char *snapshots_path;
	bool help;
};

static int parse_seconds(const char *option, const char *text, double *seconds)
{
	if (thermo_parse_decimal(text, 1e6, seconds))
		return thermo_fail(-EINVAL, "truth-accuracy: %s: '%.20s' is no number of seconds",
				   option, text);
	return 0;
}

/* Cuts @text into its parts. */
static int parse_range(struct parsed *parsed, char *text)
{
	char *from = strchr(text, '=');
	char *bytes = from ? strchr(from, ',') : NULL;
	uint64_t at, size;

	if (bytes) {
		*from++ = '\0';
		*bytes++ = '\0';
	}
	if (!bytes || parsed->nr_ranges == RANGES_MAX ||
	    thermo_parse_bytes(from, 1ULL << 46, &at) ||
	    thermo_parse_bytes(bytes, 1ULL << 46, &size))
		return thermo_fail(-EINVAL,
				   "truth-accuracy: --range: '%.40s': give up to %d as "
				   "NAME=FROM,BYTES",
				   text, RANGES_MAX);
	parsed->ranges[parsed->nr_ranges++] = (struct accuracy_range){ text, at / TRUTH_PAGE_BYTES,
								       size / TRUTH_PAGE_BYTES };
	return 0;
}

static int parse_option(struct parsed *parsed, int id, char *value)
{
	struct accuracy_options *options = &parsed->options;

	switch (id) {
	case 'l':
		return parse_seconds("--last", value, &options->last_s);
	case 'H':
		return parse_seconds("--half-life", value, &options->half_life_s);
	case 's':
		return parse_seconds("--skip", value, &options->skip_s);
	case 'r':
		return parse_range(parsed, value);
	case 'e':
		options->each = true;
		return 0;
	case 'h':
		parsed->help = true;
		return 0;
	case 'f':
		options->json = strcmp(value, "json") == 0;
		if (options->json || strcmp(value, "text") == 0)
			return 0;
		return thermo_fail(-EINVAL,
				   "truth-accuracy: --format: '%.20s' is neither text "
				   "nor json",
				   value);
	default:
		return -EINVAL; /* getopt has said what is wrong */
	}
}

static int parse_options(int argc, char **argv, struct parsed *parsed)
{
	static const struct option long_options[] = {
		{ "last", required_argument, NULL, 'l' },
		{ "half-life", required_argument, NULL, 'H' },
		{ "skip", required_argument, NULL, 's' },
		{ "range", required_argument, NULL, 'r' },
		{ "each", no_argument, NULL, 'e' },
		{ "format", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int err = 0;
	int id;

	while (!err && (id = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		err = parse_option(parsed, id, optarg);
	if (err || parsed->help)
		return err;
	if (argc - optind != 2)
		return thermo_fail(-EINVAL, "truth-accuracy: TRUTH and SNAPSHOTS are needed; see "
					    "--help");
	parsed->truth_path = argv[optind];
	parsed->snapshots_path = argv[optind + 1];
	return 0;
}

static int report(const struct parsed *parsed)
{
	struct history history = { 0 };
	struct snapshots snapshots = { 0 };
	int err = history_read(&history, parsed->truth_path);

	if (!err)
		err = snapshots_read(&snapshots, parsed->snapshots_path);
	if (!err && parsed->nr_ranges)
		err = report_shares(&parsed->options, &history, &snapshots, parsed->ranges,
				    parsed->nr_ranges);
	else if (!err)
		err = report_accuracy(&parsed->options, &history, &snapshots);
	snapshots_fini(&snapshots);
	history_fini(&history);
	return err;
}

int main(int argc, char **argv)
{
	struct parsed parsed = { .options = { .last_s = 5, .skip_s = 15 } };
	int err = parse_options(argc, argv, &parsed);

	if (parsed.help) {
		fputs(usage, stdout);
		return 0;
	}
	if (err) {
		if (*thermo_last_error())
			fprintf(stderr, "%s\n", thermo_last_error());
		return EXIT_USAGE;
	}
	if (report(&parsed) == 0)
		return 0;
	fprintf(stderr, "%s\n", thermo_last_error());
	return EXIT_FAILED;
}
