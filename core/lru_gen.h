/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lru_gen.h - the text of the kernel's debugfs file lru_gen, and lru_gen_full.
 *
 *	memcg     7 /app
 *	 node     1
 *	          4      61234       8192          12
 *	          5       1200          0           0
 *
 * A line for each generation of a cgroup's pages on a node, oldest first: its number,
 * milliseconds since it was begun, pages of anonymous memory and of files.
 * lru_gen_full has lines of counters in between, and an x behind counts that are no
 * more.  Without cgroups there is one, number 0, without a path.
 *
 * Pure; reads what the kernel wrote, believes nothing of it.
 */
#ifndef CORE_LRU_GEN_H
#define CORE_LRU_GEN_H

#include <stddef.h>
#include <stdint.h>

#define LRU_GEN_ENABLED "sys/kernel/mm/lru_gen/enabled"
#define LRU_GEN_TEXT "sys/kernel/debug/lru_gen"

/* The kernel has four. */
#define LRU_GEN_MAX 8u

struct lru_gen {
	uint64_t seq;
	uint64_t age_ms;
	uint64_t anon_pages;
	uint64_t file_pages;
};

/**
 * struct lru_gen_list - A cgroup's pages on a node.
 * @path:	Not terminated; "" without cgroups, "/" for the root.
 * @gens:	Oldest first, numbers without gaps.  Ages never grow with numbers: what the
 *		kernel cut to 32 bits is made whole again.
 */
struct lru_gen_list {
	uint64_t memcg;
	const char *path;
	size_t path_len;
	int node;
	uint32_t nr_gens;
	struct lru_gen gens[LRU_GEN_MAX];
};

/**
 * struct lru_gen_counts - What was in the text.
 * @nr_bad:	Lines that make no sense, and lists that are cut off.
 */
struct lru_gen_counts {
	uint64_t nr_memcgs;
	uint64_t nr_lists;
	uint64_t nr_bad;
};

typedef void (*lru_gen_take_fn)(void *context, const struct lru_gen_list *list);

/* Call @take for each list of generations in @text, in its order. */
void lru_gen_parse(const char *text, size_t len, lru_gen_take_fn take, void *context,
		   struct lru_gen_counts *counts);

#endif
