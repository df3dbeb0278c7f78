/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chmu_pci.h - where the hotness units of this machine have their registers: found through the
 * Register Locator of CXL devices on the PCI bus, mapped, and given back.
 */
#ifndef SOURCES_CHMU_PCI_H
#define SOURCES_CHMU_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/cxl.h"
#include "core/host.h"
#include "sources/chmu_map.h"
#include "sources/chmu_unit.h"

#define CHMU_PCI_DEVICES "sys/bus/pci/devices"
enum { CHMU_BLOCKS_MAX = 16, CHMU_CONFIG_BYTES = 4096 };

/**
 * struct chmu_pci_block - Registers of a CHMU.
 * @device:	Its PCI address, "0000:0d:00.0".
 * @number:	Of the device's blocks of this kind, the @number-th.
 * @bar, @offset:	Where: in which base address register's memory.
 * @is_virtual:	The lab's: windows are in its first page, stores go through the mailbox.
 */
struct chmu_pci_block {
	char device[CXL_NAME_BYTES];
	unsigned int number;
	unsigned int bar;
	uint64_t offset;
	bool is_virtual;
};

/* A block that is mapped and locked: it has one driver.  fd 0: not open. */
struct chmu_pci_map {
	struct chmu_pci_block block;
	int fd;
	void *map;
	size_t map_bytes;
	struct chmu_io io;
};

/*
 * The blocks of a CXL device whose configuration space is @config, as far as it could be
 * read.  Fills in bar and offset.  Return: how many there are, at most @max, or -EBADMSG.
 */
int chmu_pci_parse(const uint8_t *config, size_t bytes, struct chmu_pci_block *blocks, size_t max);

/* Look at all PCI devices; changes nothing.  Return: number of blocks, or -errno. */
int chmu_pci_find(const struct thermo_host *host, struct chmu_pci_block blocks[CHMU_BLOCKS_MAX]);

/*
 * Whether a driver of the kernel has the hotness units of @device, which is @memdev ("": unknown).
 * Return: 0, or -EBUSY with who.
 */
int chmu_pci_check_owner(const struct thermo_host *host, const char *device, const char *memdev);

/* Return: 0 or -errno; then chmu_pci_unmap() all the same.  @map must stay where it is. */
int chmu_pci_map(struct chmu_pci_map *map, const struct thermo_host *host,
		 const struct chmu_pci_block *block);
void chmu_pci_unmap(struct chmu_pci_map *map);

/* The first page of the lab's device; what it says is not checked. */
const struct vchmu_page *chmu_pci_virtual_page(const struct chmu_pci_map *map);

#endif
