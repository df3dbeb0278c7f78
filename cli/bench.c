// SPDX-License-Identifier: GPL-2.0-or-later
/* bench.c - `thermocline bench`: a table of what can be measured on this machine. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"

static const struct bench {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} benches[] = {
	{ "overhead", bench_overhead, "how much sampling slows programs down, by source and rate" },
};

#define NR_BENCHES (sizeof(benches) / sizeof(benches[0]))

static void print_usage(FILE *out)
{
	fprintf(out, "usage: thermocline bench NAME [OPTION...]\n\n"
		     "Measures on this machine:\n\n");
	for (size_t i = 0; i < NR_BENCHES; i++)
		fprintf(out, "  %-10s  %s\n", benches[i].name, benches[i].summary);
	fprintf(out, "\nEach has --help.\n");
}

int cmd_bench(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		print_usage(stdout);
		return EXIT_OK;
	}
	for (size_t i = 0; i < NR_BENCHES; i++)
		if (strcmp(benches[i].name, name) == 0)
			return benches[i].run(argc - 1, argv + 1);
	if (*name)
		fprintf(stderr, "thermocline bench: no bench '%s'\n", name);
	print_usage(stderr);
	return EXIT_USAGE;
}
