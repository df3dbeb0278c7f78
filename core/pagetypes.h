/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pagetypes.h - what kind of memory is hot and what kind is cold, from a sample of
 * page flags.
 *
 * A few thousand pages are looked at, whatever the size of memory.  Each group
 * (hot, cold, never observed) gets an equal number of them, and in a group each
 * equal stretch of its bytes one page at random: so every byte of a group has the
 * same chance, and the little that is hot is known as well as the much that is cold.
 */
#ifndef CORE_PAGETYPES_H
#define CORE_PAGETYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/cgroups.h"
#include "core/host.h"
#include "thermocline/monitor.h"

#define PAGETYPES_DEFAULT_PAGES 4096
#define PAGETYPES_MAX_PAGES (1u << 20)
#define PAGETYPES_MAX_CGROUPS 16

/* A page is of one kind; the flags come beside it. */
enum page_class {
	PAGE_ANON,
	PAGE_FILE,    /* page cache, and files of hugetlbfs */
	PAGE_SHMEM,   /* tmpfs, shared anonymous memory */
	PAGE_KSM,     /* merged with equal ones */
	PAGE_ZERO,    /* the shared page of zeroes */
	PAGE_SWAPPED, /* on the swap device, or under migration */
	PAGE_ABSENT,  /* never touched, or dropped; physical: no memory there */
	PAGE_FREE,    /* physical only: in the buddy allocator */
	PAGE_OTHER,   /* the kernel's own, devices */
	NR_PAGE_KINDS,
	PAGE_THP = NR_PAGE_KINDS, /* flag: part of a transparent huge page */
	PAGE_HUGETLB,             /* flag: part of a hugetlb page */
	NR_PAGE_CLASSES,
};

enum page_group {
	PAGES_ALL,
	PAGES_HOT,
	PAGES_COLD,
	PAGES_UNOBSERVED,
	NR_PAGE_GROUPS,
};

/**
 * struct pagetypes_opts - Zeroes mean the default, but for @hot_rate.
 * @hot_rate:	Accesses per second and MiB from which a region is hot, see views.h.
 * @max_pages:	To look at; default 4096, at most 1 Mi.
 */
struct pagetypes_opts {
	double hot_rate;
	uint32_t max_pages;
};

/* A share of the group's pages, 0 to 1, with one standard error. */
struct page_share {
	float share;
	float error;
};

/**
 * struct page_group_types - One group.
 * @bytes:	Of its regions.
 * @nr_pages:	Looked at, and still there when they were; 0: the shares mean nothing.
 * @nr_vanished:	Chosen, but moved, or gone with their process, meanwhile.
 * @classes:	The kinds add up to 1.
 */
struct page_group_types {
	uint64_t bytes;
	uint32_t nr_pages;
	uint32_t nr_vanished;
	struct page_share classes[NR_PAGE_CLASSES];
};

/**
 * struct page_cgroup - Pages charged to one memory cgroup.
 * @inode:	Of its directory; 0: charged to none, or not present.
 * @path:	As in /proc/PID/cgroup; "" when unknown.
 */
struct page_cgroup {
	uint64_t inode;
	char path[256];
	struct page_share groups[NR_PAGE_GROUPS];
};

/**
 * struct page_types - The result.
 * @has_cgroups:	The kernel tells cgroups (/proc/kpagecgroup).
 * @cgroups:	Largest share of all pages first.
 * @other_cgroups:	Those for which there was no room.
 */
struct page_types {
	struct page_group_types groups[NR_PAGE_GROUPS];
	bool has_cgroups;
	uint32_t nr_cgroups;
	struct page_cgroup cgroups[PAGETYPES_MAX_CGROUPS];
	struct page_share other_cgroups[NR_PAGE_GROUPS];
};

/* "anon", "file", ...; "thp", "hugetlb". */
const char *page_class_name(enum page_class page_class);

/**
 * pagetypes_sample() - Look at random pages of the regions of a snapshot.
 * @cgroups:	Paths known so far; walks the cgroup tree again, once, for an unknown one.
 * @random_state:	Any number but 0; changed.
 *
 * Needs CAP_SYS_ADMIN in the first user namespace, and root's read permission.
 *
 * Return: 0, -EPERM with the missing capability, -EINVAL, -ENOMEM, -errno.
 */
int pagetypes_sample(const struct thermo_host *host, const struct thermo_snapshot *snapshot,
		     const struct pagetypes_opts *opts, struct cgroups *cgroups,
		     uint64_t *random_state, struct page_types *types);

#endif
