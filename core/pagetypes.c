// SPDX-License-Identifier: GPL-2.0-or-later
/* pagetypes.c - choose pages, look at each, count, and say how sure that is. */
#include "core/pagetypes.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/pageflags.h"
#include "core/proc.h"
#include "core/random.h"
#include "core/views.h"

/* One page that was looked at. */
struct charge {
	uint64_t cgroup;
	enum page_group group;
};

/* Pages of one cgroup, by group. */
struct cgroup_count {
	uint64_t inode;
	uint32_t nr[NR_PAGE_GROUPS];
	double share; /* of all */
};

struct sampling {
	const struct thermo_snapshot *snapshot;
	double hot_rate;
	struct page_looker looker;
	uint32_t wanted[NR_PAGE_GROUPS];
	uint32_t nr_classes[NR_PAGE_CLASSES][NR_PAGE_GROUPS];
	struct charge *charges;
	size_t nr_charges;
	struct page_group_types *groups;
	bool has_cgroups;
};

const char *page_class_name(enum page_class page_class)
{
	static const char *const names[] = {
		[PAGE_ANON] = "anon",     [PAGE_FILE] = "file",       [PAGE_SHMEM] = "shmem",
		[PAGE_KSM] = "ksm",       [PAGE_ZERO] = "zero",       [PAGE_SWAPPED] = "swapped",
		[PAGE_ABSENT] = "absent", [PAGE_FREE] = "free",       [PAGE_OTHER] = "other",
		[PAGE_THP] = "thp",       [PAGE_HUGETLB] = "hugetlb",
	};

	return page_class < NR_PAGE_CLASSES ? names[page_class] : "unknown";
}

/* A snapshot from a file may hold anything. */
static uint64_t bytes_of(const struct sampling *s, const struct thermo_region *r)
{
	return r->end > r->start && r->target < s->snapshot->nr_targets ? r->end - r->start : 0;
}

static enum page_group group_of(const struct sampling *s, const struct thermo_region *r)
{
	if (!view_is_observed(r))
		return PAGES_UNOBSERVED;
	return view_rate(r) >= s->hot_rate ? PAGES_HOT : PAGES_COLD;
}

/* --- choosing --- */

static void add_up_bytes(struct sampling *s)
{
	for (uint32_t i = 0; i < s->snapshot->nr_regions; i++) {
		const struct thermo_region *r = &s->snapshot->regions[i];
		uint64_t *bytes = &s->groups[group_of(s, r)].bytes;

		*bytes = *bytes + bytes_of(s, r) < *bytes ? UINT64_MAX : *bytes + bytes_of(s, r);
	}
	for (int g = PAGES_ALL + 1; g < NR_PAGE_GROUPS; g++) {
		uint64_t *all = &s->groups[PAGES_ALL].bytes;

		*all = *all + s->groups[g].bytes < *all ? UINT64_MAX : *all + s->groups[g].bytes;
	}
}

/* The same number for each group that has anything, but no page twice. */
static void share_out(struct sampling *s, uint32_t max_pages)
{
	uint32_t nr_groups = 0;

	for (int g = PAGES_ALL + 1; g < NR_PAGE_GROUPS; g++)
		nr_groups += s->groups[g].bytes > 0;
	for (int g = PAGES_ALL + 1; g < NR_PAGE_GROUPS; g++) {
		uint64_t bytes = s->groups[g].bytes;
		uint64_t nr_pages = bytes / THERMO_PAGE_BYTES + (bytes % THERMO_PAGE_BYTES > 0);
		uint32_t most = nr_groups ? max_pages / nr_groups : 0;

		s->wanted[g] = nr_pages < most ? (uint32_t)nr_pages : most;
	}
}

/* --- looking --- */

static int look_at(struct sampling *s, enum page_group group, uint64_t addr)
{
	struct page_look look;
	int is_there = page_looker_look(&s->looker, addr, &look);

	if (is_there < 0)
		return is_there;
	if (!is_there) {
		s->groups[group].nr_vanished++;
		return 0;
	}
	s->groups[group].nr_pages++;
	s->nr_classes[look.kind][group]++;
	s->nr_classes[PAGE_THP][group] += look.thp;
	s->nr_classes[PAGE_HUGETLB][group] += look.hugetlb;
	s->charges[s->nr_charges++] = (struct charge){ look.cgroup, group };
	return 0;
}

/* Where the next page is, in bytes of the group: one in each of so many stretches. */
struct cursor {
	uint64_t stretch;
	uint64_t next;
	uint32_t nr_left;
	uint64_t passed; /* bytes of the group before the current region */
	uint32_t target; /* that the looker has open */
	int is_there;
};

static int look_at_region(struct sampling *s, const struct thermo_region *r, struct cursor *c,
			  enum page_group group, uint64_t *random_state)
{
	uint64_t bytes = bytes_of(s, r);
	int err = 0;

	for (; c->nr_left && c->next - c->passed < bytes && !err; c->nr_left--) {
		uint64_t addr = r->start + (c->next - c->passed);

		if (c->target != r->target) {
			c->is_there = page_looker_set_target(&s->looker,
							     &s->snapshot->targets[r->target]);
			c->target = r->target;
		}
		if (c->is_there < 0)
			return c->is_there;
		if (c->is_there)
			err = look_at(s, group, addr);
		else
			s->groups[group].nr_vanished++;
		/* To the start of the next stretch, and somewhere into it. */
		c->next += c->stretch - c->next % c->stretch +
			   next_random(random_state) % c->stretch;
	}
	c->passed += bytes;
	return err;
}

static int look_at_group(struct sampling *s, enum page_group group, uint64_t *random_state)
{
	struct cursor c = { .nr_left = s->wanted[group], .target = UINT32_MAX };
	int err = 0;

	if (!c.nr_left)
		return 0;
	c.stretch = s->groups[group].bytes / c.nr_left;
	c.next = next_random(random_state) % c.stretch;
	for (uint32_t i = 0; i < s->snapshot->nr_regions && c.nr_left && !err; i++)
		if (group_of(s, &s->snapshot->regions[i]) == group)
			err = look_at_region(s, &s->snapshot->regions[i], &c, group, random_state);
	return err;
}

/* --- counting --- */

/*
 * The share, with the standard deviation that is left to it when nothing was known
 * before (Jeffreys' prior): not 0 even when all pages were alike.
 */
static struct page_share share_of(uint32_t nr, uint32_t total)
{
	double a = nr + 0.5, b = (double)total - nr + 0.5;

	if (!total)
		return (struct page_share){ 0, 0 };
	return (struct page_share){
		(float)((double)nr / total),
		(float)sqrt(a * b / ((a + b) * (a + b) * (a + b + 1))),
	};
}

/* Of one thing in each group; that of all is their mean, weighed by the groups' bytes. */
static void fill_shares(const struct page_group_types *groups, const uint32_t *nr,
			struct page_share *shares)
{
	double bytes = 0, sum = 0, variance = 0;

	for (int g = PAGES_ALL + 1; g < NR_PAGE_GROUPS; g++) {
		double weight = groups[g].nr_pages ? (double)groups[g].bytes : 0;

		shares[g] = share_of(nr[g], groups[g].nr_pages);
		bytes += weight;
		sum += weight * (double)shares[g].share;
		variance += weight * weight * (double)shares[g].error * (double)shares[g].error;
	}
	shares[PAGES_ALL] = (struct page_share){ 0 };
	if (bytes > 0)
		shares[PAGES_ALL] = (struct page_share){ (float)(sum / bytes),
							 (float)(sqrt(variance) / bytes) };
}

static void fill_classes(const struct sampling *s, struct page_types *types)
{
	for (int g = PAGES_ALL + 1; g < NR_PAGE_GROUPS; g++) {
		types->groups[PAGES_ALL].nr_pages += types->groups[g].nr_pages;
		types->groups[PAGES_ALL].nr_vanished += types->groups[g].nr_vanished;
	}
	for (int c = 0; c < NR_PAGE_CLASSES; c++) {
		struct page_share shares[NR_PAGE_GROUPS];

		fill_shares(types->groups, s->nr_classes[c], shares);
		for (int g = 0; g < NR_PAGE_GROUPS; g++)
			types->groups[g].classes[c] = shares[g];
	}
}

static int by_cgroup(const void *a, const void *b)
{
	const struct charge *x = a, *y = b;

	return x->cgroup < y->cgroup ? -1 : x->cgroup > y->cgroup;
}

static int by_share(const void *a, const void *b)
{
	const struct cgroup_count *x = a, *y = b;

	if (x->share != y->share)
		return x->share < y->share ? 1 : -1;
	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/* Return: number of cgroups in @counts, the largest first. */
static size_t count_cgroups(struct sampling *s, struct cgroup_count *counts)
{
	size_t nr = 0;

	if (s->nr_charges)
		qsort(s->charges, s->nr_charges, sizeof(*s->charges), by_cgroup);
	for (size_t i = 0; i < s->nr_charges; i++) {
		if (!nr || counts[nr - 1].inode != s->charges[i].cgroup)
			counts[nr++] = (struct cgroup_count){ .inode = s->charges[i].cgroup };
		counts[nr - 1].nr[s->charges[i].group]++;
	}
	for (size_t i = 0; i < nr; i++) {
		struct page_share shares[NR_PAGE_GROUPS];

		fill_shares(s->groups, counts[i].nr, shares);
		counts[i].share = (double)shares[PAGES_ALL].share;
	}
	if (nr)
		qsort(counts, nr, sizeof(*counts), by_share);
	return nr;
}

/* The tree is walked again for a number that nobody knows, but only once. */
static const char *path_of(const struct thermo_host *host, struct cgroups *cgroups, uint64_t inode,
			   bool *walked)
{
	const char *path = cgroups_find(cgroups, inode);

	if (path || *walked || !inode)
		return path ? path : "";
	*walked = true;
	/* Numbers must do when the tree cannot be seen. */
	if (cgroups_read(cgroups, host) < 0)
		return "";
	path = cgroups_find(cgroups, inode);
	return path ? path : "";
}

static int fill_cgroups(struct sampling *s, const struct thermo_host *host, struct cgroups *cgroups,
			struct page_types *types)
{
	AUTO_FREE struct cgroup_count *counts = calloc(s->nr_charges + 1, sizeof(*counts));
	uint32_t rest[NR_PAGE_GROUPS] = { 0 };
	bool walked = false;

	if (!counts)
		return thermo_fail(-ENOMEM, "page types: no memory for %zu pages", s->nr_charges);
	size_t nr = count_cgroups(s, counts);

	for (size_t i = 0; i < nr && i < PAGETYPES_MAX_CGROUPS; i++) {
		struct page_cgroup *out = &types->cgroups[i];

		out->inode = counts[i].inode;
		(void)snprintf(out->path, sizeof(out->path), "%s",
			       path_of(host, cgroups, out->inode, &walked));
		fill_shares(types->groups, counts[i].nr, out->groups);
		types->nr_cgroups++;
	}
	for (size_t i = types->nr_cgroups; i < nr; i++)
		for (int g = 0; g < NR_PAGE_GROUPS; g++)
			rest[g] += counts[i].nr[g];
	fill_shares(types->groups, rest, types->other_cgroups);
	return 0;
}

static int sample(struct sampling *s, const struct thermo_host *host, uint64_t *random_state)
{
	int err = page_looker_open(&s->looker, host);

	s->has_cgroups = s->looker.cgroup_fd >= 0;
	for (int g = PAGES_ALL + 1; g < NR_PAGE_GROUPS && !err; g++)
		err = look_at_group(s, (enum page_group)g, random_state);
	page_looker_close(&s->looker);
	return err;
}

int pagetypes_sample(const struct thermo_host *host, const struct thermo_snapshot *snapshot,
		     const struct pagetypes_opts *opts, struct cgroups *cgroups,
		     uint64_t *random_state, struct page_types *types)
{
	uint32_t max_pages = opts->max_pages ? opts->max_pages : PAGETYPES_DEFAULT_PAGES;
	AUTO_FREE struct charge *charges = NULL;
	struct page_types result = { 0 };
	struct sampling s = { .snapshot = snapshot,
			      .hot_rate = opts->hot_rate,
			      .groups = result.groups };
	int err;

	if (max_pages > PAGETYPES_MAX_PAGES || isnan(opts->hot_rate))
		return thermo_fail(-EINVAL, "page types: %u pages: %u at most", max_pages,
				   PAGETYPES_MAX_PAGES);
	s.charges = charges = calloc(max_pages, sizeof(*charges));
	if (!charges)
		return thermo_fail(-ENOMEM, "page types: no memory for %u pages", max_pages);
	add_up_bytes(&s);
	share_out(&s, max_pages);
	err = sample(&s, host, random_state);
	if (err)
		return err;
	fill_classes(&s, &result);
	result.has_cgroups = s.has_cgroups;
	err = fill_cgroups(&s, host, cgroups, &result);
	if (!err)
		*types = result;
	return err;
}
