/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_record.c - a record file holds any bytes.
 *
 * The first byte chooses: 0: the rest is the file; else it is the payload of a block of
 * some type, with all that is around it in order, since no fuzzer guesses checksums.
 * What is accepted must be in order, come back the same when it is recorded again, and
 * can be reported.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "cli/report_print.h"
#include "cli/report_views.h"
#include "core/record_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_regions(const struct thermo_snapshot *s)
{
	for (uint32_t i = 0; i < s->nr_regions; i++) {
		const struct thermo_region *r = &s->regions[i];

		require(r->target < s->nr_targets && r->start < r->end);
		require(r->accesses_per_s >= 0 && r->read_share >= 0 && r->read_share < 1.01f);
	}
	for (uint32_t i = 0; i < s->nr_targets; i++)
		require(memchr(s->targets[i].name, '\0', sizeof(s->targets[i].name)) &&
			memchr(s->targets[i].cgroup, '\0', sizeof(s->targets[i].cgroup)));
}

static void check_again(const struct thermo_snapshot *s)
{
	static const struct record_machine nowhere;
	struct record_writer *w = NULL;
	struct record_reader *r = NULL;
	struct thermo_snapshot *again = NULL;
	int fd = memfd_create("record", MFD_CLOEXEC);
	FILE *file = fdopen(fd, "r");

	require(file && record_writer_new(&w, fd, &nowhere) == 0);
	require(record_write_snapshot(w, s) == 0);
	require(lseek(fd, 0, SEEK_SET) == 0 && record_reader_new(&r, file) == 0);
	require(record_reader_next(r, &again) == 1 && again->nr_regions == s->nr_regions);
	require(!s->nr_regions ||
		memcmp(again->regions, s->regions, s->nr_regions * sizeof(*s->regions)) == 0);
	thermo_snapshot_put(again);
	record_reader_free(r);
	record_writer_free(w);
	(void)fclose(file);
}

static void report_rows(const struct record_machine *m, const struct thermo_snapshot *s,
			struct report_output *o, enum report_by by)
{
	struct report report;

	report_init(&report, by, m, 0);
	require(report_add(&report, s) == 0);
	report_finish(&report);
	require(report_add_details(&report, s, report_sort_rows(o, &report), 2) == 0);
	report_print_rows(o, &report);
	report_fini(&report);
}

static void check_reports(const struct record_machine *m, const struct thermo_snapshot *s)
{
	static struct report_wss wss;
	struct report_output o = { .out = fopen("/dev/null", "w"), .limit = 3, .nr_details = 2 };

	require(o.out != NULL);
	for (int f = 0; f < 3; f++) {
		o.format = (enum report_format)f;
		for (int by = 0; by < REPORT_NR_BY; by++)
			report_rows(m, s, &o, (enum report_by)by);
		require(report_print_regions(&o, m, s, 0) == 0);
		for (int view = VIEW_IDLE; view <= VIEW_RECENCY; view++)
			require(report_view_print(&o, (enum report_view)view, s) == 0);
	}
	report_wss_add(&wss, s);
	(void)fclose(o.out);
}

static void check_idle(const struct idle_ages *ages)
{
	struct report_output o = { .out = fopen("/dev/null", "w") };

	require(o.out && ages->nr_nodes <= THERMO_MAX_NODES && ages->nr_rows <= IDLE_MAX_ROWS);
	for (uint32_t i = 0; i < ages->nr_rows; i++)
		require(memchr(ages->rows[i].path, '\0', IDLE_PATH_BYTES) &&
			idle_row_bytes(&ages->rows[i]) <= INT64_MAX);
	for (int f = 0; f < 3; f++) {
		o.format = (enum report_format)f;
		report_ages_print(&o, ages);
	}
	(void)fclose(o.out);
}

static void read_all(void *data, size_t bytes)
{
	FILE *file = fmemopen(data, bytes, "r");
	struct record_reader *r = NULL;
	struct thermo_snapshot *s;

	require(file != NULL);
	if (record_reader_new(&r, file) == 0)
		while (record_reader_next(r, &s) > 0) {
			check_regions(s);
			check_again(s);
			check_reports(record_reader_machine(r), s);
			thermo_snapshot_put(s);
		}
	if (r && record_reader_idle(r))
		check_idle(record_reader_idle(r));
	record_reader_free(r);
	(void)fclose(file);
}

static void read_payload(uint16_t type, const uint8_t *data, size_t bytes)
{
	const struct record_machine nowhere = { .page_bytes = 4096 };
	struct record_buffer payload = { 0 }, out = { 0 };
	ZSTD_CCtx *zstd = ZSTD_createCCtx();

	require(record_buffer_reserve(&out, RECORD_PRELUDE_BYTES) == 0);
	record_put_prelude(out.data);
	out.len = RECORD_PRELUDE_BYTES;
	require(record_put_table(&payload, &record_machine_table, &nowhere, 1) == 0);
	if (type != RECORD_BLOCK_MACHINE)
		require(record_put_block(&out, RECORD_BLOCK_MACHINE, &payload, zstd) == 0);
	payload.len = 0;
	require(record_buffer_reserve(&payload, bytes + 1) == 0);
	if (bytes)
		memcpy(payload.data, data, bytes);
	payload.len = bytes;
	require(record_put_block(&out, type, &payload, zstd) == 0);
	read_all(out.data, out.len);
	(void)ZSTD_freeCCtx(zstd);
	free(payload.data);
	free(out.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes == 0)
		return 0;
	if (data[0] > 0)
		read_payload((uint16_t)(data[0] % 6), data + 1, bytes - 1);
	else
		read_all((void *)(data + 1), bytes - 1);
	return 0;
}
