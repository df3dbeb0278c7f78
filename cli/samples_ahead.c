// SPDX-License-Identifier: GPL-2.0-or-later
/* samples_ahead.c - see samples_ahead.h.  The two threads meet in a mutex once a batch. */
#include "cli/samples_ahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

#define NR_BATCHES 4u
#define BATCH 2048u

struct samples_ahead {
	struct samples *samples; /* the reader's */
	pthread_t reader;

	/* Below the mutex. */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool quit;
	uint64_t nr_read; /* batches, ever */
	uint64_t nr_used;
	bool is_used; /* the one before nr_used is the caller's */
	char error[512];

	int nr[NR_BATCHES]; /* as of samples_accesses() */
	struct thermo_access lists[NR_BATCHES][BATCH];
};

/* Return: the batch to fill, or -1 to end. */
static int wait_for_room(struct samples_ahead *a)
{
	int batch = -1;

	pthread_mutex_lock(&a->mutex);
	/* The caller's is not free yet. */
	while (!a->quit && a->nr_read - a->nr_used + a->is_used == NR_BATCHES)
		pthread_cond_wait(&a->changed, &a->mutex);
	if (!a->quit)
		batch = (int)(a->nr_read % NR_BATCHES);
	pthread_mutex_unlock(&a->mutex);
	return batch;
}

static void *read_all(void *arg)
{
	struct samples_ahead *a = arg;
	int batch, n = 1;

	(void)pthread_setname_np(pthread_self(), "read-ahead");
	while (n > 0 && (batch = wait_for_room(a)) >= 0) {
		n = samples_accesses(a->samples, a->lists[batch], BATCH);
		pthread_mutex_lock(&a->mutex);
		a->nr[batch] = n;
		if (n < 0)
			(void)snprintf(a->error, sizeof(a->error), "%s", thermo_last_error());
		a->nr_read++;
		pthread_cond_signal(&a->changed);
		pthread_mutex_unlock(&a->mutex);
	}
	return NULL;
}

int samples_ahead_new(struct samples_ahead **ahead, struct samples *samples)
{
	struct samples_ahead *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return thermo_fail(-ENOMEM, "samples: no memory to read ahead");
	a->samples = samples;
	(void)pthread_mutex_init(&a->mutex, NULL);
	(void)pthread_cond_init(&a->changed, NULL);
	err = pthread_create(&a->reader, NULL, read_all, a);
	if (err) {
		free(a);
		return thermo_fail(-err, "samples: cannot start a thread that reads: %s",
				   strerror(err));
	}
	*ahead = a;
	return 0;
}

int samples_ahead_next(struct samples_ahead *a, struct thermo_access **list)
{
	int batch, n;

	pthread_mutex_lock(&a->mutex);
	a->is_used = false;
	pthread_cond_signal(&a->changed);
	while (a->nr_used == a->nr_read)
		pthread_cond_wait(&a->changed, &a->mutex);
	batch = (int)(a->nr_used % NR_BATCHES);
	n = a->nr[batch];
	/* The last one stays, however often it is asked for. */
	if (n > 0) {
		a->nr_used++;
		a->is_used = true;
	}
	pthread_mutex_unlock(&a->mutex);
	*list = a->lists[batch];
	return n < 0 ? thermo_fail(n, "%s", a->error) : n;
}

void samples_ahead_free(struct samples_ahead *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->mutex);
	a->quit = true;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->mutex);
	(void)pthread_join(a->reader, NULL);
	(void)pthread_cond_destroy(&a->changed);
	(void)pthread_mutex_destroy(&a->mutex);
	free(a);
}
