// SPDX-License-Identifier: GPL-2.0-or-later
/* record_write.c - blocks out, each with one write. */
#include "core/record_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "core/error.h"

/* Higher levels save little on what is mostly noise, and cost several times the CPU time. */
#define ZSTD_LEVEL 1

struct record_writer {
	int fd;
	bool is_file;
	bool torn;      /* half a block is out and cannot be taken back */
	uint64_t start; /* where in the file the recording begins */
	uint64_t bytes;
	uint64_t nr_snapshots;
	ZSTD_CCtx *zstd;
	struct record_buffer payload;
	struct record_buffer block;
};

static void take_back(struct record_writer *w)
{
	off_t end = (off_t)(w->start + w->bytes);

	w->torn = !w->is_file || ftruncate(w->fd, end) < 0 || lseek(w->fd, end, SEEK_SET) < 0;
}

static int write_all(struct record_writer *w, const unsigned char *data, size_t bytes)
{
	size_t done = 0;

	if (w->torn)
		return thermo_fail(-EPIPE, "record: an earlier block could not be written");
	while (done < bytes) {
		ssize_t n = write(w->fd, data + done, bytes - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = errno;

			take_back(w);
			return thermo_fail(-err, "writing the recording, after %llu bytes: %s",
					   (unsigned long long)w->bytes, strerror(err));
		}
		done += (size_t)n;
	}
	w->bytes += bytes;
	return 0;
}

static int write_block(struct record_writer *w, enum record_block_type type)
{
	int err;

	w->block.len = 0;
	err = record_put_block(&w->block, (uint16_t)type, &w->payload, w->zstd);
	return err ? err : write_all(w, w->block.data, w->block.len);
}

static int write_machine(struct record_writer *w, const struct record_machine *m)
{
	unsigned char prelude[RECORD_PRELUDE_BYTES];
	int err;

	record_put_prelude(prelude);
	w->payload.len = 0;
	err = write_all(w, prelude, sizeof(prelude));
	if (!err)
		err = record_put_table(&w->payload, &record_machine_table, m, 1);
	if (!err)
		err = record_put_table(&w->payload, &record_cpu_table, m->cpus, m->nr_cpus);
	if (!err)
		err = record_put_table(&w->payload, &record_node_table, m->nodes, m->nr_nodes);
	return err ? err : write_block(w, RECORD_BLOCK_MACHINE);
}

int record_writer_new(struct record_writer **writer, int fd, const struct record_machine *machine)
{
	struct record_writer *w = calloc(1, sizeof(*w));
	struct stat st;
	int err;

	if (!w || !(w->zstd = ZSTD_createCCtx())) {
		free(w);
		return thermo_fail(-ENOMEM, "record: no memory for a writer");
	}
	(void)ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	w->fd = fd;
	w->is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	off_t start = w->is_file ? lseek(fd, 0, SEEK_CUR) : 0;

	w->start = start > 0 ? (uint64_t)start : 0;
	err = write_machine(w, machine);
	if (err) {
		record_writer_free(w);
		return err;
	}
	*writer = w;
	return 0;
}

int record_write_snapshot(struct record_writer *w, const struct thermo_snapshot *s)
{
	int err;

	w->payload.len = 0;
	err = record_put_table(&w->payload, &record_snapshot_table, s, 1);
	if (!err)
		err = record_put_table(&w->payload, &record_target_table, s->targets,
				       s->nr_targets);
	if (!err)
		err = record_put_table(&w->payload, &record_region_table, s->regions,
				       s->nr_regions);
	if (!err)
		err = record_put_table(&w->payload, &record_source_table, s->sources,
				       s->nr_sources);
	if (!err)
		err = write_block(w, RECORD_BLOCK_SNAPSHOT);
	w->nr_snapshots += !err;
	return err;
}

int record_write_pages(struct record_writer *w, const struct record_pages *p)
{
	int err;

	w->payload.len = 0;
	err = record_put_table(&w->payload, &record_pages_table, p, 1);
	if (!err)
		err = record_put_table(&w->payload, &record_page_group_table, p->types.groups,
				       NR_PAGE_GROUPS);
	if (!err)
		err = record_put_table(&w->payload, &record_page_cgroup_table, p->types.cgroups,
				       p->types.nr_cgroups);
	return err ? err : write_block(w, RECORD_BLOCK_PAGES);
}

int record_write_idle(struct record_writer *w, const struct idle_ages *ages)
{
	int err;

	w->payload.len = 0;
	err = record_put_table(&w->payload, &record_idle_table, ages, 1);
	if (!err)
		err = record_put_table(&w->payload, &record_idle_node_table, ages->nodes,
				       ages->nr_nodes);
	if (!err)
		err = record_put_table(&w->payload, &record_idle_cgroup_table, ages->rows,
				       ages->nr_rows);
	return err ? err : write_block(w, RECORD_BLOCK_IDLE);
}

int record_write_end(struct record_writer *w, uint64_t time_ns, uint64_t realtime_ns, int error)
{
	struct record_end end = { .time_ns = time_ns,
				  .realtime_ns = realtime_ns,
				  .nr_snapshots = w->nr_snapshots,
				  .error = (uint32_t)error };
	int err;

	w->payload.len = 0;
	err = record_put_table(&w->payload, &record_end_table, &end, 1);
	return err ? err : write_block(w, RECORD_BLOCK_END);
}

uint64_t record_writer_bytes(const struct record_writer *w)
{
	return w->bytes;
}

uint64_t record_writer_snapshots(const struct record_writer *w)
{
	return w->nr_snapshots;
}

void record_writer_free(struct record_writer *w)
{
	if (!w)
		return;
	(void)ZSTD_freeCCtx(w->zstd);
	free(w->payload.data);
	free(w->block.data);
	free(w);
}
