/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * samples_ahead.h - accesses of a file, of which the next are read while the last are used.
 *
 * A thread reads into some batches; nobody else may touch the samples meanwhile, and their
 * options must have no see().
 */
#ifndef CLI_SAMPLES_AHEAD_H
#define CLI_SAMPLES_AHEAD_H

#include "cli/samples.h"

struct samples_ahead;

/* Begin to read.  Return: 0 or -errno. */
int samples_ahead_new(struct samples_ahead **ahead, struct samples *samples);

/*
 * The next of them, as of samples_accesses(), at @list: the caller's until the next call.
 * Return: how many; 0 at the end; -errno, with the reason, where the file broke.
 */
int samples_ahead_next(struct samples_ahead *ahead, struct thermo_access **list);

/* End, also in the middle; the samples may be closed then.  Accepts NULL. */
void samples_ahead_free(struct samples_ahead *ahead);

#endif
