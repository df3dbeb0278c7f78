// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * chmu_perf.c - hotness units that the kernel has a driver for: PMUs named
 * cxl_hmu_memX.Y.Z (device X, its Y-th block, instance Z), whose AUX ring holds the hotlist.
 *
 * The driver is a proposal (2024, 2025); what it takes is in its format/ files, and what it
 * refuses is told by perf_event_open(2).  The ring tells no overflow of the hotlist: a hotlist
 * holds at least as many entries as came at once before, so a batch as large as the largest may
 * have been cut.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "sources/chmu_regs.h"
#include "sources/chmu_watch.h"
#include "sources/perf_aux.h"
#include "sources/pmu.h"

#define PREFIX "cxl_hmu_"
#define PMUS_MAX 64
#define RING_BYTES 32768u
#define AUX_BYTES (512u << 10)
#define READ_BYTES 16384u
#define RECORD_BYTES 65536u
/* The driver's emulated units hold a thousand and more. */
#define HOTLIST_AT_LEAST 256u
/* What the driver says its units can do is not in /sys: what all of them should. */
#define MIN_EPOCH_NS 100000ull
#define MAX_EPOCH_NS 10000000000ull

struct perf_way {
	const struct thermo_host *host;
	struct pmu pmu;
	struct perf_event_fd event;
	struct perf_aux aux;
	struct perf_format format;
	struct chmu_stream stream;
	uint32_t unit_log2;
	uint32_t most; /* entries that came at once */
	unsigned char *record;
	uint64_t told_truncated; /* of the ring's losses, those that were told */
};

static void perf_stop(void *state)
{
	struct perf_way *p = state;

	perf_aux_close(&p->aux);
	perf_event_fd_close(&p->event);
	p->event.fd = -1;
}

static void perf_close(void *state)
{
	struct perf_way *p = state;

	perf_stop(p);
	pmu_close(&p->pmu);
	free(p->record);
	p->record = NULL;
}

static int make_attr(struct perf_way *p, struct chmu_config *config, union pmu_attr *attr)
{
	uint64_t first = config->range_start / CHMU_RANGE_BYTES;
	uint64_t last = (config->range_start + config->range_bytes - 1) / CHMU_RANGE_BYTES;
	unsigned int scale, multiplier;
	char terms[320];
	int err;

	config->epoch_ns = chmu_epoch_encode(config->epoch_ns, &scale, &multiplier);
	(void)snprintf(terms, sizeof(terms),
		       "epoch_type=0,access_type=%u,epoch_scale=%u,epoch_multiplier=%u,"
		       "downsampling_factor=%u,hotness_threshold=%u,hotness_granual=%u,"
		       "range_base=%" PRIu64 ",range_size=%" PRIu64,
		       config->request, scale, multiplier, config->downsampling_log2,
		       config->threshold, config->unit_log2, first, last - first + 1);
	*attr = (union pmu_attr){ .perf = {
						  .type = p->pmu.type,
						  .sample_period = 1,
						  .sample_type = PERF_SAMPLE_TIME,
				  } };
	err = pmu_put_terms(&p->pmu, attr, terms);
	pmu_attr_set_size(attr);
	p->format = perf_format_of(&attr->perf);
	return err;
}

static int perf_start(void *state, struct chmu_config *config)
{
	struct perf_way *p = state;
	int cpu = hwloc_bitmap_first(p->pmu.cpus);
	union pmu_attr attr;
	int err = make_attr(p, config, &attr);

	perf_stop(p);
	chmu_stream_restart(&p->stream);
	p->unit_log2 = config->unit_log2;
	p->told_truncated = 0;
	if (!err)
		err = perf_event_fd_open(&p->event, p->host, &attr.perf, cpu < 0 ? 0 : cpu,
					 RING_BYTES, p->pmu.name);
	if (!err)
		err = perf_aux_open(&p->aux, &p->event, AUX_BYTES, false, p->pmu.name);
	if (!err)
		err = perf_event_fd_enable(&p->event);
	return err;
}

static int take_records(struct perf_way *p, struct chmu_found *found)
{
	const struct perf_event_header *header = (const void *)p->record;
	struct perf_record record;
	int n;

	for (unsigned int left = RING_BYTES / sizeof(*header); left; left--) {
		n = perf_ring_next(&p->event.ring, p->record, RECORD_BYTES);
		if (n <= 0)
			return n;
		found->nr_lost += perf_record_lost(header);
		n = perf_record_decode(header, &p->format, &record);
		if (n < 0)
			return n;
		if (n && header->type == PERF_RECORD_AUX)
			(void)perf_aux_count(&p->aux, &record.aux);
	}
	return 0;
}

/* A ring that was full may have been written no further, flag or no flag. */
static void count_losses(struct perf_way *p, uint64_t was_bytes, struct chmu_found *found)
{
	uint64_t truncated = p->aux.nr_truncated + p->aux.nr_gaps;

	found->nr_lost += truncated - p->told_truncated;
	if (was_bytes + 2 * sizeof(uint64_t) >= p->aux.data_bytes && truncated == p->told_truncated)
		found->nr_lost++;
	p->told_truncated = truncated;
	if (p->stream.most >= p->most) {
		p->most = p->stream.most;
		found->overflow = true;
	}
	p->stream.most = 0;
	found->overflow |= found->nr_lost > 0;
}

static int perf_drain(void *state, chmu_hot_fn take, void *data, struct chmu_found *found)
{
	struct perf_way *p = state;
	unsigned char bytes[READ_BYTES];
	uint64_t skipped = p->stream.skipped_bytes, bad = p->stream.nr_bad, total = 0;
	ssize_t n = 1;
	int err;

	while (n > 0 && total < p->aux.data_bytes) {
		n = perf_aux_read(&p->aux, bytes, sizeof(bytes));
		if (n < 0)
			return (int)n;
		chmu_stream_feed(&p->stream, bytes, (size_t)n, p->unit_log2, take, data);
		total += (uint64_t)n;
	}
	err = take_records(p, found);
	count_losses(p, total, found);
	found->nr_lost += p->stream.skipped_bytes > skipped;
	found->nr_bad += p->stream.nr_bad - bad;
	return err;
}

static const struct chmu_way perf_way = {
	.name = "perf",
	.can_tune = true,
	.start = perf_start,
	.drain = perf_drain,
	.stop = perf_stop,
	.close = perf_close,
};

/* "cxl_hmu_mem3.0.1" is mem3's.  Return: false for another name. */
static bool memdev_of(const char *pmu, char memdev[CXL_NAME_BYTES])
{
	size_t len;

	if (strncmp(pmu, PREFIX, strlen(PREFIX)) != 0)
		return false;
	pmu += strlen(PREFIX);
	len = strcspn(pmu, ".");
	if (len == 0 || len >= CXL_NAME_BYTES || pmu[len] != '.')
		return false;
	(void)snprintf(memdev, CXL_NAME_BYTES, "%.*s", (int)len, pmu);
	return true;
}

static int open_pmu(const struct thermo_source_opts *opts, const char *name, const char *memdev,
		    struct chmu_watch *watch)
{
	struct perf_way *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return thermo_fail(-ENOMEM, "chmu: no memory");
	*watch = (struct chmu_watch){ .way = &perf_way, .state = p, .host = opts->host };
	(void)snprintf(watch->name, sizeof(watch->name), "%.31s", memdev);
	p->host = opts->host;
	p->event.fd = -1;
	p->most = HOTLIST_AT_LEAST;
	p->record = malloc(RECORD_BYTES);
	err = p->record ? pmu_open(&p->pmu, opts->host, name)
			: thermo_fail(-ENOMEM, "chmu: no memory");
	if (!err)
		err = chmu_map_open(&watch->map, opts->host, memdev);
	watch->limits = (struct chmu_limits){
		.hotlist_entries = HOTLIST_AT_LEAST,
		.unit_log2s = ~0u << CHMU_UNIT_LOG2_MIN,
		.downsampling_log2s = 1,
		.min_epoch_ns = MIN_EPOCH_NS,
		.max_epoch_ns = MAX_EPOCH_NS,
		.max_threshold = (1u << 16) - 1,
	};
	return err;
}

struct names {
	char list[PMUS_MAX][PMU_NAME_BYTES];
	int nr;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void find_pmus(const struct thermo_host *host, struct names *names)
{
	char memdev[CXL_NAME_BYTES];
	AUTO_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;

	names->nr = 0;
	if (thermo_host_open_dir(host, &dir, PMU_DEVICES))
		return;
	while ((entry = readdir(dir)) && names->nr < PMUS_MAX)
		if (strlen(entry->d_name) < PMU_NAME_BYTES && memdev_of(entry->d_name, memdev))
			(void)snprintf(names->list[names->nr++], PMU_NAME_BYTES, "%.63s",
				       entry->d_name);
	qsort(names->list, (size_t)names->nr, sizeof(names->list[0]), by_name);
}

int chmu_perf_open(const struct thermo_source_opts *opts, struct chmu_watch *watches, int max,
		   bool probe)
{
	struct names names;
	int nr = 0, err = 0;

	find_pmus(opts->host, &names);
	for (int i = 0; i < names.nr && nr < max; i++) {
		char memdev[CXL_NAME_BYTES];

		/* Two units of a device see the same accesses. */
		if (!memdev_of(names.list[i], memdev) ||
		    (nr && strcmp(watches[nr - 1].name, memdev) == 0))
			continue;
		err = open_pmu(opts, names.list[i], memdev, &watches[nr]);
		if (err)
			chmu_watch_close(&watches[nr]);
		else
			nr++;
	}
	for (int i = 0; probe && i < nr; i++)
		chmu_watch_close(&watches[i]);
	return nr ? nr : err;
}
