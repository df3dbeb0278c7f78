// SPDX-License-Identifier: GPL-2.0-or-later
/* idle_ages.c - see idle_ages.h. */
#include "core/idle_ages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/proc.h"

static const struct {
	const char *name;
	uint64_t from_ms;
} buckets[IDLE_NR_BUCKETS] = {
	[IDLE_NEW] = { "new", 0 },       [IDLE_0] = { "0s", 0 },
	[IDLE_1S] = { "1s", 1000 },      [IDLE_10S] = { "10s", 10000 },
	[IDLE_1MIN] = { "1min", 60000 }, [IDLE_10MIN] = { "10min", 600000 },
	[IDLE_1H] = { "1h", 3600000 },
};

const char *idle_bucket_name(enum idle_bucket bucket)
{
	return buckets[bucket].name;
}

uint64_t idle_bucket_ms(enum idle_bucket bucket)
{
	return buckets[bucket].from_ms;
}

static enum idle_bucket bucket_of(uint64_t idle_ms)
{
	enum idle_bucket b = IDLE_1H;

	while (b > IDLE_0 && idle_ms < buckets[b].from_ms)
		b--;
	return b;
}

uint64_t idle_row_bytes(const struct idle_row *row)
{
	uint64_t bytes = 0;

	for (int b = 0; b < IDLE_NR_BUCKETS; b++)
		bytes += row->anon_bytes[b] + row->file_bytes[b];
	return bytes;
}

/* Bytes never pass 2^63: the parser bounds pages, this bounds sums. */
static void add_bytes(uint64_t *to, uint64_t bytes)
{
	*to = *to > INT64_MAX - bytes ? INT64_MAX : *to + bytes;
}

static void fill_row(struct idle_row *row, const struct lru_gen_list *l)
{
	const struct lru_gen *youngest = &l->gens[l->nr_gens - 1];
	size_t len = l->path_len < IDLE_PATH_BYTES ? l->path_len : IDLE_PATH_BYTES - 1;

	*row = (struct idle_row){ .node = l->node,
				  .memcg = l->memcg,
				  .looked_ms = youngest->age_ms };
	memcpy(row->path, l->path, len);
	for (uint32_t g = 0; g < l->nr_gens; g++) {
		const struct lru_gen *gen = &l->gens[g];
		enum idle_bucket b = gen == youngest ? IDLE_NEW
						     : bucket_of(gen[1].age_ms - youngest->age_ms);

		add_bytes(&row->anon_bytes[b], gen->anon_pages * THERMO_PAGE_BYTES);
		add_bytes(&row->file_bytes[b], gen->file_pages * THERMO_PAGE_BYTES);
	}
}

static struct idle_row *find_node(struct idle_ages *ages, int node)
{
	for (uint32_t i = 0; i < ages->nr_nodes; i++)
		if (ages->nodes[i].node == node)
			return &ages->nodes[i];
	if (ages->nr_nodes == THERMO_MAX_NODES)
		return NULL;
	ages->nodes[ages->nr_nodes] = (struct idle_row){ .node = node };
	return &ages->nodes[ages->nr_nodes++];
}

static void add_to_node(struct idle_ages *ages, const struct idle_row *row, uint64_t bytes)
{
	struct idle_row *node = find_node(ages, row->node);

	if (!node) {
		ages->nr_bad++;
		return;
	}
	double before = (double)idle_row_bytes(node),
	       share = (double)bytes / (before + (double)bytes);

	node->looked_ms = (uint64_t)((double)node->looked_ms * (1 - share) +
				     (double)row->looked_ms * share);
	for (int b = 0; b < IDLE_NR_BUCKETS; b++) {
		add_bytes(&node->anon_bytes[b], row->anon_bytes[b]);
		add_bytes(&node->file_bytes[b], row->file_bytes[b]);
	}
}

static struct idle_row *smallest(struct idle_ages *ages)
{
	struct idle_row *least = &ages->rows[0];
	uint64_t least_bytes = idle_row_bytes(least);

	for (uint32_t i = 1; i < ages->nr_rows; i++) {
		uint64_t bytes = idle_row_bytes(&ages->rows[i]);

		if (bytes < least_bytes) {
			least = &ages->rows[i];
			least_bytes = bytes;
		}
	}
	return least;
}

static void take_list(void *context, const struct lru_gen_list *l)
{
	struct idle_ages *ages = context;
	struct idle_row row;
	uint64_t bytes;

	fill_row(&row, l);
	bytes = idle_row_bytes(&row);
	if (bytes == 0)
		return;
	add_to_node(ages, &row, bytes);
	if (ages->nr_rows < IDLE_MAX_ROWS) {
		ages->rows[ages->nr_rows++] = row;
		return;
	}
	struct idle_row *least = smallest(ages);

	ages->nr_left_out++;
	if (idle_row_bytes(least) < bytes)
		*least = row;
}

static int by_bytes(const void *a, const void *b)
{
	uint64_t x = idle_row_bytes(a), y = idle_row_bytes(b);

	return x > y ? -1 : x < y;
}

static int by_node(const void *a, const void *b)
{
	const struct idle_row *x = a, *y = b;

	return x->node < y->node ? -1 : x->node > y->node;
}

void idle_ages_parse(struct idle_ages *ages, const char *text, size_t len)
{
	struct lru_gen_counts counts;

	ages->nr_bad = ages->nr_left_out = 0;
	ages->nr_nodes = ages->nr_rows = 0;
	lru_gen_parse(text, len, take_list, ages, &counts);
	ages->nr_bad += counts.nr_bad;
	qsort(ages->nodes, ages->nr_nodes, sizeof(ages->nodes[0]), by_node);
	qsort(ages->rows, ages->nr_rows, sizeof(ages->rows[0]), by_bytes);
}

int idle_ages_probe(const struct thermo_host *host, const char *what)
{
	char enabled[16];
	int err = thermo_host_read(host, enabled, sizeof(enabled), LRU_GEN_ENABLED);

	if (err == -ENOENT)
		return thermo_fail(-EOPNOTSUPP,
				   "%s: this kernel has no multi-gen LRU (CONFIG_LRU_GEN)", what);
	if (err < 0)
		return err;
	if (!(strtoul(enabled, NULL, 16) & 1))
		return thermo_fail(-EOPNOTSUPP,
				   "%s: the multi-gen LRU is off: echo y >/" LRU_GEN_ENABLED, what);
	AUTO_CLOSE int fd = thermo_host_open_file(host, O_RDONLY, LRU_GEN_TEXT);

	if (fd >= 0)
		return 0;
	if (fd == -EACCES)
		return thermo_fail(fd, "%s: /" LRU_GEN_TEXT ": only root may read it", what);
	if (fd == -EPERM)
		return thermo_fail(fd,
				   "%s: /" LRU_GEN_TEXT ": the kernel is locked down: debugfs is "
				   "closed",
				   what);
	return thermo_fail(fd,
			   "%s: no /" LRU_GEN_TEXT
			   ": mount -t debugfs none /sys/kernel/debug, if the kernel has it "
			   "(CONFIG_DEBUG_FS)",
			   what);
}

static uint64_t cpu_ns(const struct thermo_host *host)
{
	return host->ops->thread_cpu_ns(host);
}

int idle_ages_read(struct idle_ages *ages, const struct thermo_host *host)
{
	AUTO_FREE char *text = NULL;
	uint64_t began_ns = cpu_ns(host);
	ssize_t len = thermo_host_read_all(host, &text, LRU_GEN_TEXT);

	if (len < 0)
		return (int)len;
	idle_ages_parse(ages, text, (size_t)len);
	ages->time_ns = thermo_host_now_ns(host);
	ages->read_ns = cpu_ns(host) - began_ns;
	return 0;
}
