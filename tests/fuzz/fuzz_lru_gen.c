/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_lru_gen.c - the kernel's generations, of any bytes: lists are in order, paths lie in
 * the text, and cgroups add up to no more than their nodes.
 */
#include <stdlib.h>
#include <string.h>

#include "core/idle_ages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

struct text {
	const char *start;
	size_t len;
	uint64_t nr_lists;
};

static void check_list(void *context, const struct lru_gen_list *l)
{
	struct text *t = context;

	t->nr_lists++;
	if (!l->nr_gens || l->nr_gens > LRU_GEN_MAX || l->node < 0 || l->path < t->start ||
	    l->path + l->path_len > t->start + t->len || memchr(l->path, '\n', l->path_len))
		abort();
	for (uint32_t i = 1; i < l->nr_gens; i++)
		if (l->gens[i].seq != l->gens[i - 1].seq + 1 ||
		    l->gens[i].age_ms > l->gens[i - 1].age_ms)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct idle_ages ages;
	/* Of just this size, so that a read behind its end is seen. */
	char *text = malloc(bytes ? bytes : 1);
	struct text t = { text, bytes, 0 };
	struct lru_gen_counts counts;
	uint64_t of_nodes = 0, of_rows = 0;

	if (!text)
		return 0;
	memcpy(text, data, bytes);
	lru_gen_parse(text, bytes, check_list, &t, &counts);
	if (counts.nr_lists != t.nr_lists)
		abort();
	idle_ages_parse(&ages, text, bytes);
	for (uint32_t i = 0; i < ages.nr_nodes; i++)
		of_nodes += idle_row_bytes(&ages.nodes[i]) >> 12;
	for (uint32_t i = 0; i < ages.nr_rows; i++)
		of_rows += idle_row_bytes(&ages.rows[i]) >> 12;
	/* Beyond so many nodes, or more bytes than there can be, sums are cut. */
	if (ages.nr_rows > IDLE_MAX_ROWS || ages.nr_nodes > THERMO_MAX_NODES ||
	    (ages.nr_nodes < THERMO_MAX_NODES && of_nodes < of_rows && of_rows < 1ull << 50))
		abort();
	free(text);
	return 0;
}
