/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_workload_config.c - the workload's config parser takes any bytes.
 *
 * What it accepts must also survive a round: printed and read again it prints the
 * same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/workload/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Return: the config as text, or NULL when the parser refused it; the caller frees it. */
static char *round_trip(const char *text, size_t bytes)
{
	struct workload_config config = { 0 };
	char *printed = NULL;
	size_t printed_bytes;

	if (workload_config_parse(&config, "fuzz", text, bytes, WORKLOAD_WRITE_ONLY) == 0) {
		FILE *out = open_memstream(&printed, &printed_bytes);

		workload_config_print(&config, out);
		(void)fclose(out);
	}
	workload_config_fini(&config);
	return printed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char *first = round_trip((const char *)data, bytes);
	char *second;

	if (!first)
		return 0;
	second = round_trip(first, strlen(first));
	if (!second || strcmp(first, second) != 0)
		abort();
	free(first);
	free(second);
	return 0;
}
