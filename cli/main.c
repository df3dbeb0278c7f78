// SPDX-License-Identifier: GPL-2.0-or-later
/* main.c - the program: a table of subcommands, nothing else. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "sources", cmd_sources,
	  "what this machine can sample accesses with, and what was chosen" },
	{ "topology", cmd_topology,
	  "memory tiers, nodes, CXL devices, and what is odd about them" },
	{ "run", cmd_run, "watch accesses and move pages between memory tiers" },
	{ "record", cmd_record, "store what is accessed in a file; moves nothing" },
	{ "report", cmd_report,
	  "a recording or the running daemon, by region, CPU, node, thread, ..." },
	{ "ctl", cmd_ctl, "ask the running daemon" },
	{ "bench", cmd_bench, "what sampling costs on this machine" },
	{ "lab", cmd_lab, "boot a virtual CXL machine and run a command in it" },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
	fprintf(out, "usage: thermocline COMMAND [OPTION...]\n\n");
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  %-8s  %s\n", commands[i].name, commands[i].summary);
	fprintf(out, "\nEach command has --help and a man page thermocline-COMMAND.\n"
		     "      --version   print the version\n");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		print_usage(stdout);
		return EXIT_OK;
	}
	if (strcmp(name, "--version") == 0) {
		printf("thermocline " THERMO_VERSION "\n");
		return EXIT_OK;
	}
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(argc - 1, argv + 1);

	if (*name)
		fprintf(stderr, "thermocline: no command '%s'\n", name);
	print_usage(stderr);
	return EXIT_USAGE;
}
