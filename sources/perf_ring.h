/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perf_ring.h - the kernel's ring of perf records; perf_record.h says what is in them.
 *
 * The kernel writes at head, we read at tail; both run freely.  A record that
 * wraps is copied out whole, so nobody above sees the edge.  All of it works on
 * recorded bytes as well: head and tail are pointers.
 */
#ifndef SOURCES_PERF_RING_H
#define SOURCES_PERF_RING_H

#include <linux/perf_event.h>
#include <stddef.h>
#include <stdint.h>

#include "core/host.h"
#include "sources/perf_record.h"

struct perf_ring {
	const unsigned char *data;
	uint64_t data_bytes; /* a power of two */
	const uint64_t *head;
	uint64_t *tail;
};

/*
 * Copy the next record to @record and release its space.
 * Return: its size; 0 when the ring is empty; -EBADMSG when the ring holds
 * nonsense; -ENOBUFS when @record is too small.
 */
int perf_ring_next(struct perf_ring *ring, void *record, size_t record_bytes);

/*
 * Make @ring of @map: a struct perf_event_mmap_page and the data where that says, all in
 * @map_bytes, as the kernel maps an event and devices may lay out their memory.  @what
 * names it in errors.  Return: 0, or -EBADMSG for a page that says nonsense.
 */
int perf_ring_init(struct perf_ring *ring, void *map, size_t map_bytes, const char *what);

/* One event of one CPU with a ring mapped. */
struct perf_event_fd {
	int fd; /* < 0: not open */
	uint64_t id;
	void *map; /* NULL: its records go to another event's ring */
	size_t map_bytes;
	struct perf_ring ring;
};

/*
 * Open @attr on @cpu for all processes, disabled, with a ring of @buffer_bytes.
 * @what names the event in errors.  Return: 0 or -errno with the reason and, when it
 * is a matter of privileges, the capability that is missing.
 */
int perf_event_fd_open(struct perf_event_fd *event, const struct thermo_host *host,
		       struct perf_event_attr *attr, int cpu, size_t buffer_bytes,
		       const char *what);
/* As above, but its records go into @leader's ring. */
int perf_event_fd_open_into(struct perf_event_fd *event, const struct perf_event_fd *leader,
			    const struct thermo_host *host, struct perf_event_attr *attr, int cpu,
			    const char *what);

/* Whose events are meant, and where.  @pid -1: everybody's; @group_fd -1: in no group. */
struct perf_event_place {
	pid_t pid;
	int cpu;
	int group_fd;
};

/* As perf_event_fd_open(), but at @place and with no ring: one of the two below follows. */
int perf_event_fd_open_at(struct perf_event_fd *event, const struct thermo_host *host,
			  struct perf_event_attr *attr, const struct perf_event_place *place,
			  const char *what);
/* Give it a ring of @buffer_bytes. */
int perf_event_fd_map(struct perf_event_fd *event, size_t buffer_bytes, int cpu, const char *what);
/* Send its records to the ring of @fd, an event of the same CPU. */
int perf_event_fd_redirect(struct perf_event_fd *event, int fd, int cpu, const char *what);

/* PERF_FORMAT_LOST came with 6.0; the build machine's headers may be older. */
#define PERF_READ_LOST (1ull << 4)

/* What perf_event_fd_count() tells; 0 what @read_format does not ask for. */
struct perf_event_count {
	uint64_t value;
	uint64_t enabled_ns;
	uint64_t running_ns;
	uint64_t lost;
};

/* @read_format is that of its attr, without a group.  Return: 0 or -errno. */
int perf_event_fd_count(const struct perf_event_fd *event, uint64_t read_format,
			struct perf_event_count *count);
int perf_event_fd_enable(struct perf_event_fd *event);
/* Return: 0 or -errno. */
int perf_event_fd_disable(struct perf_event_fd *event);
/* From now on a record every @period events.  Return: 0 or -errno. */
int perf_event_fd_set_period(struct perf_event_fd *event, uint64_t period);
void perf_event_fd_close(struct perf_event_fd *event);

#endif
