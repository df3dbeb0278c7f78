// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sum.c - the program source-reports: runs one source for a while and sums up what it reported, by
 * address, before any monitor made regions of it.  For tests that compare with the truth.
 *
 *	source-reports [--chmu-registers] [--chmu-count all|reads|writes] [--pid PID] [--skip S]
 *		SOURCE SECONDS
 *
 * CSV on standard output, a line for each extent and kind of count; the source's counters on
 * standard error.  One thread.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "core/host.h"
#include "core/number.h"
#include "thermocline/source.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, BATCH = 1024 };

struct sums {
	struct thermo_access *list;
	size_t nr;
	size_t room;
};

static int by_place(const void *a, const void *b)
{
	const struct thermo_access *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	if (x->extent_bytes != y->extent_bytes)
		return x->extent_bytes < y->extent_bytes ? -1 : 1;
	return (int)x->count - (int)y->count;
}

static void keep(struct sums *sums, const struct thermo_access *batch, size_t nr)
{
	while (sums->room - sums->nr < nr) {
		sums->room = sums->room ? 2 * sums->room : 1 << 16;
		sums->list = reallocarray(sums->list, sums->room, sizeof(*sums->list));
		if (!sums->list)
			abort();
	}
	memcpy(sums->list + sums->nr, batch, nr * sizeof(*batch));
	sums->nr += nr;
}

static void print_sums(struct sums *sums)
{
	printf("address,extent_bytes,count,op,reports,accesses,watched_ms\n");
	qsort(sums->list, sums->nr, sizeof(*sums->list), by_place);
	for (size_t i = 0, next; i < sums->nr; i = next) {
		const struct thermo_access *a = &sums->list[i];
		uint64_t accesses = 0, watched_ns = 0;

		for (next = i; next < sums->nr && by_place(a, &sums->list[next]) == 0; next++) {
			accesses += sums->list[next].nr_accesses;
			watched_ns += sums->list[next].watched_ns;
		}
		printf("%#" PRIx64 ",%" PRIu64 ",%s,%s,%zu,%" PRIu64 ",%" PRIu64 "\n", a->addr,
		       a->extent_bytes,
		       a->count == THERMO_COUNT_AT_MOST    ? "at-most"
		       : a->count == THERMO_COUNT_AT_LEAST ? "at-least"
							   : "exact",
		       a->op == THERMO_OP_READ    ? "read"
		       : a->op == THERMO_OP_WRITE ? "write"
						  : "unknown",
		       next - i, accesses, watched_ns / 1000000);
	}
}

static int watch(const struct thermo_source *source, void *state, struct thermo_reporter *reporter,
		 const struct thermo_host *host, uint64_t skip_s, uint64_t length_s,
		 struct sums *sums)
{
	const struct timespec pause = { .tv_nsec = (long)source->drain_interval_ms * 1000000 };
	uint64_t start_ns = thermo_host_now_ns(host), elapsed_ns = 0;
	struct thermo_access batch[BATCH];

	while (elapsed_ns < (skip_s + length_s) * 1000000000) {
		int n = source->drain(state, reporter);
		size_t nr;

		if (n < 0)
			return n;
		elapsed_ns = thermo_host_now_ns(host) - start_ns;
		while ((nr = thermo_reporter_drain(reporter, batch, BATCH)) > 0)
			if (elapsed_ns >= skip_s * 1000000000)
				keep(sums, batch, nr);
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

/* @pid: whom to watch; 0: the source sees all. */
static int run(const char *name, struct thermo_source_opts *opts, pid_t pid, uint64_t skip_s,
	       uint64_t length_s)
{
	const struct thermo_source *source = thermo_source_find(name);
	struct thermo_source_counters c = { 0 };
	struct thermo_reporter *reporter = NULL;
	struct sums sums = { 0 };
	void *state = source ? calloc(1, source->state_bytes) : NULL;
	int err;

	if (!source)
		return thermo_fail(-EINVAL, "source-reports: no source '%s'", name);
	err = state ? thermo_reporter_new(&reporter,
					  &(struct thermo_reporter_opts){ .nr_reports = 1 << 17,
									  .nr_threads = 1 })
		    : -ENOMEM;
	if (!err)
		err = source->open(state, opts);
	if (!err)
		err = source->start(state);
	if (!err && pid && source->set_targets)
		err = source->set_targets(state, &pid, 1);
	if (!err)
		err = watch(source, state, reporter, opts->host, skip_s, length_s, &sums);
	if (state) {
		source->counters(state, &c);
		source->close(state);
	}
	fprintf(stderr,
		"source-reports: seen %" PRIu64 " reported %" PRIu64 " lost %" PRIu64
		" useless %" PRIu64 " dropped %" PRIu64 "\n",
		c.seen, c.reported, c.lost, c.useless,
		reporter ? thermo_reporter_dropped(reporter) : 0);
	if (!err)
		print_sums(&sums);
	thermo_reporter_free(reporter);
	free(sums.list);
	free(state);
	return err;
}

static bool parse_count(const char *text, uint8_t *op)
{
	static const char *const names[THERMO_NR_OPS] = { "all", "reads", "writes" };

	for (uint8_t i = 0; i < THERMO_NR_OPS; i++)
		if (strcmp(text, names[i]) == 0) {
			*op = i;
			return true;
		}
	return false;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "chmu-registers", no_argument, NULL, 'r' },
		{ "chmu-count", required_argument, NULL, 'c' },
		{ "pid", required_argument, NULL, 'p' },
		{ "skip", required_argument, NULL, 's' },
		{ 0 },
	};
	struct thermo_source_opts opts = { 0 };
	struct thermo_host host;
	uint64_t skip_s = 0, length_s = 0, pid = 0;
	bool ok = true;
	int c, err;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (c == 'r')
			opts.chmu_registers = true;
		else
			ok &= c == 'c'   ? parse_count(optarg, &opts.chmu_count)
			      : c == 's' ? !thermo_parse_u64(optarg, 3600, &skip_s)
			      : c == 'p' ? !thermo_parse_u64(optarg, INT32_MAX, &pid)
					 : false;
	if (!ok || argc - optind != 2 || thermo_parse_u64(argv[optind + 1], 3600, &length_s)) {
		fprintf(stderr, "usage: source-reports [--chmu-registers] [--chmu-count KIND] "
				"[--pid PID] [--skip S] SOURCE SECONDS\n");
		return EXIT_USAGE;
	}
	err = thermo_host_open(&host, "/");
	opts.host = &host;
	if (!err)
		err = run(argv[optind], &opts, (pid_t)pid, skip_s, length_s);
	if (err)
		fprintf(stderr, "%s\n", thermo_last_error());
	thermo_host_close(&host);
	return err ? EXIT_FAILED : 0;
}
