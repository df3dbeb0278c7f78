/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options.h - the options of "thermocline lab"; --help in cli/lab.c describes them. */
#ifndef LAB_OPTIONS_H
#define LAB_OPTIONS_H

#include <stdbool.h>

#include "tests/lab/lab.h"

struct lab_options {
	struct lab_config config;
	/* Slow nodes are numbered only when the CPU nodes are known. */
	struct lab_node fast;
	struct lab_node slow[LAB_NODES_MAX];
	uint32_t nr_slow;
	const char *agent_port; /* in the guest: the other end, started by init.sh */
	bool help;
};

/* Return: 0, or -EINVAL; without a text when getopt has printed one. */
int lab_options_parse(int argc, char **argv, struct lab_options *options);

/*
 * The settings of --virtual-pmu, separated by commas, or NULL.  Return: 0, or -EINVAL for what no
 * virtual PMU can be.
 */
int lab_parse_pmu(const char *text, struct lab_pmu *pmu);

#endif
