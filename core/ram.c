// SPDX-License-Identifier: GPL-2.0-or-later
/* ram.c - /proc/iomem, and the memory blocks of /sys/devices/system. */
#include "core/ram.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/number.h"

#define MEMORY_DIR "sys/devices/system/memory"
#define NODE_DIR "sys/devices/system/node"
#define MAX_NODE INT16_MAX
/* Nodes told apart in one region. */
#define NODES_PER_REGION 64
/* As much memory as before, yet look again: as much may have come as went. */
#define LOOK_AGAIN_AFTER 64

/* A growing array of anything. */
struct list {
	size_t nr;
	size_t room;
	void *items;
};

static int append(struct list *list, const void *item, size_t bytes)
{
	if (list->nr == list->room) {
		size_t wanted = list->room ? 2 * list->room : 64;
		void *grown = realloc(list->items, wanted * bytes);

		if (!grown)
			return thermo_fail(-ENOMEM, "physical memory: no memory for %zu pieces",
					   wanted);
		list->items = grown;
		list->room = wanted;
	}
	memcpy((char *)list->items + list->nr++ * bytes, item, bytes);
	return 0;
}

static void free_list(const struct list *list)
{
	free(list->items);
}
#define AUTO_FREE_LIST __attribute__((cleanup(free_list)))

static void sort(const struct list *list, size_t bytes, int (*compare)(const void *, const void *))
{
	if (list->nr)
		qsort(list->items, list->nr, bytes, compare);
}

void ram_fini(struct ram *ram)
{
	free(ram->pieces);
	*ram = (struct ram){ 0 };
}

/* --- /proc/iomem --- */

static int by_start(const void *a, const void *b)
{
	const struct thermo_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Join sorted ranges that overlap or meet.  Return: how many are left. */
static size_t unite(struct thermo_range *ranges, size_t nr)
{
	size_t out = 0;

	for (size_t i = 1; i < nr; i++) {
		if (ranges[i].start > ranges[out].end)
			ranges[++out] = ranges[i];
		else if (ranges[i].end > ranges[out].end)
			ranges[out].end = ranges[i].end;
	}
	return nr ? out + 1 : 0;
}

/*
 * "00100000-bfffffff : System RAM", indented where it was plugged: below a CXL
 * window it is "System RAM (kmem)".  Whole pages only.
 */
static bool parse_iomem_line(const char *line, struct thermo_range *range)
{
	uint64_t first, last;
	int name_at = 0;

	if (sscanf(line, " %" SCNx64 "-%" SCNx64 " : %n", &first, &last, &name_at) < 2 ||
	    !name_at || strncmp(line + name_at, "System RAM", 10) != 0 || last == UINT64_MAX ||
	    first > UINT64_MAX - THERMO_PAGE_BYTES)
		return false;
	range->start = (first + THERMO_PAGE_BYTES - 1) & ~(THERMO_PAGE_BYTES - 1);
	range->end = (last + 1) & ~(THERMO_PAGE_BYTES - 1);
	return range->start < range->end;
}

/* Without CAP_SYS_ADMIN all addresses are 0, so that no line is a range: none. */
static int read_iomem(const struct thermo_host *host, struct list *ranges)
{
	AUTO_FREE char *text = NULL;
	char *save = NULL;
	int err = 0;

	if (thermo_host_read_all(host, &text, "proc/iomem") < 0)
		return 0;
	for (char *line = strtok_r(text, "\n", &save); line && !err;
	     line = strtok_r(NULL, "\n", &save)) {
		struct thermo_range range;

		if (parse_iomem_line(line, &range))
			err = append(ranges, &range, sizeof(range));
	}
	sort(ranges, sizeof(struct thermo_range), by_start);
	ranges->nr = unite(ranges->items, ranges->nr);
	return err;
}

/* --- memory blocks --- */

/* A block on a node; before the nodes are known, the node is unknown. */
struct block {
	uint64_t id;
	int node;
};

static int by_block(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

/* "memory12" is 12. */
static bool numbered(const char *name, const char *prefix, uint64_t max, uint64_t *number)
{
	size_t len = strlen(prefix);

	return strncmp(name, prefix, len) == 0 && thermo_parse_u64(name + len, max, number) == 0;
}

/* One that is going offline is in use until it is gone. */
static bool is_online(const struct thermo_host *host, uint64_t id)
{
	char state[32];

	return thermo_host_read(host, state, sizeof(state), MEMORY_DIR "/memory%" PRIu64 "/state",
				id) > 0 &&
	       (strcmp(state, "online") == 0 || strcmp(state, "going-offline") == 0);
}

/* The blocks that @path holds or links to. */
static int list_blocks(DIR *dir, uint64_t max_id, int node, struct list *blocks)
{
	struct dirent *entry;
	struct block b = { .node = node };
	int err = 0;

	while (!err && (entry = readdir(dir)))
		if (numbered(entry->d_name, "memory", max_id, &b.id))
			err = append(blocks, &b, sizeof(b));
	return err;
}

/* Return: 0, with *@block_bytes 0 when this kernel has no blocks; -errno. */
static int read_blocks(const struct thermo_host *host, struct list *online, uint64_t *block_bytes)
{
	AUTO_CLOSEDIR DIR *dir = NULL;
	AUTO_FREE_LIST struct list all = { 0 };
	char text[32];
	uint64_t bytes;
	int err;

	*block_bytes = 0;
	if (thermo_host_read(host, text, sizeof(text), MEMORY_DIR "/block_size_bytes") < 0 ||
	    thermo_host_open_dir(host, &dir, MEMORY_DIR))
		return 0;
	if (sscanf(text, "%" SCNx64, &bytes) != 1 || bytes < THERMO_PAGE_BYTES ||
	    (bytes & (bytes - 1)))
		return thermo_fail(-EBADMSG, "/" MEMORY_DIR "/block_size_bytes: no size: '%s'",
				   text);
	err = list_blocks(dir, UINT64_MAX / bytes - 1, RAM_NODE_UNKNOWN, &all);
	for (size_t i = 0; i < all.nr && !err; i++) {
		const struct block *b = (struct block *)all.items + i;

		if (is_online(host, b->id))
			err = append(online, b, sizeof(*b));
	}
	sort(online, sizeof(struct block), by_block);
	*block_bytes = bytes;
	return err;
}

/* --- nodes --- */

/*
 * Which blocks each node has.  *@only_node: the node when there is just one, and 0
 * on a kernel without NUMA; else unknown.
 */
static int read_nodes(const struct thermo_host *host, struct list *blocks, int *only_node)
{
	AUTO_CLOSEDIR DIR *nodes = NULL;
	struct dirent *entry;
	size_t nr = 0;
	int err = 0;

	*only_node = 0;
	if (thermo_host_open_dir(host, &nodes, NODE_DIR))
		return 0;
	while (!err && (entry = readdir(nodes))) {
		AUTO_CLOSEDIR DIR *dir = NULL;
		uint64_t node;

		if (!numbered(entry->d_name, "node", MAX_NODE, &node) ||
		    thermo_host_open_dir(host, &dir, NODE_DIR "/node%" PRIu64, node))
			continue;
		*only_node = nr++ ? RAM_NODE_UNKNOWN : (int)node;
		err = list_blocks(dir, UINT64_MAX, (int)node, blocks);
	}
	sort(blocks, sizeof(struct block), by_block);
	return err;
}

/* --- what both say --- */

static int add_piece(struct list *pieces, const struct ram_piece *piece)
{
	struct ram_piece *last =
			pieces->nr ? (struct ram_piece *)pieces->items + pieces->nr - 1 : NULL;

	if (last && last->range.end == piece->range.start && last->node == piece->node &&
	    last->nr_nodes == 1 && piece->nr_nodes == 1) {
		last->range.end = piece->range.end;
		return 0;
	}
	return append(pieces, piece, sizeof(*piece));
}

/* What @iomem has of @piece; without any iomem, all of it.  @from moves on with @piece. */
static int add_part_of(struct list *pieces, const struct ram_piece *piece, const struct list *iomem,
		       size_t *from)
{
	const struct thermo_range *ranges = iomem->items;
	int err = 0;

	if (!iomem->nr)
		return add_piece(pieces, piece);
	while (*from < iomem->nr && ranges[*from].end <= piece->range.start)
		++*from;
	for (size_t i = *from; i < iomem->nr && ranges[i].start < piece->range.end && !err; i++) {
		struct ram_piece part = *piece;

		if (ranges[i].start > part.range.start)
			part.range.start = ranges[i].start;
		if (ranges[i].end < part.range.end)
			part.range.end = ranges[i].end;
		err = add_piece(pieces, &part);
	}
	return err;
}

/* Without blocks: iomem alone. */
static int join_iomem(const struct list *iomem, int node, struct list *pieces)
{
	const struct thermo_range *ranges = iomem->items;
	int err = 0;

	for (size_t i = 0; i < iomem->nr && !err; i++)
		err = add_piece(pieces, &(struct ram_piece){ ranges[i], node, 1 });
	return err;
}

static int join_blocks(const struct list *online, const struct list *on_nodes, int only_node,
		       uint64_t block_bytes, const struct list *iomem, struct list *pieces)
{
	const struct block *blocks = online->items, *links = on_nodes->items;
	size_t link = 0, from = 0;
	int err = 0;

	for (size_t i = 0; i < online->nr && !err; i++) {
		uint64_t id = blocks[i].id;
		struct ram_piece piece = { { id * block_bytes, (id + 1) * block_bytes },
					   only_node,
					   1 };
		size_t end;

		while (link < on_nodes->nr && links[link].id < id)
			link++;
		for (end = link; end < on_nodes->nr && links[end].id == id; end++)
			;
		if (end > link)
			piece.nr_nodes = (uint32_t)(end - link);
		do {
			if (end > link)
				piece.node = links[link++].node;
			err = add_part_of(pieces, &piece, iomem, &from);
		} while (link < end && !err);
	}
	return err;
}

static int read_pieces(const struct thermo_host *host, struct list *pieces)
{
	AUTO_FREE_LIST struct list iomem = { 0 }, online = { 0 }, on_nodes = { 0 };
	uint64_t block_bytes = 0;
	int only_node = 0, err = read_iomem(host, &iomem);

	if (!err)
		err = read_blocks(host, &online, &block_bytes);
	if (!err)
		err = read_nodes(host, &on_nodes, &only_node);
	if (err)
		return err;
	if (!block_bytes && !iomem.nr)
		return thermo_fail(-EPERM, "physical memory: /proc/iomem shows no addresses "
					   "without CAP_SYS_ADMIN, and this kernel has no "
					   "/" MEMORY_DIR ": run as root");
	err = block_bytes ? join_blocks(&online, &on_nodes, only_node, block_bytes, &iomem, pieces)
			  : join_iomem(&iomem, only_node, pieces);
	if (!err && !pieces->nr)
		return thermo_fail(-ENODEV, "physical memory: none is online: see /proc/iomem and "
					    "/" MEMORY_DIR);
	return err;
}

/* Return: 0 when it is unknown. */
static uint64_t mem_total_kb(const struct thermo_host *host)
{
	char text[256];
	uint64_t kb = 0;

	if (thermo_host_read(host, text, sizeof(text), "proc/meminfo") < 0 ||
	    sscanf(text, "MemTotal: %" SCNu64, &kb) != 1)
		return 0;
	return kb;
}

int ram_update(struct ram *ram, const struct thermo_host *host)
{
	struct list pieces = { 0 };
	uint64_t total_kb = mem_total_kb(host);
	int err;

	if (ram->nr_pieces && total_kb && total_kb == ram->mem_total_kb &&
	    ++ram->nr_unchanged < LOOK_AGAIN_AFTER)
		return 0;
	err = read_pieces(host, &pieces);
	if (err) {
		free(pieces.items);
		return err;
	}
	ram_fini(ram);
	*ram = (struct ram){ pieces.nr, pieces.items, total_kb, 0 };
	return 0;
}

/* --- questions --- */

ssize_t ram_ranges(const struct ram *ram, size_t max_ranges, struct thermo_range *ranges)
{
	AUTO_FREE struct thermo_range *all = calloc(ram->nr_pieces + 1, sizeof(*all));

	if (!all)
		return thermo_fail(-ENOMEM, "physical memory: no memory for %zu pieces",
				   ram->nr_pieces);
	for (size_t i = 0; i < ram->nr_pieces; i++)
		all[i] = ram->pieces[i].range;
	ssize_t kept = thermo_ranges_close_gaps(all, unite(all, ram->nr_pieces), max_ranges);

	if (kept > 0)
		memcpy(ranges, all, (size_t)kept * sizeof(*ranges));
	return kept;
}

static size_t first_piece(const struct ram *ram, uint64_t start)
{
	size_t low = 0, high = ram->nr_pieces;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ram->pieces[mid].range.end <= start)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void add_node(struct thermo_node_bytes *nodes, size_t *nr, int node, uint64_t bytes)
{
	size_t i = 0;

	while (i < *nr && nodes[i].node != node)
		i++;
	if (i == NODES_PER_REGION)
		return;
	if (i == *nr)
		nodes[(*nr)++] = (struct thermo_node_bytes){ .node = (int16_t)node };
	nodes[i].bytes += bytes;
}

static int by_bytes(const void *a, const void *b)
{
	const struct thermo_node_bytes *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return x->node < y->node ? -1 : x->node > y->node;
}

void ram_nodes(const struct ram *ram, uint64_t start, uint64_t end, struct thermo_node_bytes *nodes)
{
	struct thermo_node_bytes found[NODES_PER_REGION];
	size_t nr = 0;

	for (size_t i = first_piece(ram, start);
	     i < ram->nr_pieces && ram->pieces[i].range.start < end; i++) {
		const struct ram_piece *p = &ram->pieces[i];
		uint64_t low = p->range.start > start ? p->range.start : start;
		uint64_t high = p->range.end < end ? p->range.end : end;

		if (p->node != RAM_NODE_UNKNOWN && high > low)
			add_node(found, &nr, p->node, (high - low) / p->nr_nodes);
	}
	qsort(found, nr, sizeof(found[0]), by_bytes);
	memset(nodes, 0, THERMO_REGION_NODES * sizeof(*nodes));
	memcpy(nodes, found,
	       (nr < THERMO_REGION_NODES ? nr : THERMO_REGION_NODES) * sizeof(*nodes));
}
