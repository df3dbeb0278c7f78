// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pageflags.c - /proc/PID/pagemap, /proc/kpageflags, /proc/kpagecgroup: arrays of 64-bit
 * words, by page number.  What the bits mean is in the kernel's
 * Documentation/admin-guide/mm/pagemap.rst.
 */
#include "core/pageflags.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/privilege.h"
#include "core/proc.h"

/* Linux 4.18; older headers lack it. */
#ifndef KPF_PGTABLE
#define KPF_PGTABLE 26
#endif

#define PM_PFN_MASK ((1ull << 55) - 1)
#define PM_FILE (1ull << 61)
#define PM_SWAP (1ull << 62)
#define PM_PRESENT (1ull << 63)
/* A huge page has so many at most, and is aligned to them. */
#define HUGE_PAGES (THERMO_HUGE_BYTES / THERMO_PAGE_BYTES)

#define FLAG(name) (1ull << KPF_##name)

/* A page has several of these flags: what tells most comes first. */
static const struct {
	uint64_t flags;
	enum page_class kind;
} kinds[] = {
	{ FLAG(BUDDY), PAGE_FREE },
	{ FLAG(ZERO_PAGE), PAGE_ZERO },
	{ FLAG(KSM), PAGE_KSM },
	{ FLAG(ANON), PAGE_ANON },
	{ FLAG(SLAB) | FLAG(PGTABLE) | FLAG(OFFLINE), PAGE_OTHER },
	{ FLAG(HUGE), PAGE_FILE },
	{ FLAG(SWAPBACKED), PAGE_SHMEM },
	/* Pages of the kernel are on no list and mapped by nobody. */
	{ FLAG(LRU) | FLAG(MMAP) | FLAG(UNEVICTABLE), PAGE_FILE },
};

static enum page_class kind_of(uint64_t flags, bool file, bool physical)
{
	if (flags & FLAG(NOPAGE))
		return physical ? PAGE_ABSENT : PAGE_OTHER;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (flags & kinds[i].flags)
			return kinds[i].kind;
	return file ? PAGE_FILE : PAGE_OTHER;
}

void page_classify(uint64_t flags, bool file, bool physical, struct page_look *look)
{
	look->kind = kind_of(flags, file, physical);
	look->thp = flags & FLAG(THP);
	look->hugetlb = flags & FLAG(HUGE);
}

int page_looker_open(struct page_looker *looker, const struct thermo_host *host)
{
	*looker = (struct page_looker){ host, -1, -1, -1, false };
	int err = thermo_require_caps(host, THERMO_CAP_SYS_ADMIN, "page types");

	if (err)
		return err;
	looker->flags_fd = thermo_host_open_file(host, O_RDONLY, "proc/kpageflags");
	if (looker->flags_fd == -ENOENT)
		return thermo_fail(-EOPNOTSUPP, "page types: this kernel has no /proc/kpageflags "
						"(CONFIG_PROC_PAGE_MONITOR)");
	if (looker->flags_fd == -EACCES || looker->flags_fd == -EPERM)
		return thermo_fail(-EPERM,
				   "page types: /proc/kpageflags: needs CAP_DAC_READ_SEARCH "
				   "outside of containers: run as root");
	if (looker->flags_fd < 0)
		return looker->flags_fd;
	looker->cgroup_fd = thermo_host_open_file(host, O_RDONLY, "proc/kpagecgroup");
	if (looker->cgroup_fd < 0)
		looker->cgroup_fd = -1;
	return 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void page_looker_close(struct page_looker *looker)
{
	close_one(&looker->flags_fd);
	close_one(&looker->cgroup_fd);
	close_one(&looker->pagemap_fd);
}

int page_looker_set_target(struct page_looker *looker, const struct thermo_target *target)
{
	struct thermo_proc proc;

	close_one(&looker->pagemap_fd);
	looker->physical = target->pid == THERMO_PID_PHYSICAL;
	if (looker->physical)
		return 1;
	int fd = thermo_host_open_file(looker->host, O_RDONLY, "proc/%d/pagemap", (int)target->pid);

	if (fd == -ENOENT || fd == -ESRCH)
		return 0;
	if (fd == -EACCES || fd == -EPERM)
		return thermo_fail(-EPERM,
				   "page types: /proc/%d/pagemap: needs CAP_SYS_PTRACE: "
				   "run as root",
				   (int)target->pid);
	if (fd < 0)
		return fd;
	looker->pagemap_fd = fd;
	/* After the file is open: it belongs to whoever has the pid now. */
	return thermo_proc_read(looker->host, target->pid, &proc) == 0 &&
	       proc.start_ticks == target->start_ticks;
}

/* Return: false at the end of the file, where there is no such page. */
static bool read_word(int fd, uint64_t index, uint64_t *word)
{
	return pread(fd, word, sizeof(*word), (off_t)(index * sizeof(*word))) == sizeof(*word);
}

/*
 * In older kernels the later pages of a compound one lack most flags of the first:
 * find that one.  Its own flags if there is none.
 */
static uint64_t flags_of_head(const struct page_looker *looker, uint64_t pfn, uint64_t flags)
{
	uint64_t words[HUGE_PAGES];
	uint64_t first = pfn & ~(HUGE_PAGES - 1);
	size_t bytes = (pfn - first + 1) * sizeof(words[0]);

	if (pread(looker->flags_fd, words, bytes, (off_t)(first * sizeof(words[0]))) !=
	    (ssize_t)bytes)
		return flags;
	for (uint64_t i = pfn - first + 1; i-- > 0;)
		if (words[i] & FLAG(COMPOUND_HEAD))
			return words[i] | flags;
	return flags;
}

static void look_at_frame(const struct page_looker *looker, uint64_t pfn, bool file,
			  struct page_look *look)
{
	uint64_t flags;

	/* Beyond the end of memory there are no flags: a device's. */
	if (!read_word(looker->flags_fd, pfn, &flags))
		flags = FLAG(NOPAGE);
	if (flags & FLAG(COMPOUND_TAIL) && !(flags & (FLAG(ANON) | FLAG(ZERO_PAGE))))
		flags = flags_of_head(looker, pfn, flags);
	page_classify(flags, file, looker->physical, look);
	if (looker->cgroup_fd < 0 || !read_word(looker->cgroup_fd, pfn, &look->cgroup))
		look->cgroup = 0;
}

int page_looker_look(struct page_looker *looker, uint64_t addr, struct page_look *look)
{
	uint64_t page = addr / THERMO_PAGE_BYTES, entry, again;

	*look = (struct page_look){ .kind = PAGE_ABSENT };
	if (looker->physical) {
		look_at_frame(looker, page, false, look);
		return 1;
	}
	/* A process that exits has no page tables any more. */
	if (!read_word(looker->pagemap_fd, page, &entry))
		return 0;
	if (!(entry & PM_PRESENT)) {
		look->kind = entry & PM_SWAP ? PAGE_SWAPPED : PAGE_ABSENT;
		return 1;
	}
	/* Frame 0 is never a process': this is what the kernel shows to the unprivileged. */
	if (!(entry & PM_PFN_MASK))
		return thermo_fail(-EPERM, "page types: /proc/PID/pagemap hides page frames: needs "
					   "CAP_SYS_ADMIN outside of containers: run as root");
	look_at_frame(looker, entry & PM_PFN_MASK, entry & PM_FILE, look);
	/* The flags may be those of a page that came there after ours. */
	return read_word(looker->pagemap_fd, page, &again) && again & PM_PRESENT &&
	       ((again ^ entry) & PM_PFN_MASK) == 0 && look->kind != PAGE_FREE;
}
