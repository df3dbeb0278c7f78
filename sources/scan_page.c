// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * scan_page.c - page tables and page flags, a word at a time.  What the words mean is in the
 * kernel's Documentation/admin-guide/mm/pagemap.rst.
 */
#include "sources/scan_page.h"

#include <errno.h>
#include <unistd.h>

#include "core/error.h"
#include "core/proc.h"
#include "core/random.h"

#define PM_PFN_MASK ((1ull << 55) - 1)
#define PM_PRESENT (1ull << 63)

#define KPF_LRU (1ull << 5)
#define KPF_COMPOUND_HEAD (1ull << 15)
#define KPF_COMPOUND_TAIL (1ull << 16)
#define KPF_HUGETLB (1ull << 17)

#define HUGE_PAGES (THERMO_HUGE_BYTES / THERMO_PAGE_BYTES)
/* A question about pages that are there walks them all: so it begins small, and grows over gaps. */
#define MIN_WINDOW_BYTES (64 * THERMO_PAGE_BYTES)
#define MAX_WINDOW_BYTES (64ull << 30)

static bool read_word(int fd, uint64_t index, uint64_t *word)
{
	return pread(fd, word, sizeof(*word), (off_t)(index * sizeof(*word))) == sizeof(*word);
}

/* Return: 1 and the first run of pages from @addr on; 0 when there is none near; -EOPNOTSUPP. */
static int next_run(const struct thermo_host *host, int pagemap, uint64_t addr, uint64_t end,
		    struct thermo_page_run *run)
{
	for (uint64_t window = MIN_WINDOW_BYTES; addr < end && window <= MAX_WINDOW_BYTES;
	     window *= 8) {
		uint64_t until = end - addr > window ? addr + window : end, scanned_to = addr;
		int n = host->ops->scan_pages(host, pagemap, addr, until, run, 1, &scanned_to);

		if (n == -ENOTTY)
			return thermo_fail(
					-EOPNOTSUPP,
					"page scan: this kernel has no PAGEMAP_SCAN (Linux 6.7)");
		/* A process that is gone has no pages. */
		if (n != 0)
			return n > 0 && run->end > run->start;
		addr = until;
	}
	return 0;
}

static bool is_tail(int kpageflags, uint64_t pfn)
{
	uint64_t flags;

	return read_word(kpageflags, pfn, &flags) && flags & KPF_COMPOUND_TAIL;
}

/*
 * The first frame of the folio that @pfn is in, and its size.  A folio of 2^k frames begins at a
 * multiple of 2^k, so only ten frames can be its first, and ten behind its last.
 */
static bool find_folio(int kpageflags, uint64_t pfn, uint64_t *head, uint64_t *nr)
{
	uint64_t flags, size;

	if (!read_word(kpageflags, pfn, &flags))
		return false;
	*head = pfn;
	*nr = 1;
	if (!(flags & (KPF_COMPOUND_HEAD | KPF_COMPOUND_TAIL)))
		return flags & KPF_LRU;
	for (size = 1; !(flags & KPF_COMPOUND_HEAD); size *= 2) {
		*head = pfn & ~(2 * size - 1);
		if (size == HUGE_PAGES || !read_word(kpageflags, *head, &flags))
			return false;
	}
	while (size < HUGE_PAGES && is_tail(kpageflags, *head + size))
		size *= 2;
	*nr = size;
	return flags & KPF_LRU && !(flags & KPF_HUGETLB);
}

static bool is_frame(uint64_t word, uint64_t pfn)
{
	return word & PM_PRESENT && (word & PM_PFN_MASK) == pfn;
}

/* Of the folio's @nr frames from @page->pfn on, those that are mapped one after the other. */
static bool find_extent(int pagemap, struct scan_page *page, uint64_t nr)
{
	uint64_t words[HUGE_PAGES], inside = page->at_pfn - page->pfn;
	uint64_t at = page->at / THERMO_PAGE_BYTES;
	/* A folio of a file may begin before the address space does. */
	uint64_t first = at > inside ? at - inside : 0, skip = inside - (at - first);
	uint64_t low = at - first, high = low, nr_read;
	ssize_t bytes = pread(pagemap, words, (size_t)(nr - skip) * sizeof(*words),
			      (off_t)(first * sizeof(*words)));

	nr_read = bytes > 0 ? (uint64_t)bytes / sizeof(*words) : 0;
	if (low >= nr_read || !is_frame(words[low], page->pfn + skip + low))
		return false;
	while (low > 0 && is_frame(words[low - 1], page->pfn + skip + low - 1))
		low--;
	while (high + 1 < nr_read && is_frame(words[high + 1], page->pfn + skip + high + 1))
		high++;
	page->addr = (first + low) * THERMO_PAGE_BYTES;
	page->bytes = (high + 1 - low) * THERMO_PAGE_BYTES;
	return true;
}

int scan_page_find(const struct thermo_host *host, int pagemap, int kpageflags, uint64_t addr,
		   uint64_t end, uint64_t *random, struct scan_page *page)
{
	struct thermo_page_run run;
	uint64_t word, nr;
	int n = next_run(host, pagemap, addr, end, &run);

	if (n <= 0)
		return n;
	/* Behind a gap the first page would be chosen for the whole gap. */
	page->at = run.start;
	if (run.start != addr)
		page->at += next_random(random) % ((run.end - run.start) / THERMO_PAGE_BYTES) *
			    THERMO_PAGE_BYTES;
	if (!read_word(pagemap, page->at / THERMO_PAGE_BYTES, &word) || !(word & PM_PRESENT))
		return 0;
	page->at_pfn = word & PM_PFN_MASK;
	/* Frame 0 is never a process': this is what the kernel shows to the unprivileged. */
	if (!page->at_pfn)
		return thermo_fail(-EPERM, "page scan: /proc/PID/pagemap hides page frames: needs "
					   "CAP_SYS_ADMIN outside of containers: run as root");
	if (!find_folio(kpageflags, page->at_pfn, &page->pfn, &nr))
		return 0;
	page->addr = page->at;
	page->bytes = THERMO_PAGE_BYTES;
	if (nr == 1)
		return 1;
	return find_extent(pagemap, page, nr);
}

bool scan_page_is_there(int pagemap, const struct scan_page *page)
{
	uint64_t word;

	return read_word(pagemap, page->at / THERMO_PAGE_BYTES, &word) &&
	       is_frame(word, page->at_pfn);
}

bool scan_page_is_markable(int kpageflags, uint64_t pfn)
{
	uint64_t flags;

	return read_word(kpageflags, pfn, &flags) && flags & KPF_LRU;
}
