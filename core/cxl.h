/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cxl.h - CXL memory as this machine has it: devices, decoders, regions, dax devices.
 *
 * Read once, from /sys/bus/cxl and /sys/bus/dax, and from ACPI's CEDT for what /sys
 * does not tell.  Names are the kernel's.  Things point to each other by index, -1
 * when there is none.  What cannot be read is unknown, and no failure: a kernel may be
 * older, and a device may go while it is looked at.  One thread.
 */
#ifndef CORE_CXL_H
#define CORE_CXL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/host.h"

#define CXL_NAME_BYTES 32
#define CXL_MAX_WAYS 16u
/* Of each kind; more are counted and left out. */
#define CXL_MAX_OBJECTS 1024u
#define CXL_UNKNOWN UINT64_MAX

enum cxl_mode {
	CXL_MODE_NONE, /* or unknown */
	CXL_MODE_RAM,
	CXL_MODE_PMEM,
	CXL_MODE_OTHER,
};

enum cxl_decoder_kind {
	CXL_DECODER_ROOT,   /* a window of physical addresses that the firmware made */
	CXL_DECODER_SWITCH, /* of a host bridge or a switch */
	CXL_DECODER_ENDPOINT,
};

/* How a root decoder finds the host bridge of an address. */
enum cxl_arithmetic {
	CXL_ARITHMETIC_UNKNOWN, /* no CEDT, or it may not be read */
	CXL_ARITHMETIC_MODULO,
	CXL_ARITHMETIC_XOR,
};

/**
 * struct cxl_memdev - A memory device.
 * @name:	"mem0".
 * @address:	Its PCI address, "0000:0d:00.0"; "" unknown.
 * @endpoint:	Its port, "endpoint2"; "" when no driver has it.
 * @ram_bytes, @pmem_bytes:	Volatile and persistent capacity.
 * @serial:	CXL_UNKNOWN when it says none.
 * @node:	The NUMA node that it is attached to, -1 unknown: not the node of its memory.
 * @qos_class:	Of the volatile memory; -1 unknown.
 */
struct cxl_memdev {
	char name[CXL_NAME_BYTES];
	char address[CXL_NAME_BYTES];
	char endpoint[CXL_NAME_BYTES];
	uint64_t ram_bytes;
	uint64_t pmem_bytes;
	uint64_t serial;
	int node;
	int qos_class;
};

/**
 * struct cxl_decoder - What maps physical addresses, at one level of the way.
 * @port:	Whose it is: "root0", "port1", "endpoint2".
 * @start, @bytes:	Physical addresses; 0 bytes: not in use.
 * @dpa_start, @dpa_bytes:	Device addresses.  Endpoints only.
 * @ways, @granularity_bytes:	Interleaving at this level; 0 unknown.
 * @memdev:	Endpoints only.
 * @region:	That it is part of.
 * @targets:	Switches and roots: the kernel's target_list.
 * @ram, @pmem:	Roots only: what regions the window takes.
 * @locked:	By the firmware.
 * @arithmetic:	Roots only.
 */
struct cxl_decoder {
	char name[CXL_NAME_BYTES];
	char port[CXL_NAME_BYTES];
	enum cxl_decoder_kind kind;
	enum cxl_mode mode;
	uint64_t start;
	uint64_t bytes;
	uint64_t dpa_start;
	uint64_t dpa_bytes;
	uint32_t ways;
	uint32_t granularity_bytes;
	int memdev;
	int region;
	char targets[64];
	bool ram;
	bool pmem;
	bool locked;
	enum cxl_arithmetic arithmetic;
};

/**
 * struct cxl_region - Device memory that is mapped to physical addresses.
 * @start, @bytes:	Physical addresses; 0 bytes: none yet.
 * @cache_bytes:	An extended linear cache: so much DRAM comes first in the region and
 *		is the cache of the rest.
 * @ways, @granularity_bytes:	Interleaving over all levels.
 * @targets:	Endpoint decoders, by position.
 * @root:	The root decoder whose window it lies in.
 * @committed:	The decoders are programmed.
 * @bound:	A driver has it.
 */
struct cxl_region {
	char name[CXL_NAME_BYTES];
	enum cxl_mode mode;
	uint64_t start;
	uint64_t bytes;
	uint64_t cache_bytes;
	uint32_t ways;
	uint32_t granularity_bytes;
	int targets[CXL_MAX_WAYS];
	int root;
	bool committed;
	bool bound;
};

/**
 * struct cxl_dax - A dax device: memory that can become a node's.
 * @driver:	"kmem": the kernel uses it as memory; "device_dax": programs may map it; "".
 * @region:	-1 when it is no CXL region's.
 * @node:	The node that its memory is, or would be; -1 unknown.
 */
struct cxl_dax {
	char name[CXL_NAME_BYTES];
	char driver[CXL_NAME_BYTES];
	uint64_t start;
	uint64_t bytes;
	int region;
	int node;
};

/**
 * struct cxl - Zeroed, it knows nothing.
 * @nr_left_out:	Objects beyond CXL_MAX_OBJECTS of their kind.
 * @cedt_err:	0, or why the CEDT was of no use: -ENOENT, -EACCES, -EBADMSG.
 */
struct cxl {
	size_t nr_memdevs;
	size_t nr_decoders;
	size_t nr_regions;
	size_t nr_daxes;
	struct cxl_memdev *memdevs;
	struct cxl_decoder *decoders;
	struct cxl_region *regions;
	struct cxl_dax *daxes;
	size_t nr_left_out;
	int cedt_err;
};

/*
 * Look at the machine; @cxl is replaced, and left alone on failure.  No CXL is no failure: nothing
 * is found. Return: 0 or -ENOMEM.
 */
int cxl_read(struct cxl *cxl, const struct thermo_host *host);

/* Accepts a zeroed one, and may be called twice. */
void cxl_fini(struct cxl *cxl);

/* Return: index or -1. */
int cxl_find_memdev(const struct cxl *cxl, const char *name);

/* The node that @region became: that of its dax devices; -1 when it is none. */
int cxl_region_node(const struct cxl *cxl, int region);

#endif
