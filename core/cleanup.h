/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cleanup.h - locals that die with their scope. */
#ifndef CORE_CLEANUP_H
#define CORE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <dirent.h>
#include <unistd.h>

static inline void close_fdp(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void freep(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}

static inline void closedirp(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static inline void fclosep(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

#define AUTO_CLOSE __attribute__((cleanup(close_fdp)))
#define AUTO_FREE __attribute__((cleanup(freep)))
#define AUTO_CLOSEDIR __attribute__((cleanup(closedirp)))
#define AUTO_FCLOSE __attribute__((cleanup(fclosep)))

/* Hand the descriptor to the caller: it outlives this scope. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
