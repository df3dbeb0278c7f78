/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_perf.h - perf events whose rings a test fills.
 *
 * An event is a memory file of a control page and a ring.  This header defines
 * ioctl(2), read(2) and poll(2) for the whole program, so include it once in a program and
 * nowhere else.  What is no event goes to the kernel.
 */
#ifndef TESTS_UNIT_SOURCES_FAKE_PERF_H
#define TESTS_UNIT_SOURCES_FAKE_PERF_H

#include <linux/perf_event.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tests/unit/fake_host.h"

#define FAKE_RING_BYTES 65536u
#define FAKE_MAX_EVENTS 1024

/* @output_fd: whose ring takes its records; -1: its own. */
struct fake_event {
	int fd;
	int cpu;
	bool enabled;
	uint64_t period;
	struct perf_event_attr attr;
	ino_t inode;
	pid_t pid;
	int group_fd;
	int output_fd;
	bool hung_up;
	uint64_t enabled_ns;
	uint64_t running_ns;
	uint64_t lost;
	uint64_t nr_disabled; /* times */
	uint64_t nr_enabled;
};

/* The id of an event is its index + 100. */
static struct fake_event fake_events[FAKE_MAX_EVENTS];
static int fake_nr_events;
static int fake_open_error; /* what perf_event_open(2) fails with, if not 0 */
/* Return: what it fails with this time, or 0. */
static int (*fake_refuse)(const struct perf_event_attr *attr, pid_t pid, int cpu);

/* Return: NULL when it is none, or was closed. */
static inline struct fake_event *fake_event_of(int fd)
{
	struct stat st;

	for (int i = fake_nr_events; i-- > 0;)
		if (fake_events[i].fd == fd && fstat(fd, &st) == 0 &&
		    st.st_ino == fake_events[i].inode)
			return &fake_events[i];
	return NULL;
}

static inline bool fake_is_open(int index)
{
	return fake_event_of(fake_events[index].fd) == &fake_events[index];
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
		e->enabled = true, e->nr_enabled++;
	else if (request == PERF_EVENT_IOC_DISABLE)
		e->enabled = false, e->nr_disabled++;
	else if (request == PERF_EVENT_IOC_PERIOD)
		e->period = *(uint64_t *)arg;
	else if (request == PERF_EVENT_IOC_SET_OUTPUT)
		e->output_fd = (int)(intptr_t)arg;
	return 0;
}

/* As the kernel: value, times, id, lost, as far as the event's read_format asks. */
ssize_t read(int fd, void *out, size_t bytes)
{
	const struct fake_event *e = fake_event_of(fd);
	uint64_t words[5], nr = 0;

	if (!e)
		return syscall(SYS_read, fd, out, bytes);
	words[nr++] = 0;
	if (e->attr.read_format & PERF_FORMAT_TOTAL_TIME_ENABLED)
		words[nr++] = e->enabled_ns;
	if (e->attr.read_format & PERF_FORMAT_TOTAL_TIME_RUNNING)
		words[nr++] = e->running_ns;
	if (e->attr.read_format & (1u << 4))
		words[nr++] = e->lost;
	if (bytes < nr * 8) {
		errno = ENOSPC;
		return -1;
	}
	memcpy(out, words, nr * 8);
	return (ssize_t)(nr * 8);
}

/*
 * One at a time is all that is needed.  By another name in C: glibc's prototype tells the
 * compiler that poll() does not read what it does read.
 */
int fake_poll(struct pollfd *fds, nfds_t nr, int timeout_ms) __asm__("poll");

int fake_poll(struct pollfd *fds, nfds_t nr, int timeout_ms)
{
	const struct fake_event *e = nr == 1 ? fake_event_of(fds[0].fd) : NULL;

	if (!e) {
		struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000l };

		return (int)syscall(SYS_ppoll, fds, nr, timeout_ms < 0 ? NULL : &timeout, NULL, 0);
	}
	fds[0].revents = e->hung_up ? POLLHUP : 0;
	return e->hung_up;
}

/* A cycle of the time stamp counter is half a nanosecond. */
static inline void fake_set_clock(int fd)
{
	struct perf_event_mmap_page page = { .cap_user_time = 1,
					     .time_mult = 512,
					     .time_shift = 10 };

	fake_check(pwrite(fd, &page, sizeof(page), 0) == sizeof(page), "pwrite");
}

static inline int fake_perf_open(struct fake_host *fake, struct perf_event_attr *attr, int cpu)
{
	int err = fake_open_error ? fake_open_error
		  : fake_refuse   ? fake_refuse(attr, fake->perf_pid, cpu)
				  : 0;
	struct stat st;

	if (err)
		return err;
	int fd = memfd_create("event", MFD_CLOEXEC);

	fake_check(fd >= 0 && ftruncate(fd, 4096 + FAKE_RING_BYTES) == 0 && fstat(fd, &st) == 0 &&
				   fake_nr_events < FAKE_MAX_EVENTS,
		   "memfd_create");
	fake_set_clock(fd);
	fake_events[fake_nr_events++] = (struct fake_event){
		.fd = fd,
		.cpu = cpu,
		.period = attr->sample_period,
		.attr = *attr,
		.inode = st.st_ino,
		.pid = fake->perf_pid,
		.group_fd = fake->perf_group_fd,
		.output_fd = -1,
	};
	return fd;
}

static inline void fake_perf_init(struct fake_host *fake)
{
	fake_nr_events = 0;
	fake_open_error = 0;
	fake_refuse = NULL;
	fake->perf_event_open = fake_perf_open;
}

/* The control page and ring of the event number @index; fake_unmap() it. */
static inline struct perf_event_mmap_page *fake_map(int index)
{
	void *map = mmap(NULL, 4096 + FAKE_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			 fake_events[index].fd, 0);

	fake_check(map != MAP_FAILED, "mmap");
	return map;
}

static inline void fake_unmap(struct perf_event_mmap_page *page)
{
	(void)munmap(page, 4096 + FAKE_RING_BYTES);
}

/* The kernel's side: append @record to the ring of event number @index. */
static inline void fake_put_record(int index, const void *record, size_t bytes)
{
	struct perf_event_mmap_page *page = fake_map(index);
	unsigned char *map = (unsigned char *)page;

	for (size_t i = 0; i < bytes; i++)
		map[4096 + (page->data_head + i) % FAKE_RING_BYTES] =
				((const unsigned char *)record)[i];
	page->data_head += bytes;
	fake_unmap(page);
}

#endif
