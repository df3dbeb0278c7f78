/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshots.h - what an observer in the guest said, and when.
 *
 * Two forms are read.  Ours: JSON objects, one after the other,
 *
 *	{ "uptime_s": SECONDS, "snapshot": what "thermocline ctl --format json regions" prints }
 *
 * where the snapshot may be null: there was none.  DAMON's: the kernel's trace as text, with a
 * clock that counts as CLOCK_MONOTONIC, and damos_before_apply events of one scheme; the regions of
 * one application ascend.
 */
#ifndef ACCURACY_SNAPSHOTS_H
#define ACCURACY_SNAPSHOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SNAPSHOT_KEYS = 8 };

struct snapshot_share {
	uint32_t key;
	double share;
};

/* Unused shares are 0, as is all that the observer does not tell. */
struct snapshot_region {
	uint64_t start; /* bytes */
	uint64_t end;
	double heat; /* accesses, or looks that found one, by byte */
	double accesses;
	bool is_assumed; /* by the mean of its process: nothing was seen there yet */
	double reads;
	double writes;
	struct snapshot_share cpus[SNAPSHOT_KEYS];
	struct snapshot_share threads[SNAPSHOT_KEYS];
};

struct snapshot {
	double time_s; /* the guest's */
	size_t first;  /* of its regions */
	size_t nr_regions;
};

/* Zeroed is empty. */
struct snapshots {
	struct snapshot *list;
	size_t nr;
	size_t room;
	struct snapshot_region *regions; /* of all snapshots */
	size_t nr_regions;
	size_t regions_room;
};

/* Return: 0, -EBADMSG for what is neither form, -ENOMEM. */
int snapshots_parse(struct snapshots *snapshots, const char *text);
int snapshots_read(struct snapshots *snapshots, const char *path);
void snapshots_fini(struct snapshots *snapshots);

#endif
