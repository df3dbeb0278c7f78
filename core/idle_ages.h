/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * idle_ages.h - for how long memory has been idle, by node and by cgroup, as the kernel's
 * multi-gen LRU has it.  Without addresses, and at no cost but that of reading a file.
 *
 * The kernel looks at accessed bits now and then, when memory is short or somebody asks
 * it to.  Each look begins a generation; what was accessed since the look before stays
 * in the one that was the youngest until then.  So a page of generation g was seen
 * accessed by the look that began g + 1 and by none since; what happened since the
 * latest look nobody knows.  All times are therefore as of the latest look:
 *
 *	idle at least	age(g + 1) - age(youngest)
 *
 * and a page of the youngest generation is new: it came after that look.
 *
 * One thread.
 */
#ifndef CORE_IDLE_AGES_H
#define CORE_IDLE_AGES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/host.h"
#include "core/lru_gen.h"
#include "thermocline/tiering.h"

#define IDLE_PATH_BYTES 256
/* Cgroups on nodes that are told one by one: the largest. */
#define IDLE_MAX_ROWS 256u

/* By the least time that it has been idle. */
enum idle_bucket {
	IDLE_NEW, /* came after the latest look */
	IDLE_0,
	IDLE_1S,
	IDLE_10S,
	IDLE_1MIN,
	IDLE_10MIN,
	IDLE_1H,
	IDLE_NR_BUCKETS,
};

/* "new", "0s", "1s", ...: stable, for people and programs. */
const char *idle_bucket_name(enum idle_bucket bucket);
/* In milliseconds; 0 for the first two. */
uint64_t idle_bucket_ms(enum idle_bucket bucket);

/**
 * struct idle_row - A cgroup's memory on a node, or all on a node.
 * @node:	The kernel's number.
 * @memcg:	Number of the cgroup, as the kernel's file has it.
 * @looked_ms:	How long ago the latest look was; of all on a node the mean by bytes.
 * @path:	"" without cgroups, and for all on a node; cut when it is too long.
 */
struct idle_row {
	int32_t node;
	uint64_t memcg;
	uint64_t looked_ms;
	uint64_t anon_bytes[IDLE_NR_BUCKETS];
	uint64_t file_bytes[IDLE_NR_BUCKETS];
	char path[IDLE_PATH_BYTES];
};

/**
 * struct idle_ages - Zeroed, nothing is known.
 * @time_ns:	When it was read; 0: never.
 * @read_ns:	CPU time that reading took.
 * @nr_bad:	Lines that made no sense.
 * @nr_left_out:	Cgroups on nodes that are in the nodes' sums only.
 * @nodes:	Complete.
 * @rows:	Most bytes first.
 */
struct idle_ages {
	uint64_t time_ns;
	uint64_t read_ns;
	uint64_t nr_bad;
	uint64_t nr_left_out;
	uint32_t nr_nodes;
	uint32_t nr_rows;
	struct idle_row nodes[THERMO_MAX_NODES];
	struct idle_row rows[IDLE_MAX_ROWS];
};

uint64_t idle_row_bytes(const struct idle_row *row);

/* Of what the kernel wrote.  Times are left alone. */
void idle_ages_parse(struct idle_ages *ages, const char *text, size_t len);

/*
 * Whether this machine tells.  Return: 0, or -errno with the reason after @what.
 */
int idle_ages_probe(const struct thermo_host *host, const char *what);

/* Look again.  Return: 0, or -errno: all as it was. */
int idle_ages_read(struct idle_ages *ages, const struct thermo_host *host);

#endif
