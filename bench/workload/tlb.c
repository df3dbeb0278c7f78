/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tlb.c - see tlb.h. */
#include "bench/workload/tlb.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/workload/config.h"
#include "core/error.h"

#define FLUSH_BYTES ((size_t)64 * WORKLOAD_PAGE_BYTES)

int workload_tlb_open(struct workload_tlb *tlb)
{
	void *pages = mmap(NULL, FLUSH_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	if (pages == MAP_FAILED)
		return thermo_fail(-errno, "mapping %zu bytes to flush the TLB with: %s",
				   FLUSH_BYTES, strerror(errno));
	tlb->pages = pages;
	/* One huge page would count as one page. */
	(void)madvise(pages, FLUSH_BYTES, MADV_NOHUGEPAGE);
	memset(pages, 1, FLUSH_BYTES);
	return 0;
}

void workload_tlb_close(struct workload_tlb *tlb)
{
	if (tlb->pages)
		(void)munmap(tlb->pages, FLUSH_BYTES);
	*tlb = (struct workload_tlb){ 0 };
}

void workload_tlb_flush(struct workload_tlb *tlb)
{
	/* PROT_NONE rather than PROT_READ: to become absent always flushes, while
	 * whether the way back from read-only does depends on the kernel. */
	(void)mprotect(tlb->pages, FLUSH_BYTES, PROT_NONE);
	(void)mprotect(tlb->pages, FLUSH_BYTES, PROT_READ | PROT_WRITE);
}
