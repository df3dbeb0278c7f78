// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mover.c - move_pages(2), page by page accounted for.
 *
 * Two things of the kernel shape this file.  A huge page moves as a whole by any
 * of its addresses, and asking for a second one of it fails as busy: so huge
 * mappings are found first (PAGEMAP_SCAN) and asked for once.  And when one page
 * of a call cannot be moved the kernel stores no status for the others although
 * most of them did move: so every page without a status is looked up afterwards.
 */
#include "tiering/mover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/proc.h"

/*
 * A call has a fixed cost (the kernel drains every CPU's lists of pages) that only
 * more pages share: fewer than this gains nothing.
 */
#define MIN_CALL_PAGES 64u
#define MAX_RUNS 256
#define PAGES_PER_HUGE (THERMO_HUGE_BYTES / THERMO_PAGE_BYTES)

const char *thermo_move_result_name(enum thermo_move_result result)
{
	static const char *const names[THERMO_NR_MOVE_RESULTS] = {
		[THERMO_MOVED] = "moved",
		[THERMO_MOVE_BUSY] = "busy",
		[THERMO_MOVE_GONE] = "gone",
		[THERMO_MOVE_NO_MEMORY] = "no_memory",
		[THERMO_MOVE_NOT_ALLOWED] = "not_allowed",
		[THERMO_MOVE_ALREADY] = "already_there",
		[THERMO_MOVE_FAILED] = "failed",
	};

	return names[result];
}

void mover_init(struct mover *mover, const struct thermo_host *host,
		const struct thermo_topology *topology, uint32_t share_pct, const atomic_bool *stop)
{
	*mover = (struct mover){
		.host = host,
		.topology = topology,
		.share_pct = share_pct,
		.stop = stop,
		.left_bytes = UINT64_MAX,
		.until_ns = UINT64_MAX,
	};
	mover->small.units = MIN_CALL_PAGES;
	mover->huge.units = 1;
}

/* Pages of one kind that are candidates for one call. */
struct batch {
	uint64_t unit_bytes;
	size_t nr;
	void *pages[MAX_CALL_UNITS];
	int nodes[MAX_CALL_UNITS];
	int status[MAX_CALL_UNITS];
};

struct job {
	struct mover *mover;
	const struct planned_move *step;
	int pagemap_fd;
	bool over; /* nothing more of this step can move */
	uint64_t moved_bytes;
	struct batch batch;
};

static void count(struct job *j, enum thermo_move_result result, uint64_t pages)
{
	j->mover->counters.pages[j->step->action][result] += pages;
	if (result != THERMO_MOVED)
		return;
	uint64_t bytes = pages * THERMO_PAGE_BYTES;

	j->moved_bytes += bytes;
	j->mover->left_bytes -= bytes < j->mover->left_bytes ? bytes : j->mover->left_bytes;
}

static enum thermo_move_result result_of(int err)
{
	switch (err) {
	case -ENOENT:
	case -EFAULT:
	case -ESRCH:
		return THERMO_MOVE_GONE;
	case -EBUSY:
	case -EAGAIN:
		return THERMO_MOVE_BUSY;
	case -ENOMEM:
		return THERMO_MOVE_NO_MEMORY;
	case -EACCES:
	case -EPERM:
		return THERMO_MOVE_NOT_ALLOWED;
	default:
		return THERMO_MOVE_FAILED;
	}
}

static int query(const struct job *j, size_t nr, void **pages, int *status)
{
	return j->mover->host->ops->move_pages(j->mover->host, j->step->pid, nr, pages, NULL,
					       status);
}

/* Keep those that are on the tier to leave.  They all were present just now. */
static void keep_source_pages(struct job *j)
{
	struct batch *b = &j->batch;
	const struct thermo_topology *t = j->mover->topology;
	int err = query(j, b->nr, b->pages, b->status);
	size_t kept = 0;

	if (err) {
		count(j, result_of(err), b->nr * b->unit_bytes / THERMO_PAGE_BYTES);
		b->nr = 0;
		j->over = true;
		return;
	}
	for (size_t i = 0; i < b->nr; i++) {
		int index = b->status[i] >= 0 ? thermo_topology_find(t, b->status[i]) : -1;

		if (index >= 0 && t->nodes[index].tier == j->step->from_tier)
			b->pages[kept++] = b->pages[i];
	}
	b->nr = kept;
}

/* Never into a full node: the kernel would reclaim there, or fail page by page. */
static bool has_room(const struct job *j, uint64_t bytes)
{
	const struct thermo_topology *t = j->mover->topology;
	int index = thermo_topology_find(t, j->step->to_node);
	char text[2048];
	const char *line;

	if (index < 0 ||
	    thermo_host_read(j->mover->host, text, sizeof(text),
			     "sys/devices/system/node/node%d/meminfo", j->step->to_node) < 0)
		return false;
	line = strstr(text, "MemFree:");
	if (!line)
		return false;
	uint64_t free_bytes = strtoull(line + strlen("MemFree:"), NULL, 10) << 10;

	return free_bytes >= bytes + t->nodes[index].reserve_bytes;
}

static void pace(struct mover_pace *p, size_t units, uint64_t call_ns, uint32_t min_units)
{
	uint64_t next = call_ns ? (uint64_t)units * CALL_TARGET_NS / call_ns : MAX_CALL_UNITS;

	/* At most double: one quick call is not a trend. */
	if (next > 2ull * p->units)
		next = 2ull * p->units;
	if (next < min_units)
		next = min_units;
	p->units = next > MAX_CALL_UNITS ? MAX_CALL_UNITS : (uint32_t)next;
}

/* A huge page that was split on its way: some of its pages moved, some did not. */
static uint64_t count_split_pages(const struct job *j, void *page)
{
	void *pages[PAGES_PER_HUGE];
	int status[PAGES_PER_HUGE];
	uint64_t there = 0;

	for (size_t i = 0; i < PAGES_PER_HUGE; i++)
		pages[i] = (char *)page + i * THERMO_PAGE_BYTES;
	if (query(j, PAGES_PER_HUGE, pages, status))
		return 0;
	for (size_t i = 0; i < PAGES_PER_HUGE; i++)
		there += status[i] == j->step->to_node;
	return there;
}

static bool is_still_huge(const struct job *j, void *page)
{
	uint64_t start = (uintptr_t)page, scanned_to;
	struct thermo_page_run run;

	return j->mover->host->ops->scan_pages(j->mover->host, j->pagemap_fd, start,
					       start + THERMO_HUGE_BYTES, &run, 1,
					       &scanned_to) == 1 &&
	       run.huge;
}

static void account_unit(struct job *j, size_t i)
{
	struct batch *b = &j->batch;
	uint64_t pages = b->unit_bytes / THERMO_PAGE_BYTES;
	/* On a node, but not on that one: it stayed. */
	enum thermo_move_result otherwise =
			b->status[i] >= 0 ? THERMO_MOVE_BUSY : result_of(b->status[i]);

	if (b->unit_bytes == THERMO_HUGE_BYTES && !is_still_huge(j, b->pages[i])) {
		uint64_t there = count_split_pages(j, b->pages[i]);

		count(j, THERMO_MOVED, there);
		count(j, otherwise, pages - there);
		return;
	}
	count(j, b->status[i] == j->step->to_node ? THERMO_MOVED : otherwise, pages);
}

/* Pages without a status of their own: where are they now? */
static void look_up_unknown(struct job *j)
{
	struct batch *b = &j->batch;
	void *pages[MAX_CALL_UNITS];
	int status[MAX_CALL_UNITS];
	size_t nr = 0;

	for (size_t i = 0; i < b->nr; i++)
		if (b->status[i] == -EAGAIN || b->status[i] == -EBUSY)
			pages[nr++] = b->pages[i];
	if (nr == 0 || query(j, nr, pages, status))
		return;
	for (size_t i = 0, k = 0; i < b->nr; i++)
		if (b->status[i] == -EAGAIN || b->status[i] == -EBUSY)
			b->status[i] = status[k++];
}

/*
 * Sleep in proportion: the application gets its share of locks and bandwidth.  The time that a
 * call waited it had them already.
 */
static void rest(const struct mover *m, uint64_t cpu_ns, uint64_t call_ns)
{
	uint64_t turn_ns = cpu_ns * 100 / m->share_pct;
	uint64_t sleep_ns = turn_ns > call_ns ? turn_ns - call_ns : 0;
	struct timespec ts = { (time_t)(sleep_ns / 1000000000), (long)(sleep_ns % 1000000000) };

	(void)nanosleep(&ts, NULL);
}

static void move_batch(struct job *j)
{
	struct mover *m = j->mover;
	struct batch *b = &j->batch;
	uint64_t moved_before = j->moved_bytes, start_ns, start_cpu_ns, call_ns, cpu_ns;
	int err;

	keep_source_pages(j);
	if (b->nr == 0)
		return;
	if (!has_room(j, b->nr * b->unit_bytes)) {
		count(j, THERMO_MOVE_NO_MEMORY, b->nr * b->unit_bytes / THERMO_PAGE_BYTES);
		j->over = true;
		return;
	}
	for (size_t i = 0; i < b->nr; i++)
		b->nodes[i] = j->step->to_node;
	start_ns = thermo_host_now_ns(m->host);
	start_cpu_ns = m->host->ops->thread_cpu_ns(m->host);
	err = m->host->ops->move_pages(m->host, j->step->pid, b->nr, b->pages, b->nodes, b->status);
	call_ns = thermo_host_now_ns(m->host) - start_ns;
	/* What it costs is its CPU time; the rest it waited, for its turn or for locks. */
	cpu_ns = m->host->ops->thread_cpu_ns(m->host) - start_cpu_ns;
	if (err) {
		count(j, result_of(err), b->nr * b->unit_bytes / THERMO_PAGE_BYTES);
		j->over = true;
		return;
	}
	look_up_unknown(j);
	for (size_t i = 0; i < b->nr; i++)
		account_unit(j, i);

	m->counters.calls++;
	m->counters.call_ns += call_ns;
	if (call_ns > m->counters.longest_call_ns)
		m->counters.longest_call_ns = call_ns;
	if (b->unit_bytes == THERMO_HUGE_BYTES)
		pace(&m->huge, b->nr, cpu_ns, 1);
	else
		pace(&m->small, b->nr, cpu_ns, MIN_CALL_PAGES);
	if (j->moved_bytes > moved_before) {
		/* By weight: what a call of a few pages costs says little of one of many. */
		m->recent_ns = 0.9 * m->recent_ns + (double)cpu_ns;
		m->recent_bytes = 0.9 * m->recent_bytes + (double)(j->moved_bytes - moved_before);
		m->ns_per_byte = m->recent_ns / m->recent_bytes;
	}
	rest(m, cpu_ns, call_ns);
}

bool mover_is_over(const struct mover *m)
{
	/* relaxed: a flag to end early; nothing is read because of it. */
	return atomic_load_explicit(m->stop, memory_order_relaxed) || m->left_bytes == 0 ||
	       thermo_host_now_ns(m->host) >= m->until_ns;
}

static bool is_done(const struct job *j)
{
	return j->over || j->moved_bytes >= j->step->bytes || mover_is_over(j->mover);
}

static void move_run(struct job *j, const struct thermo_page_run *run)
{
	uint64_t unit = run->huge ? THERMO_HUGE_BYTES : THERMO_PAGE_BYTES;
	const struct mover_pace *p = run->huge ? &j->mover->huge : &j->mover->small;
	uint64_t at = run->start & ~(unit - 1);

	while (at < run->end && !is_done(j)) {
		uint64_t bytes = j->step->bytes - j->moved_bytes;

		if (bytes > j->mover->left_bytes)
			bytes = j->mover->left_bytes;
		uint64_t left = (bytes + unit - 1) / unit;
		size_t room = left < p->units ? (size_t)left : p->units;

		j->batch.nr = 0;
		j->batch.unit_bytes = unit;
		for (; at < run->end && j->batch.nr < room; at += unit)
			j->batch.pages[j->batch.nr++] = (void *)(uintptr_t)at;
		move_batch(j);
	}
}

uint64_t mover_run(struct mover *mover, const struct planned_move *step)
{
	AUTO_FREE struct job *j = calloc(1, sizeof(*j));
	struct thermo_page_run runs[MAX_RUNS];
	uint64_t at = step->start;

	if (!j)
		return 0;
	j->mover = mover;
	j->step = step;
	AUTO_CLOSE int fd = thermo_host_open_file(mover->host, O_RDONLY, "proc/%d/pagemap",
						  (int)step->pid);

	if (fd < 0) {
		count(j, fd == -EACCES || fd == -EPERM ? THERMO_MOVE_NOT_ALLOWED : THERMO_MOVE_GONE,
		      step->bytes / THERMO_PAGE_BYTES);
		return 0;
	}
	j->pagemap_fd = fd;
	while (at < step->end && !is_done(j)) {
		uint64_t scanned_to = at;
		int nr = mover->host->ops->scan_pages(mover->host, fd, at, step->end, runs,
						      MAX_RUNS, &scanned_to);

		if (nr < 0 || scanned_to <= at)
			break;
		for (int i = 0; i < nr && !is_done(j); i++)
			move_run(j, &runs[i]);
		at = scanned_to;
	}
	return j->moved_bytes;
}
