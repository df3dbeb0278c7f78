/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settings.h - kernel settings that we change for a while and put back.
 *
 * Each change is on disk, in /run/thermocline/settings.json, before it is made.
 * restore() undoes them in reverse order: on every orderly exit, and at the next
 * start after a kill -9.  A setting that somebody else has changed in between is
 * left as it is.  One daemon at a time: a lock is held from open to close.  Sources
 * change settings from their threads: a mutex keeps them apart.
 */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include <pthread.h>
#include <stdbool.h>

#include "core/host.h"

#define THERMO_RUN_DIR "run/thermocline"
#define THERMO_MAX_CHANGES 64

struct thermo_setting_change {
	char path[192];
	char old_value[64];
	char new_value[64];
	/* If set: undo only while this file reads so, for things that have an owner. */
	char guard_path[192];
	char guard_value[64];
};

struct thermo_settings {
	const struct thermo_host *host;
	int lock_fd; /* -1: not open */
	pthread_mutex_t mutex;
	unsigned int nr_changes;
	struct thermo_setting_change changes[THERMO_MAX_CHANGES];
};

/*
 * Take the lock and put back what a killed daemon left.  @nr_left: how many
 * settings that were, may be NULL.  Return: 0; -EBUSY when another daemon holds
 * the lock; -errno.
 */
int thermo_settings_open(struct thermo_settings *settings, const struct thermo_host *host,
			 unsigned int *nr_left);

/*
 * Record, then write @value to the file @path.  No change when it reads so already.
 * A second change of the same file still goes back to its first value.
 */
int thermo_settings_change(struct thermo_settings *settings, const char *path, const char *value);

/* Undo the change of @path only while @guard_path reads as it does now. */
int thermo_settings_guard(struct thermo_settings *settings, const char *path,
			  const char *guard_path);

/* Undo all changes down to the first @keep.  Return: 0, or the first -errno; all are tried. */
int thermo_settings_restore(struct thermo_settings *settings, unsigned int keep);

/* Restore everything and let go of the lock.  Accepts a zeroed or failed one. */
int thermo_settings_close(struct thermo_settings *settings);

#endif
