/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_perf.h - perf events whose rings a test fills.
 *
 * An event is a memory file of a control page and a ring.  This header defines
 * ioctl(2) for the whole program, so include it once in a program and nowhere else.
 */
#ifndef TESTS_UNIT_SOURCES_FAKE_PERF_H
#define TESTS_UNIT_SOURCES_FAKE_PERF_H

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "tests/unit/fake_host.h"

#define FAKE_RING_BYTES 65536u
#define FAKE_MAX_EVENTS 32

struct fake_event {
	int fd;
	int cpu;
	bool enabled;
	uint64_t period;
	struct perf_event_attr attr;
};

/* The id of an event is its index + 100. */
static struct fake_event fake_events[FAKE_MAX_EVENTS];
static int fake_nr_events;
static int fake_open_error; /* what perf_event_open(2) fails with, if not 0 */

static inline struct fake_event *fake_event_of(int fd)
{
	for (int i = fake_nr_events; i-- > 0;)
		if (fake_events[i].fd == fd)
			return &fake_events[i];
	return NULL;
}

int ioctl(int fd, unsigned long request, ...)
{
	struct fake_event *e = fake_event_of(fd);
	va_list ap;

	va_start(ap, request);
	void *arg = va_arg(ap, void *);
	va_end(ap);
	if (!e) {
		errno = ENOTTY;
		return -1;
	}
	if (request == PERF_EVENT_IOC_ID)
		*(uint64_t *)arg = (uint64_t)(e - fake_events) + 100;
	else if (request == PERF_EVENT_IOC_ENABLE)
		e->enabled = true;
	else if (request == PERF_EVENT_IOC_PERIOD)
		e->period = *(uint64_t *)arg;
	return 0;
}

static inline int fake_perf_open(struct fake_host *fake, struct perf_event_attr *attr, int cpu)
{
	(void)fake;
	if (fake_open_error)
		return fake_open_error;
	int fd = memfd_create("event", MFD_CLOEXEC);

	fake_check(fd >= 0 && ftruncate(fd, 4096 + FAKE_RING_BYTES) == 0 &&
				   fake_nr_events < FAKE_MAX_EVENTS,
		   "memfd_create");
	fake_events[fake_nr_events++] =
			(struct fake_event){ fd, cpu, false, attr->sample_period, *attr };
	return fd;
}

static inline void fake_perf_init(struct fake_host *fake)
{
	fake_nr_events = 0;
	fake_open_error = 0;
	fake->perf_event_open = fake_perf_open;
}

/* The kernel's side: append @record to the ring of event number @index. */
static inline void fake_put_record(int index, const void *record, size_t bytes)
{
	unsigned char *map = mmap(NULL, 4096 + FAKE_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
				  fake_events[index].fd, 0);

	fake_check(map != MAP_FAILED, "mmap");
	struct perf_event_mmap_page *page = (void *)map;

	for (size_t i = 0; i < bytes; i++)
		map[4096 + (page->data_head + i) % FAKE_RING_BYTES] =
				((const unsigned char *)record)[i];
	page->data_head += bytes;
	(void)munmap(map, 4096 + FAKE_RING_BYTES);
}

#endif
