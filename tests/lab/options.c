// SPDX-License-Identifier: GPL-2.0-or-later
/* options.c - the options of "thermocline lab". */
#include "tests/lab/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "sources/virtual_chmu.h"

enum option_id {
	OPT_FAST = 256,
	OPT_SLOW,
	OPT_CPU_NODES,
	OPT_CPUS,
	OPT_NO_HMAT,
	OPT_CXL,
	OPT_TRUTH,
	OPT_VIRTUAL_PMU,
	OPT_VIRTUAL_CHMU,
	OPT_EMULATE_LATENCY,
	OPT_RESULTS,
	OPT_TIMEOUT,
	OPT_ENV,
	OPT_KERNEL,
	OPT_APPEND,
	OPT_KEEP,
	OPT_VERBOSE,
	OPT_DRY_RUN,
	OPT_AGENT,
	OPT_HELP,
};

static const struct option long_options[] = {
	{ "fast", required_argument, NULL, OPT_FAST },
	{ "slow", required_argument, NULL, OPT_SLOW },
	{ "cpu-nodes", required_argument, NULL, OPT_CPU_NODES },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "no-hmat", no_argument, NULL, OPT_NO_HMAT },
	{ "cxl", optional_argument, NULL, OPT_CXL },
	{ "truth", no_argument, NULL, OPT_TRUTH },
	{ "virtual-pmu", optional_argument, NULL, OPT_VIRTUAL_PMU },
	{ "virtual-chmu", optional_argument, NULL, OPT_VIRTUAL_CHMU },
	{ "emulate-latency", optional_argument, NULL, OPT_EMULATE_LATENCY },
	{ "results", required_argument, NULL, OPT_RESULTS },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "env", required_argument, NULL, OPT_ENV },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "append", required_argument, NULL, OPT_APPEND },
	{ "keep", no_argument, NULL, OPT_KEEP },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "agent", required_argument, NULL, OPT_AGENT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static const struct lab_node default_fast = {
	.bytes = 512ULL << 20,
	.latency_ns = 80,
	.bandwidth_gib_s = 100,
	.distance = 10,
};

static const struct lab_node default_slow = {
	.bytes = 1024ULL << 20,
	.latency_ns = 250,
	.bandwidth_gib_s = 30,
	.distance = 20,
};

static int parse_fast(struct lab_options *options, const char *text)
{
	int err = lab_parse_node(text, "--fast", &options->fast);

	if (err == 0 &&
	    (options->fast.distance != default_fast.distance || options->fast.near != 0))
		return thermo_fail(-EINVAL, "lab: --fast: dist and near are for slow nodes");
	return err;
}

static int parse_slow(struct lab_options *options, const char *text)
{
	struct lab_node *node = &options->slow[options->nr_slow];

	if (options->nr_slow == LAB_NODES_MAX - 1)
		return thermo_fail(-EINVAL, "lab: --slow: more than %d nodes", LAB_NODES_MAX);
	*node = default_slow;
	options->nr_slow++;
	return lab_parse_node(text, "--slow", node);
}

/* FACTOR has one or two decimals at most: it is a percentage to the plugin. */
static int parse_delay(const char *text, uint32_t *percent)
{
	char *end = NULL;
	double factor = text ? strtod(text, &end) : 1;

	if (text && (end == text || *end != '\0' || !(factor >= 0.01 && factor <= 1000)))
		return thermo_fail(
				-EINVAL,
				"lab: --emulate-latency: '%.40s' is not a factor from 0.01 to 1000",
				text);
	*percent = (uint32_t)(factor * 100 + 0.5);
	return 0;
}

/* Comma-separated settings, all of them numbers. */
static int parse_chmu(const char *text, struct lab_chmu *chmu)
{
	/* getsubopt() is older than const. */
	static char entries[] = "entries", counters[] = "counters", loss[] = "loss";
	static char width[] = "width", epoch[] = "epoch";
	static char *const names[] = { entries, counters, loss, width, epoch, NULL };
	static const uint32_t least[] = { 2, 64, 0, 1, 1 };
	static const uint32_t most[] = { VCHMU_ENTRIES_MAX, 1 << 24, 1000, 32, 4000 };
	uint32_t *const numbers[] = { &chmu->nr_entries, &chmu->nr_counters, &chmu->loss_permille,
				      &chmu->counter_bits, &chmu->min_epoch_ms };
	char copy[128], what[40];
	char *rest = copy, *value;
	int err = 0;

	*chmu = (struct lab_chmu){
		.wanted = true, .nr_entries = 4096, .counter_bits = 16, .min_epoch_ms = 10
	};
	if (snprintf(copy, sizeof(copy), "%s", text ? text : "") >= (int)sizeof(copy))
		return thermo_fail(-EINVAL, "lab: --virtual-chmu: too long");
	while (*rest && !err) {
		int name = getsubopt(&rest, names, &value);

		if (name < 0 || !value)
			return thermo_fail(-EINVAL,
					   "lab: --virtual-chmu: '%.40s': give entries=N, "
					   "counters=N, loss=PERMILLE, width=BITS or epoch=MS",
					   value ? value : names[name]);
		(void)snprintf(what, sizeof(what), "--virtual-chmu: %s", names[name]);
		err = lab_parse_number(value, what, least[name], most[name], numbers[name]);
	}
	/* A sketch has rows of the same length. */
	chmu->nr_counters &= ~3u;
	return err;
}

static int take_flag(struct lab_options *options, int id)
{
	struct lab_config *config = &options->config;

	switch (id) {
	case OPT_NO_HMAT:
		config->topology.hmat = false;
		return 0;
	case OPT_TRUTH:
		config->truth = true;
		return 0;
	case OPT_KEEP:
		config->keep = true;
		return 0;
	case OPT_VERBOSE:
		config->verbose = true;
		return 0;
	case OPT_DRY_RUN:
		config->dry_run = true;
		return 0;
	case OPT_HELP:
		options->help = true;
		return 0;
	default:
		return -EINVAL; /* getopt has said what is wrong */
	}
}

static int take_option(struct lab_options *options, int id, const char *value)
{
	struct lab_config *config = &options->config;
	struct lab_topology *topology = &config->topology;

	switch (id) {
	case OPT_FAST:
		return parse_fast(options, value);
	case OPT_SLOW:
		return parse_slow(options, value);
	case OPT_CPU_NODES:
		return lab_parse_number(value, "--cpu-nodes", 1, 8, &topology->nr_cpu_nodes);
	case OPT_CPUS:
		return lab_parse_number(value, "--cpus", 1, 32, &topology->cpus_per_node);
	case OPT_CXL:
		return lab_parse_size(value ? value : "256M", "--cxl", &topology->cxl_bytes);
	case OPT_EMULATE_LATENCY:
		return parse_delay(value, &config->delay_percent);
	case OPT_VIRTUAL_PMU:
		return lab_parse_pmu(value, &config->pmu);
	case OPT_VIRTUAL_CHMU:
		return parse_chmu(value, &config->chmu);
	case OPT_RESULTS:
		config->results = value;
		return 0;
	case OPT_TIMEOUT:
		return lab_parse_number(value, "--timeout", 1, 1000000, &config->timeout_s);
	case OPT_ENV:
		lab_argv_add(&config->env_names, "%s", value);
		return 0;
	case OPT_KERNEL:
		config->kernel = value;
		return 0;
	case OPT_APPEND:
		config->append = value;
		return 0;
	case OPT_AGENT:
		options->agent_port = value;
		return 0;
	default:
		return take_flag(options, id);
	}
}

/* Put the nodes in order: those with CPUs first. */
static int number_nodes(struct lab_options *options)
{
	struct lab_topology *topology = &options->config.topology;

	if (options->nr_slow == 0 && !topology->cxl_bytes)
		options->slow[options->nr_slow++] = default_slow;
	if (topology->nr_cpu_nodes + options->nr_slow > LAB_NODES_MAX)
		return thermo_fail(-EINVAL, "lab: more than %d nodes", LAB_NODES_MAX);
	for (uint32_t i = 0; i < topology->nr_cpu_nodes; i++) {
		topology->nodes[i] = options->fast;
		topology->nodes[i].near = i;
	}
	memcpy(topology->nodes + topology->nr_cpu_nodes, options->slow,
	       options->nr_slow * sizeof(options->slow[0]));
	topology->nr_nodes = topology->nr_cpu_nodes + options->nr_slow;
	return lab_topology_check(topology);
}

static int check_options(struct lab_options *options)
{
	const struct lab_config *config = &options->config;
	int err = number_nodes(options);

	if (err < 0)
		return err;
	if (config->truth && config->topology.cxl_bytes)
		return thermo_fail(-EINVAL,
				   "lab: --truth cannot see the memory of --cxl: use --slow");
	if (config->delay_percent && !config->truth)
		return thermo_fail(-EINVAL, "lab: --emulate-latency works with --truth only");
	if (config->pmu.wanted && !config->truth)
		return thermo_fail(-EINVAL, "lab: --virtual-pmu works with --truth only");
	if (config->chmu.wanted && !config->truth)
		return thermo_fail(-EINVAL, "lab: --virtual-chmu works with --truth only");
	if (config->env_names.failed)
		return thermo_fail(-ENOMEM, "lab: out of memory");
	if (!config->command[0] && !config->dry_run)
		return thermo_fail(-EINVAL, "lab: no command; see 'thermocline lab --help'");
	return 0;
}

int lab_options_parse(int argc, char **argv, struct lab_options *options)
{
	int err = 0;
	int id;

	*options = (struct lab_options){
		.fast = default_fast,
		.config.topology = { .nr_cpu_nodes = 1, .cpus_per_node = 2, .hmat = true },
	};
	optind = 1;
	/* "+": the first word that is no option begins the command, with or without "--". */
	while (err == 0 && (id = getopt_long(argc, argv, "+", long_options, NULL)) != -1)
		err = take_option(options, id, optarg);
	if (err < 0 || options->help || options->agent_port)
		return err;
	options->config.command = argv + optind;
	return check_options(options);
}
