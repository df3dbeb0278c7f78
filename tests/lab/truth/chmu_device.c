// SPDX-License-Identifier: GPL-2.0-or-later
/* chmu_device.c - see chmu_device.h. */
#include "tests/lab/truth/chmu_device.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* How long a driver's store waits at most, most of the time. */
#define STEP_NS 200000L

struct vchmu chmu_device;

static const char *path;
static struct vchmu_options options = { .nr_entries = 4096,
					.counter_bits = 16,
					.min_epoch_ms = 10 };
static pthread_t thread;
static bool stopping;

bool chmu_device_argument(const char *argument)
{
	if (strncmp(argument, "chmu=", 5) == 0) {
		path = argument + 5;
		return true;
	}
	return sscanf(argument, "chmu-entries=%" SCNu32, &options.nr_entries) == 1 ||
	       sscanf(argument, "chmu-counters=%" SCNu32, &options.nr_counters) == 1 ||
	       sscanf(argument, "chmu-loss=%" SCNu32, &options.loss_permille) == 1 ||
	       sscanf(argument, "chmu-width=%" SCNu32, &options.counter_bits) == 1 ||
	       sscanf(argument, "chmu-epoch=%" SCNu32, &options.min_epoch_ms) == 1;
}

bool chmu_device_add(uint64_t start, uint64_t end)
{
	uint32_t nr = options.nr_windows;
	struct vchmu_window *w = &options.windows[nr];

	if (nr == VCHMU_WINDOWS_MAX)
		return false;
	*w = (struct vchmu_window){ .hpa = start, .bytes = end - start };
	if (nr)
		w->dpa = w[-1].dpa + w[-1].bytes;
	options.nr_windows++;
	return true;
}

static void *work(void *unused)
{
	const struct timespec pause = { .tv_nsec = STEP_NS };
	struct timespec now;

	(void)unused;
	/* relaxed: what else there is to see, joining orders. */
	while (!__atomic_load_n(&stopping, __ATOMIC_RELAXED)) {
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		vchmu_step(&chmu_device, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
		(void)nanosleep(&pause, NULL);
	}
	return NULL;
}

int chmu_device_start(void)
{
	int err;

	if (!path)
		return 0;
	err = vchmu_open(&chmu_device, path, &options);
	if (!err)
		err = -pthread_create(&thread, NULL, work, NULL);
	if (err)
		fprintf(stderr, "truth: the virtual CHMU's memory %s: %s\n", path, strerror(-err));
	return err;
}

void chmu_device_stop(void)
{
	if (!chmu_device.page)
		return;
	/* relaxed: see work(). */
	__atomic_store_n(&stopping, true, __ATOMIC_RELAXED);
	(void)pthread_join(thread, NULL);
	fprintf(stderr,
		"truth: virtual CHMU: %" PRIu64 " epochs, %" PRIu64 " entries listed, %" PRIu64
		" dropped\n",
		chmu_device.page->nr_epochs, chmu_device.page->nr_listed,
		chmu_device.page->nr_dropped);
}
