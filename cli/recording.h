/* SPDX-License-Identifier: GPL-2.0-or-later */
/* recording.h - a daemon's snapshots as a recording, and how to get at one. */
#ifndef CLI_RECORDING_H
#define CLI_RECORDING_H

#include <stdio.h>

#include "cli/daemon.h"
#include "core/record.h"

/*
 * Begin a recording of what @daemon sees on @fd.  @what: what was asked for, for
 * people.  Return: 0 or -errno.
 */
int recording_start(struct record_writer **writer, int fd, const struct daemon *daemon,
		    const char *what);

/* A whole recording of the newest snapshot, if there is one, on @fd.  Return: 0 or -errno. */
int recording_write_newest(int fd, const struct daemon *daemon);

/* Ask the running daemon for one.  The caller closes *@file.  Return: 0 or -errno. */
int recording_ask(const struct thermo_host *host, FILE **file);

#endif
