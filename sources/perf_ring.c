// SPDX-License-Identifier: GPL-2.0-or-later
/* perf_ring.c - read the kernel's ring; nothing in it is believed before it is checked. */
#include "sources/perf_ring.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/error.h"

static void copy_out(const struct perf_ring *ring, uint64_t at, void *out, size_t bytes)
{
	uint64_t offset = at & (ring->data_bytes - 1);
	size_t until_wrap = ring->data_bytes - offset < bytes ? ring->data_bytes - offset : bytes;

	memcpy(out, ring->data + offset, until_wrap);
	if (until_wrap == bytes)
		return;
	memcpy((unsigned char *)out + until_wrap, ring->data, bytes - until_wrap);
}

int perf_ring_next(struct perf_ring *ring, void *record, size_t record_bytes)
{
	struct perf_event_header header;
	/*
	 * acquire: pairs with the kernel's barrier before it stores data_head, so the
	 * records below head are written.
	 */
	uint64_t head = __atomic_load_n(ring->head, __ATOMIC_ACQUIRE);
	uint64_t tail = *ring->tail; /* plain: only we write it */

	if (head == tail)
		return 0;
	if (head - tail < sizeof(header) || head - tail > ring->data_bytes)
		return thermo_fail(-EBADMSG, "perf ring: head %#" PRIx64 " tail %#" PRIx64, head,
				   tail);
	copy_out(ring, tail, &header, sizeof(header));
	if (header.size < sizeof(header) || header.size > head - tail)
		return thermo_fail(-EBADMSG, "perf ring: record of %u bytes at %#" PRIx64,
				   header.size, tail);
	if (header.size > record_bytes)
		return thermo_fail(-ENOBUFS, "perf ring: record of %u bytes, room for %zu",
				   header.size, record_bytes);
	copy_out(ring, tail, record, header.size);
	/*
	 * release: pairs with the kernel's read of data_tail; our reads of the record
	 * end before it may write over them.
	 */
	__atomic_store_n(ring->tail, tail + header.size, __ATOMIC_RELEASE);
	return header.size;
}

int perf_ring_init(struct perf_ring *ring, void *map, size_t map_bytes, const char *what)
{
	struct perf_event_mmap_page *page = map;
	uint64_t offset, bytes;

	if (map_bytes < sizeof(*page))
		return thermo_fail(-EBADMSG, "%s: ring of %zu bytes", what, map_bytes);
	offset = page->data_offset;
	bytes = page->data_size;
	if (offset < sizeof(*page) || offset % sizeof(uint64_t) || offset > map_bytes ||
	    bytes > map_bytes - offset || bytes < sizeof(struct perf_event_header) ||
	    (bytes & (bytes - 1)))
		return thermo_fail(-EBADMSG,
				   "%s: ring of %zu bytes with %" PRIu64 " of data at %" PRIu64,
				   what, map_bytes, bytes, offset);
	*ring = (struct perf_ring){
		.data = (const unsigned char *)map + offset,
		.data_bytes = bytes,
		.head = (const uint64_t *)&page->data_head,
		.tail = (uint64_t *)&page->data_tail,
	};
	return 0;
}

static int open_failed(int err, const char *what, int cpu)
{
	const char *hint = err == -EACCES || err == -EPERM
					   ? ": needs CAP_PERFMON, or CAP_SYS_ADMIN where "
					     "kernel.perf_event_paranoid is 3"
			   : err == -ENOSYS ? ": a container's seccomp profile may forbid it"
			   : err == -EMFILE ? ": raise the limit of open files (ulimit -n)"
			   : err == -ENOENT || err == -ENODEV ? ": this kernel does not offer it"
							      : "";

	return thermo_fail(err, "%s: perf_event_open on CPU %d: %s%s", what, cpu, strerror(-err),
			   hint);
}

int perf_event_fd_open_at(struct perf_event_fd *event, const struct thermo_host *host,
			  struct perf_event_attr *attr, const struct perf_event_place *place,
			  const char *what)
{
	int fd = host->ops->perf_event_open(host, attr, place->pid, place->cpu, place->group_fd);

	*event = (struct perf_event_fd){ .fd = fd };
	if (fd < 0)
		return open_failed(fd, what, place->cpu);
	if (ioctl(fd, PERF_EVENT_IOC_ID, &event->id) < 0)
		return thermo_fail(-errno, "%s: id of the event on CPU %d: %s", what, place->cpu,
				   strerror(errno));
	return 0;
}

int perf_event_fd_map(struct perf_event_fd *event, size_t buffer_bytes, int cpu, const char *what)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);

	event->map_bytes = page_bytes + buffer_bytes;
	void *map = mmap(NULL, event->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, event->fd, 0);

	if (map == MAP_FAILED)
		return thermo_fail(-errno, "%s: ring of %zu bytes on CPU %d: %s%s", what,
				   buffer_bytes, cpu, strerror(errno),
				   errno == EPERM ? ": raise the memlock limit or run with "
						    "CAP_IPC_LOCK"
						  : "");
	struct perf_event_mmap_page *page = map;

	event->map = map;
	event->ring = (struct perf_ring){
		.data = (const unsigned char *)map + page_bytes,
		.data_bytes = buffer_bytes,
		.head = (const uint64_t *)&page->data_head,
		.tail = (uint64_t *)&page->data_tail,
	};
	return 0;
}

int perf_event_fd_redirect(struct perf_event_fd *event, int fd, int cpu, const char *what)
{
	if (ioctl(event->fd, PERF_EVENT_IOC_SET_OUTPUT, fd) < 0)
		return thermo_fail(-errno, "%s: sharing the ring of CPU %d: %s", what, cpu,
				   strerror(errno));
	return 0;
}

int perf_event_fd_open(struct perf_event_fd *event, const struct thermo_host *host,
		       struct perf_event_attr *attr, int cpu, size_t buffer_bytes, const char *what)
{
	int err = perf_event_fd_open_at(event, host, attr,
					&(struct perf_event_place){ -1, cpu, -1 }, what);

	return err ? err : perf_event_fd_map(event, buffer_bytes, cpu, what);
}

int perf_event_fd_open_into(struct perf_event_fd *event, const struct perf_event_fd *leader,
			    const struct thermo_host *host, struct perf_event_attr *attr, int cpu,
			    const char *what)
{
	int err = perf_event_fd_open_at(event, host, attr,
					&(struct perf_event_place){ -1, cpu, -1 }, what);

	return err ? err : perf_event_fd_redirect(event, leader->fd, cpu, what);
}

int perf_event_fd_count(const struct perf_event_fd *event, uint64_t read_format,
			struct perf_event_count *count)
{
	uint64_t words[5];
	ssize_t bytes = read(event->fd, words, sizeof(words));
	struct perf_cursor c = { (const unsigned char *)words, bytes > 0 ? (uint64_t)bytes : 0,
				 false, false };

	if (bytes < 0)
		return thermo_fail(-errno, "perf event: reading its count: %s", strerror(errno));
	struct perf_read r = perf_take_read(&c, read_format);

	/* The kernel says 0 bytes of an event that is in error: pinned and without a counter. */
	if (c.short_of_data)
		return thermo_fail(-EBADMSG, "perf event: a count of %zd bytes", bytes);
	*count = (struct perf_event_count){ r.single.value, r.time_enabled_ns, r.time_running_ns,
					    r.single.lost };
	return 0;
}

int perf_event_fd_enable(struct perf_event_fd *event)
{
	if (ioctl(event->fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
		return thermo_fail(-errno, "perf event: enabling: %s", strerror(errno));
	return 0;
}

int perf_event_fd_disable(struct perf_event_fd *event)
{
	if (ioctl(event->fd, PERF_EVENT_IOC_DISABLE, 0) < 0)
		return thermo_fail(-errno, "perf event: disabling: %s", strerror(errno));
	return 0;
}

int perf_event_fd_set_period(struct perf_event_fd *event, uint64_t period)
{
	if (ioctl(event->fd, PERF_EVENT_IOC_PERIOD, &period) < 0)
		return thermo_fail(-errno, "perf event: period %" PRIu64 ": %s", period,
				   strerror(errno));
	return 0;
}

void perf_event_fd_close(struct perf_event_fd *event)
{
	if (event->map)
		(void)munmap(event->map, event->map_bytes);
	if (event->fd > 0)
		(void)close(event->fd);
	*event = (struct perf_event_fd){ .fd = -1 };
}
