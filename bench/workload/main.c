/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - thermocline-workload: memory accesses of a known pattern, and how many
 * of them there were.  Monitors and tierers are measured against it.
 */
#include <stdio.h>

#include "bench/workload/config.h"
#include "bench/workload/options.h"
#include "bench/workload/run.h"
#include "core/error.h"

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

static int complain(int status)
{
	fprintf(stderr, "thermocline-workload: %s\n", thermo_last_error());
	return status;
}

/* After the file was read.  Return: the exit status. */
static int go_on(struct workload_config *config, const struct workload_options *options)
{
	if (options->nr_threads && config->nr_threads > 1)
		return complain((thermo_fail(-1, "--threads with %zu threads in %.100s: drop one",
					     config->nr_threads, options->config_path),
				 EXIT_USAGE));
	if (options->duration_ns)
		workload_config_scale(config, options->duration_ns);
	if (options->print_config || options->action == WORKLOAD_DRY_RUN)
		workload_config_print(config, stdout);
	if (options->action == WORKLOAD_DRY_RUN)
		return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
	return workload_run(config, options) == 0 ? EXIT_OK : complain(EXIT_FAILED);
}

int main(int argc, char **argv)
{
	struct workload_options options;
	struct workload_config config = { 0 };
	int status;

	if (workload_options_parse(&options, argc, argv))
		return complain(EXIT_USAGE);
	if (options.action == WORKLOAD_HELP)
		return fputs(workload_help, stdout) < 0 ? EXIT_FAILED : EXIT_OK;
	if (options.action == WORKLOAD_VERSION)
		return puts("thermocline-workload " THERMO_VERSION) < 0 ? EXIT_FAILED : EXIT_OK;
	if (workload_config_load(&config, options.config_path, options.default_mode))
		status = complain(EXIT_FAILED);
	else
		status = go_on(&config, &options);
	workload_config_fini(&config);
	return status;
}
