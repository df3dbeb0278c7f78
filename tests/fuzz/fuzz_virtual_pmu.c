/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_virtual_pmu.c - a device whose memory holds anything: its layout, its rings, its
 * records are taken or refused, and the source ends in order.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "sources/virtual_pmu.h"
#include "tests/unit/fake_host.h"
#include "thermocline/source.h"

#define DEVICE "sys/bus/pci/devices/0000:00:05.0"
#define DEVICE_BYTES 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct fake_host fake;
static unsigned char *memory;
static struct thermo_reporter *reporter;

static void drop(void)
{
	fake_host_fini(&fake);
}

static void make(void)
{
	static const unsigned char zeroes[DEVICE_BYTES];

	fake_host_init(&fake);
	(void)atexit(drop);
	fake_write(&fake, DEVICE "/vendor", VPMU_PCI_VENDOR);
	fake_write(&fake, DEVICE "/device", VPMU_PCI_DEVICE);
	fake_write_bytes(&fake, DEVICE "/" VPMU_BAR, zeroes, sizeof(zeroes));
	int fd = openat(fake.host.root_fd, DEVICE "/" VPMU_BAR, O_RDWR | O_CLOEXEC);

	memory = mmap(NULL, DEVICE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fake_check(memory != MAP_FAILED, "mmap");
	(void)close(fd);
	fake_check(thermo_reporter_new(&reporter, NULL) == 0, "reporter");
}

/* A layout near to a good one, or mutations would never get behind it. */
static void lay_out(const uint8_t *data, size_t bytes)
{
	struct vpmu_page *page = (void *)memory;
	struct perf_event_mmap_page *ring = (void *)(memory + VPMU_PAGE_BYTES);

	memset(memory, 0, DEVICE_BYTES);
	page->version = VPMU_VERSION;
	page->nr_rings = 1;
	page->ring_offset = VPMU_PAGE_BYTES;
	page->ring_stride = 3 * VPMU_PAGE_BYTES;
	page->sample_type = VPMU_SAMPLE_TYPE | PERF_SAMPLE_WEIGHT_STRUCT;
	page->flavour = VPMU_PEBS;
	page->nr_events = VPMU_EVENTS_MAX;
	ring->data_offset = VPMU_PAGE_BYTES;
	ring->data_size = 2 * VPMU_PAGE_BYTES;
	for (size_t i = 0; i < bytes && i < sizeof(*page); i++)
		memory[i] ^= data[i];
	memcpy(page->magic, VPMU_MAGIC, sizeof(page->magic));
}

/* After the start, which skips what is there. */
static void fill_ring(const uint8_t *data, size_t bytes)
{
	struct perf_event_mmap_page *ring = (void *)(memory + VPMU_PAGE_BYTES);
	uint64_t head = 0;

	if (bytes < sizeof(head))
		return;
	memcpy(&head, data, sizeof(head));
	bytes = bytes < 2 * VPMU_PAGE_BYTES ? bytes : 2 * VPMU_PAGE_BYTES;
	memcpy(memory + 2 * VPMU_PAGE_BYTES, data + sizeof(head), bytes - sizeof(head));
	ring->data_head = head % (4 * VPMU_PAGE_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	const struct thermo_source *source = thermo_source_find("virtual-pmu");
	const struct thermo_source_opts opts = { .host = &fake.host };
	const pid_t pid = 1;
	size_t head_bytes = bytes < sizeof(struct vpmu_page) ? bytes : sizeof(struct vpmu_page);
	struct thermo_access access;

	if (!memory)
		make();
	void *state = calloc(1, source->state_bytes);

	if (!state)
		abort();
	lay_out(data, head_bytes);
	(void)source->probe(&opts);
	if (source->open(state, &opts) == 0 && source->start(state) == 0) {
		(void)source->set_targets(state, &pid, 1);
		fill_ring(data + head_bytes, bytes - head_bytes);
		fake_advance(&fake, 600000000);
		(void)source->drain(state, reporter);
		source->stop(state);
	}
	source->close(state);
	free(state);
	while (thermo_reporter_drain(reporter, &access, 1))
		if (access.level >= THERMO_NR_LEVELS || access.op >= THERMO_NR_OPS)
			abort();
	return 0;
}
