/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perf_aux.h - the second ring of a perf event, which hardware fills (Arm SPE, a CXL
 * hotness unit): bytes without frames, whose meaning is the PMU's.
 *
 * The kernel writes at aux_head, we read at aux_tail; both run freely.  Mapped read-only
 * it is overwritten without regard to the tail, and holds the newest bytes: pause the
 * event while reading.  PERF_RECORD_AUX in the event's own ring tells what landed, and
 * what is wrong with it.
 */
#ifndef SOURCES_PERF_AUX_H
#define SOURCES_PERF_AUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sources/perf_ring.h"

/**
 * struct perf_aux - Head and tail are pointers, so that it reads recorded bytes as well.
 * @data_bytes:	A power of two.
 * @tail:	Of an overwritten ring our own business, and never the kernel's.
 * @overwritten_bytes:	What an overwritten ring lost before it was read.
 * @nr_truncated:	AUX records that say that the ring was full.
 * @nr_gaps:	AUX records that say that something is missing within.
 * @nr_collisions:	AUX records that say that samples met.
 */
struct perf_aux {
	const unsigned char *data;
	uint64_t data_bytes;
	const uint64_t *head;
	uint64_t *tail;
	bool overwrite;
	uint64_t overwritten_bytes;
	uint64_t nr_truncated;
	uint64_t nr_gaps;
	uint64_t nr_collisions;
	void *map;
	uint64_t private_tail;
};

/*
 * Map the AUX ring of @event, which has a ring already; @bytes: a power of two of pages.
 * @what names the event in errors.  After a failure perf_aux_close() is still called.
 * @aux must stay where it is until then.
 */
int perf_aux_open(struct perf_aux *aux, struct perf_event_fd *event, size_t bytes, bool overwrite,
		  const char *what);
void perf_aux_close(struct perf_aux *aux);

/*
 * Copy the oldest bytes, at most @max, to @out and release their space.  Return: how
 * many; -EBADMSG when head and tail cannot be.
 */
ssize_t perf_aux_read(struct perf_aux *aux, void *out, size_t max);

/* Count what a PERF_RECORD_AUX says.  Return: whether its bytes are without fault. */
bool perf_aux_count(struct perf_aux *aux, const struct perf_aux_landed *landed);

#endif
