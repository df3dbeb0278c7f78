// SPDX-License-Identifier: GPL-2.0-or-later
/* chmu_guard.c - see chmu_guard.h.  Any thread adds and removes; the handler only reads. */
#include "sources/chmu_guard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "core/error.h"

#define MAX_MAPS 16

struct guarded {
	uintptr_t start; /* 0: free */
	size_t bytes;
};

static struct guarded maps[MAX_MAPS];
static struct sigaction before;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Return: 0 when @addr is in none. */
static uintptr_t map_of(uintptr_t addr, size_t *bytes)
{
	for (size_t i = 0; i < MAX_MAPS; i++) {
		/* acquire, pairs with the release of whoever added it: its size is there. */
		uintptr_t start = __atomic_load_n(&maps[i].start, __ATOMIC_ACQUIRE);

		if (start && addr - start < maps[i].bytes) {
			*bytes = maps[i].bytes;
			return start;
		}
	}
	return 0;
}

/* What it calls are system calls that a handler may make, and memset(). */
static void on_bus_error(int signal, siginfo_t *info, void *context)
{
	int saved = errno;
	size_t bytes = 0;
	uintptr_t start = map_of((uintptr_t)info->si_addr, &bytes);
	void *place = (void *)start;

	(void)signal, (void)context;
	if (start && mmap(place, bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == place)
		memset(place, 0xff, bytes);
	else
		/* None of ours: it happens again, to whoever had the signal before. */
		(void)sigaction(SIGBUS, &before, NULL);
	errno = saved;
}

/* Anew where somebody has put another in its place. */
static int install(void)
{
	struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO }, now;

	(void)sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, NULL, &now) == 0 && now.sa_sigaction == on_bus_error)
		return 0;
	if (sigaction(SIGBUS, &action, &before) < 0)
		return thermo_fail(-errno, "chmu: sigaction: %s", strerror(errno));
	return 0;
}

static int add(void *map, size_t bytes)
{
	for (size_t i = 0; i < MAX_MAPS; i++) {
		if (maps[i].start)
			continue;
		maps[i].bytes = bytes;
		/* release, pairs with the handler's acquire. */
		__atomic_store_n(&maps[i].start, (uintptr_t)map, __ATOMIC_RELEASE);
		return 0;
	}
	return thermo_fail(-E2BIG, "chmu: more than %d units are mapped", MAX_MAPS);
}

int chmu_guard_add(void *map, size_t bytes)
{
	int err;

	(void)pthread_mutex_lock(&lock);
	err = install();
	if (!err)
		err = add(map, bytes);
	(void)pthread_mutex_unlock(&lock);
	return err;
}

void chmu_guard_remove(const void *map)
{
	(void)pthread_mutex_lock(&lock);
	for (size_t i = 0; map && i < MAX_MAPS; i++)
		if (maps[i].start == (uintptr_t)map)
			/* release: whatever comes to this place later is not taken for it. */
			__atomic_store_n(&maps[i].start, (uintptr_t)0, __ATOMIC_RELEASE);
	(void)pthread_mutex_unlock(&lock);
}
