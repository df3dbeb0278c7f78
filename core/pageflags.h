/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pageflags.h - look at one page: from an address through /proc/PID/pagemap to its
 * frame, from there to its flags and its cgroup.  One thread.
 */
#ifndef CORE_PAGEFLAGS_H
#define CORE_PAGEFLAGS_H

#include "core/host.h"
#include "core/pagetypes.h"

/**
 * struct page_look - What a page was when it was looked at.
 * @kind:	Below NR_PAGE_KINDS.
 * @cgroup:	Inode number of its memory cgroup's directory; 0: none.
 */
struct page_look {
	enum page_class kind;
	bool thp;
	bool hugetlb;
	uint64_t cgroup;
};

/**
 * struct page_looker - The open files.
 * @cgroup_fd:	-1: this kernel has no /proc/kpagecgroup.
 * @pagemap_fd:	-1: physical memory, or no target yet.
 */
struct page_looker {
	const struct thermo_host *host;
	int flags_fd;
	int cgroup_fd;
	int pagemap_fd;
	bool physical;
};

/* Return: 0; -EPERM with the missing capability; -errno.  After a failure, close is fine. */
int page_looker_open(struct page_looker *looker, const struct thermo_host *host);
void page_looker_close(struct page_looker *looker);

/*
 * Look at pages of @target from now on.  Return: 1; 0 when it is gone, or another
 * process has its pid; -errno.
 */
int page_looker_set_target(struct page_looker *looker, const struct thermo_target *target);

/* Return: 1; 0 when the page moved or vanished meanwhile; -errno. */
int page_looker_look(struct page_looker *looker, uint64_t addr, struct page_look *look);

/* What KPF_* @flags mean; @file: pagemap says that it is of a file, or shared. */
void page_classify(uint64_t flags, bool file, bool physical, struct page_look *look);

#endif
