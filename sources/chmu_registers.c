// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * chmu_registers.c - a hotness unit that no kernel driver has, driven through its registers.
 *
 * Only when the user says so (--chmu-registers): a register is nothing that two can share.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cxl.h"
#include "core/error.h"
#include "sources/chmu_left.h"
#include "sources/chmu_pci.h"
#include "sources/chmu_unit.h"
#include "sources/chmu_watch.h"

/* As many entries are copied at a time; a drain takes all that a hotlist can hold. */
#define BATCH 512u
#define DRAIN_BATCHES 256u

struct registers {
	const struct thermo_host *host;
	struct chmu_pci_map map;
	struct chmu_unit unit;
	bool noted;
};

static void registers_stop(void *state)
{
	struct registers *r = state;
	int err;

	if (!r->noted)
		return;
	err = chmu_unit_stop(&r->unit);
	/* Who is unplugged does not run.  Who does not answer is tried again at the next start. */
	if (err == 0 || err == -ENODEV)
		chmu_left_forget(r->host, &r->map.block, r->unit.index);
	r->noted = false;
}

static int registers_start(void *state, struct chmu_config *config)
{
	struct registers *r = state;
	int err = chmu_unit_fit(&r->unit, config);

	if (!err && !r->noted)
		err = chmu_left_note(r->host, &r->map.block, r->unit.index);
	if (err)
		return err;
	r->noted = true;
	err = chmu_unit_start(&r->unit, config);
	*config = r->unit.config;
	return err;
}

static int registers_drain(void *state, chmu_hot_fn take, void *data, struct chmu_found *found)
{
	struct registers *r = state;
	uint64_t entries[BATCH];
	struct chmu_drained drained = { .more = true };
	struct chmu_hot hot;

	for (unsigned int i = 0; i < DRAIN_BATCHES && drained.more; i++) {
		int err = chmu_unit_drain(&r->unit, entries, BATCH, &drained);

		if (err)
			return err;
		found->overflow |= drained.overflow;
		found->nr_lost += drained.overflow;
		for (size_t e = 0; e < drained.nr; e++)
			if (chmu_entry_decode(entries[e], r->unit.counter_bits,
					      r->unit.config.unit_log2, &hot))
				take(data, &hot);
			else
				found->nr_bad++;
	}
	return 0;
}

static void registers_close(void *state)
{
	struct registers *r = state;

	registers_stop(r);
	chmu_pci_unmap(&r->map);
}

static const struct chmu_way registers_way = {
	.name = "registers",
	.can_tune = true,
	.start = registers_start,
	.drain = registers_drain,
	.stop = registers_stop,
	.close = registers_close,
};

static void set_limits(const struct registers *r, struct chmu_limits *limits)
{
	const struct chmu_caps *caps = &r->unit.caps;

	*limits = (struct chmu_limits){
		.hotlist_entries = caps->hotlist_entries - 1,
		.unit_log2s = caps->unit_log2s,
		.downsampling_log2s = caps->downsampling_log2s,
		.min_epoch_ns = caps->min_epoch_ns,
		.max_epoch_ns = caps->max_epoch_ns,
		/* The counters' width is known once the granule is: start lowers it. */
		.max_threshold = UINT32_MAX,
	};
}

/* One that runs is our own, of a daemon that was killed, or somebody's. */
static int check_idle(const struct registers *r)
{
	int enabled = chmu_unit_is_enabled(&r->unit);

	if (enabled <= 0)
		return enabled;
	if (chmu_left_is_noted(r->host, &r->map.block, r->unit.index))
		return 0;
	return thermo_fail(-EBUSY,
			   "chmu: %s: instance %u is enabled, and not by us: who enabled it "
			   "should stop it first",
			   r->map.block.device, r->unit.index);
}

/* The first instance that is free and counts what is wanted. */
static int choose_instance(struct registers *r, uint8_t op)
{
	struct chmu_block header;
	int err = chmu_block_read(&r->map.io, &header);

	for (unsigned int i = 0; !err && i < header.nr_instances; i++) {
		struct chmu_config config = {
			.request = op == THERMO_OP_READ    ? CHMU_REQUEST_READ
				   : op == THERMO_OP_WRITE ? CHMU_REQUEST_WRITE
							   : CHMU_REQUEST_ALL,
			.unit_log2 = 12,
		};

		err = chmu_unit_open(&r->unit, &r->map.io, &header, i);
		if (!err)
			err = check_idle(r);
		if (!err)
			err = chmu_unit_fit(&r->unit, &config);
		if (!err)
			return 0;
		/* The next may do; if none does, the last one says why. */
		if (i + 1 < header.nr_instances)
			err = 0;
	}
	return err;
}

/* "" when the kernel has made no memory device of it. */
static void find_memdev(const struct thermo_host *host, const char *device,
			char memdev[CXL_NAME_BYTES])
{
	struct cxl cxl = { 0 };

	memdev[0] = '\0';
	if (cxl_read(&cxl, host) == 0)
		for (size_t i = 0; i < cxl.nr_memdevs; i++)
			if (strcmp(cxl.memdevs[i].address, device) == 0)
				(void)snprintf(memdev, CXL_NAME_BYTES, "%.31s",
					       cxl.memdevs[i].name);
	cxl_fini(&cxl);
}

static int open_map(const struct registers *r, struct chmu_watch *watch)
{
	char memdev[CXL_NAME_BYTES];
	int err;

	if (r->map.block.is_virtual) {
		/* Copied once: what was checked is what is used. */
		struct vchmu_page page = *chmu_pci_virtual_page(&r->map);

		if (page.version != VCHMU_VERSION)
			return thermo_fail(-EOPNOTSUPP, "chmu: %s: version %u of the lab's device",
					   r->map.block.device, page.version);
		return chmu_map_windows(&watch->map, page.windows, page.nr_windows);
	}
	find_memdev(r->host, r->map.block.device, memdev);
	err = chmu_pci_check_owner(r->host, r->map.block.device, memdev);
	if (!err && !memdev[0])
		err = thermo_fail(-ENODEV,
				  "chmu: %s: the kernel has no CXL memory device of it: its "
				  "addresses mean nothing",
				  r->map.block.device);
	return err ? err : chmu_map_open(&watch->map, r->host, memdev);
}

static int open_block(const struct thermo_source_opts *opts, const struct chmu_pci_block *block,
		      struct chmu_watch *watch)
{
	struct registers *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return thermo_fail(-ENOMEM, "chmu: no memory");
	*watch = (struct chmu_watch){ .way = &registers_way, .state = r, .host = opts->host };
	(void)snprintf(watch->name, sizeof(watch->name), "%.31s", block->device);
	r->host = opts->host;
	err = chmu_pci_map(&r->map, opts->host, block);
	if (!err)
		err = open_map(r, watch);
	if (!err)
		err = choose_instance(r, opts->chmu_count);
	if (!err)
		set_limits(r, &watch->limits);
	return err;
}

static bool is_same_device(const struct chmu_watch *watches, int nr, const char *device)
{
	for (int i = 0; i < nr; i++)
		if (strcmp(watches[i].name, device) == 0)
			return true;
	return false;
}

int chmu_registers_open(const struct thermo_source_opts *opts, struct chmu_watch *watches, int max,
			bool probe)
{
	struct chmu_pci_block blocks[CHMU_BLOCKS_MAX];
	int nr = 0, err = 0, nr_blocks = chmu_pci_find(opts->host, blocks);

	if (nr_blocks <= 0)
		return nr_blocks;
	if (!opts->chmu_registers)
		return thermo_fail(-EPERM,
				   "chmu: the kernel has no driver for the hotness unit of %s: "
				   "--chmu-registers drives it from here",
				   blocks[0].device);
	for (int i = 0; i < nr_blocks && nr < max; i++) {
		/* Two units of a device see the same accesses. */
		if (is_same_device(watches, nr, blocks[i].device))
			continue;
		err = open_block(opts, &blocks[i], &watches[nr]);
		if (err)
			chmu_watch_close(&watches[nr]);
		else
			nr++;
	}
	for (int i = 0; probe && i < nr; i++)
		chmu_watch_close(&watches[i]);
	return nr ? nr : err;
}
