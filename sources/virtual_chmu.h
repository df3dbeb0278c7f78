/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtual_chmu.h - the memory of the lab's virtual CHMU, as the device and its driver see it.
 *
 * A PCI device of the lab's guest (ivshmem) whose BAR 2 is this memory.  The device's side
 * is tests/lab/truth/vchmu.c, outside of the guest; the driver's is chmu_pci.c, which finds it,
 * and from there on the driver of any CHMU.
 *
 *	struct vchmu_page, one page: what no CHMU has
 *	the block of registers (chmu_regs.h), one instance, and its hotlist
 *
 * Registers are read where they are.  A store to memory traps nowhere, so no device could tell
 * one that clears a bit from none: stores go through a mailbox, one at a time, and the device
 * does to its registers what a store does.
 *
 * Neither side trusts the other's numbers.
 */
#ifndef SOURCES_VIRTUAL_CHMU_H
#define SOURCES_VIRTUAL_CHMU_H

#include <stdint.h>

#define VCHMU_MAGIC "THERMHMU"
#define VCHMU_PCI_VENDOR "0x1af4"
#define VCHMU_PCI_DEVICE "0x1110"
#define VCHMU_BAR "resource2"

enum {
	VCHMU_VERSION = 1,
	VCHMU_PAGE_BYTES = 4096,
	VCHMU_WINDOWS_MAX = 16,
	VCHMU_INSTANCE_BYTES = 0x100,
	VCHMU_HOTLIST_OFFSET = 0x1000, /* from the instance */
	VCHMU_ENTRIES_MAX = 65535,
	VCHMU_BAR_BYTES = 1 << 20,
	VCHMU_BLOCK_BYTES = VCHMU_BAR_BYTES - VCHMU_PAGE_BYTES,
};

/* Where a stretch of the device's memory is; a real one's decoders say so. */
struct vchmu_window {
	uint64_t dpa;
	uint64_t hpa;
	uint64_t bytes;
};

/**
 * struct vchmu_mailbox - A store on its way.
 * @sent:	The driver adds one when the rest is there.
 * @offset, @value, @bytes:	Where in the block, what, 2 or 8 bytes.
 * @done:	The device's: the @sent that it has seen.
 */
struct vchmu_mailbox {
	uint64_t sent;
	uint64_t offset;
	uint64_t value;
	uint64_t bytes;
	uint64_t done __attribute__((aligned(64)));
};

/**
 * struct vchmu_page - The first page.  All but the mailbox is the device's.
 * @nr_epochs, @nr_listed, @nr_dropped:	Since power-on: epochs that ended, entries of the
 *		hotlist, entries that found it full.  For tests: no CHMU tells them.
 */
struct vchmu_page {
	char magic[8];
	uint32_t version;
	uint32_t nr_windows;
	struct vchmu_window windows[VCHMU_WINDOWS_MAX];
	uint64_t nr_epochs;
	uint64_t nr_listed;
	uint64_t nr_dropped;
	struct vchmu_mailbox mailbox __attribute__((aligned(64)));
};

#endif
