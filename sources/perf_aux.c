// SPDX-License-Identifier: GPL-2.0-or-later
/* perf_aux.c - read the ring that hardware fills; where it stands is not believed unchecked. */
#include "sources/perf_aux.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/error.h"

int perf_aux_open(struct perf_aux *aux, struct perf_event_fd *event, size_t bytes, bool overwrite,
		  const char *what)
{
	struct perf_event_mmap_page *page = event->map;
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);

	*aux = (struct perf_aux){ .overwrite = overwrite };
	if (bytes < page_bytes || bytes & (bytes - 1))
		return thermo_fail(-EINVAL,
				   "%s: AUX ring of %zu bytes: not a power of two of pages", what,
				   bytes);
	/* Where it is to be: behind the first ring.  The kernel looks here in mmap(2). */
	page->aux_offset = event->map_bytes;
	page->aux_size = bytes;
	void *map = mmap(NULL, bytes, overwrite ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED,
			 event->fd, (off_t)page->aux_offset);

	if (map == MAP_FAILED)
		return thermo_fail(-errno, "%s: AUX ring of %zu bytes: %s%s", what, bytes,
				   strerror(errno),
				   errno == EPERM ? ": raise the memlock limit or run with "
						    "CAP_IPC_LOCK"
						  : "");
	aux->map = map;
	aux->data = map;
	aux->data_bytes = bytes;
	aux->head = (const uint64_t *)&page->aux_head;
	aux->tail = overwrite ? &aux->private_tail : (uint64_t *)&page->aux_tail;
	return 0;
}

void perf_aux_close(struct perf_aux *aux)
{
	if (aux->map)
		(void)munmap(aux->map, aux->data_bytes);
	*aux = (struct perf_aux){ 0 };
}

ssize_t perf_aux_read(struct perf_aux *aux, void *out, size_t max)
{
	/*
	 * acquire: pairs with the kernel's barrier before it stores aux_head, so what
	 * the hardware wrote below head is there.
	 */
	uint64_t head = __atomic_load_n(aux->head, __ATOMIC_ACQUIRE);
	uint64_t tail = *aux->tail; /* plain: only we write it */

	if (head - tail > aux->data_bytes) {
		if (!aux->overwrite || head < tail)
			return thermo_fail(-EBADMSG, "AUX ring: head %#" PRIx64 " tail %#" PRIx64,
					   head, tail);
		aux->overwritten_bytes += head - tail - aux->data_bytes;
		tail = head - aux->data_bytes;
	}
	size_t bytes = head - tail < max ? (size_t)(head - tail) : max;
	uint64_t offset = tail & (aux->data_bytes - 1);
	size_t until_wrap = aux->data_bytes - offset < bytes ? (size_t)(aux->data_bytes - offset)
							     : bytes;

	memcpy(out, aux->data + offset, until_wrap);
	memcpy((unsigned char *)out + until_wrap, aux->data, bytes - until_wrap);
	/*
	 * release: pairs with the kernel's read of aux_tail; our reads of the bytes end
	 * before the hardware may write over them.
	 */
	__atomic_store_n(aux->tail, tail + bytes, __ATOMIC_RELEASE);
	return (ssize_t)bytes;
}

bool perf_aux_count(struct perf_aux *aux, const struct perf_aux_landed *landed)
{
	aux->nr_truncated += !!(landed->flags & PERF_AUX_FLAG_TRUNCATED);
	aux->nr_gaps += !!(landed->flags & PERF_AUX_FLAG_PARTIAL);
	aux->nr_collisions += !!(landed->flags & PERF_AUX_FLAG_COLLISION);
	return !(landed->flags &
		 (PERF_AUX_FLAG_TRUNCATED | PERF_AUX_FLAG_PARTIAL | PERF_AUX_FLAG_COLLISION));
}
