/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tlb.h - makes the kernel flush the TLB, one user a thread.
 *
 * Linux on x86 drops single translations when a change of protection touched at
 * most 33 pages (tlb_single_page_flush_ceiling), and all of them beyond that.
 * It counts only pages that are present and whose permission really changes; so
 * each user holds 64 small pages, written to, and takes all access to them away
 * and gives it back.  The flush reaches every CPU on which the process runs.
 */
#ifndef BENCH_WORKLOAD_TLB_H
#define BENCH_WORKLOAD_TLB_H

struct workload_tlb {
	void *pages;
};

/* Return: 0 or -errno.  Afterwards workload_tlb_close() is due, also after a failure. */
int workload_tlb_open(struct workload_tlb *tlb);

/* Accepts a zeroed one; may be called twice. */
void workload_tlb_close(struct workload_tlb *tlb);

void workload_tlb_flush(struct workload_tlb *tlb);

#endif
