/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settings.h - kernel settings that we change for a while and put back.
 *
 * Each change is on disk, in /run/thermocline/settings.json, before it is made.
 * restore() undoes them in reverse order: on every orderly exit, and at the next
 * start after a kill -9.  A setting that somebody else has changed in between is
 * left as it is.  One daemon at a time: a lock is held from open to close.  Sources
 * change settings from their threads: a mutex keeps them apart.
 *
 * Each source changes settings through a handle of its own, so that what it changed
 * goes back when it ends while others go on.
 */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include <pthread.h>
#include <stdbool.h>

#include "core/host.h"

#define THERMO_RUN_DIR "run/thermocline"
#define THERMO_MAX_CHANGES 64
#define THERMO_MAX_TAKEN 16

struct thermo_setting_change {
	char path[192];
	char old_value[64];
	char new_value[64];
	/* If set: undo only while this file reads so, for things that have an owner. */
	char guard_path[192];
	char guard_value[64];
	unsigned int user; /* which handle; 0: none, or one that is gone */
};

/* A setting that somebody else took over while we had it changed. */
struct thermo_setting_taken {
	char path[192];
	char value[64];
};

/**
 * struct thermo_settings - All settings that are changed, or a handle of one who does.
 * @all:	Of a handle: whose changes these are; else NULL.
 * @user:	Of a handle: its number, not 0.
 * @lock_fd:	-1: not open.
 * @taken:	The oldest is forgotten when there are too many.
 */
struct thermo_settings {
	const struct thermo_host *host;
	struct thermo_settings *all;
	unsigned int user;
	int lock_fd;
	pthread_mutex_t mutex;
	unsigned int nr_changes;
	unsigned int nr_taken;
	struct thermo_setting_change changes[THERMO_MAX_CHANGES];
	struct thermo_setting_taken taken[THERMO_MAX_TAKEN];
};

/*
 * Take the lock and put back what a killed daemon left.  @nr_left: how many
 * settings that were, may be NULL.  Return: 0; -EBUSY when another daemon holds
 * the lock; -errno.
 */
int thermo_settings_open(struct thermo_settings *settings, const struct thermo_host *host,
			 unsigned int *nr_left);

/* Make @handle the one of @user, not 0, of @all: what is changed through it goes back alone. */
void thermo_settings_share(struct thermo_settings *handle, struct thermo_settings *all,
			   unsigned int user);

/*
 * Record, then write @value to the file @path.  No change when it reads so already.
 * A second change of the same file still goes back to its first value.  Return: 0; -EBUSY
 * when another user has changed it, or somebody else took it, see thermo_settings_check();
 * -errno.
 */
int thermo_settings_change(struct thermo_settings *settings, const char *path, const char *value);

/* Whether @path may be changed: -EBUSY while somebody else has it, see thermo_settings_check(). */
int thermo_settings_may_change(struct thermo_settings *settings, const char *path);

/* Undo the change of @path only while @guard_path reads as it does now. */
int thermo_settings_guard(struct thermo_settings *settings, const char *path,
			  const char *guard_path);

/*
 * Whether the file @path, if it was changed through here, still reads as it was written.
 * If not, somebody else has it now: it is theirs, and not changed again until it reads
 * otherwise.  Return: 0; -EBUSY, with what was done to it; -errno when it cannot be read.
 */
int thermo_settings_check(struct thermo_settings *settings, const char *path);

/*
 * Undo all changes down to the first @keep.  Of a handle: all that were made through it,
 * @keep 0; what cannot be reached then, because a file system is not mounted say, is tried
 * again by thermo_settings_close().  Return: 0, or the first -errno; all are tried.
 */
int thermo_settings_restore(struct thermo_settings *settings, unsigned int keep);

/* Restore everything and let go of the lock.  Accepts a zeroed or failed one. */
int thermo_settings_close(struct thermo_settings *settings);

#endif
