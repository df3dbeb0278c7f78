// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_text_samples.c - text of samples holds any bytes.
 *
 * The first byte chooses which text it is said to be.  Every name ends, every access can
 * be an access, time of a trace never stands still, and what is counted adds up.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sources/text_samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_item(const struct perfdata_item *item, enum text_format format, uint64_t *last_ns)
{
	const struct perf_record *r = item->record;

	if (r->type == PERF_RECORD_COMM) {
		require(!item->access && strlen(r->comm.name) < 16 && r->comm.pid >= 0);
		return;
	}
	require(r->type == PERF_RECORD_SAMPLE && item->time_ns == r->sample.time_ns);
	if (item->access)
		require(item->access->op < THERMO_NR_OPS &&
			item->access->level < THERMO_NR_LEVELS && item->access->pid >= 0 &&
			(item->access->nr_accesses > 0 || item->access->watched_ns > 0) &&
			item->access->extent_bytes > 0 &&
			item->access->addr + item->access->extent_bytes > item->access->addr);
	/* A virtual address is of a process. */
	if (format == TEXT_EXTERNAL)
		require(item->access &&
			(item->access->pid > 0 || item->access->space == THERMO_SPACE_PHYSICAL));
	if (format == TEXT_LACKEY)
		require(item->access && item->time_ns == *last_ns + TEXT_ACCESS_NS);
	*last_ns = item->time_ns;
}

static void read_all(const void *data, size_t bytes, enum text_format format)
{
	FILE *file = fmemopen((void *)(uintptr_t)data, bytes, "r");
	uint64_t nr = 0, last_ns = 0;
	struct text_samples *t;
	struct perfdata_item item;
	int n;

	require(file && text_samples_open(&t, file, format) == 0);
	while ((n = text_samples_next(t, &item)) == 1) {
		check_item(&item, format, &last_ns);
		nr += item.record->type == PERF_RECORD_SAMPLE;
	}
	require(n == 0 && nr == text_samples_counters(t)->samples);
	require(text_samples_counters(t)->no_address <= nr);
	require(!text_samples_trouble(t)->nr_bad == !text_samples_trouble(t)->first_bad[0]);
	text_samples_close(t);
	(void)fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes < 2)
		return 0;
	static const enum text_format formats[] = { TEXT_PERF_SCRIPT, TEXT_LACKEY, TEXT_EXTERNAL };

	(void)text_recognise((const char *)data + 1, bytes - 1);
	read_all(data + 1, bytes - 1, formats[data[0] % 3]);
	return 0;
}
