// SPDX-License-Identifier: GPL-2.0-or-later
/* vpmu.c - see vpmu.h.  Part of the plugin: needs the C library alone. */
#include "tests/lab/truth/vpmu.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Longer ones are as good as none. */
#define PERIOD_MAX (1ULL << 40)

/* union perf_mem_data_src, in the fields of 4.14 and later, and its levels of before */
#define SRC_OP_LOAD 0x2ULL
#define SRC_OP_STORE 0x4ULL
#define SRC_LVL_HIT (0x2ULL << 5)
#define SRC_LVL_LOC_RAM (0x80ULL << 5)
#define SRC_LVL_REM_RAM1 (0x100ULL << 5)
#define SRC_NUM_RAM (0xdULL << 33)
#define SRC_NUM_CXL (0x9ULL << 33)
#define SRC_REMOTE (1ULL << 37)

/* PERF_RECORD_SAMPLE with VPMU_SAMPLE_TYPE. */
struct sample {
	struct perf_event_header header;
	uint32_t pid;
	uint32_t tid;
	uint64_t addr;
	uint32_t cpu;
	uint32_t reserved;
	uint64_t period;
	uint64_t weight;
	uint64_t data_src;
	uint64_t phys_addr;
};

struct lost {
	struct perf_event_header header;
	uint64_t id;
	uint64_t nr;
};

static void init_ring(struct vpmu *pmu, uint32_t cpu)
{
	struct vpmu_cpu *c = &pmu->cpus[cpu];
	unsigned char *at = (unsigned char *)pmu->page + pmu->page->ring_offset +
			    cpu * pmu->page->ring_stride;

	c->ring = (void *)at;
	c->data = at + VPMU_PAGE_BYTES;
	c->random = cpu + 1;
	c->ring->data_offset = VPMU_PAGE_BYTES;
	c->ring->data_size = VPMU_RING_BYTES;
}

void vpmu_init(struct vpmu *pmu, void *map, const struct vpmu_options *options)
{
	*pmu = (struct vpmu){ .page = map, .options = *options };
	memset(map, 0, vpmu_bytes(options->nr_cpus));
	*pmu->page = (struct vpmu_page){
		.version = VPMU_VERSION,
		.nr_rings = options->nr_cpus,
		.ring_offset = VPMU_PAGE_BYTES,
		.ring_stride = VPMU_PAGE_BYTES + VPMU_RING_BYTES,
		.sample_type = VPMU_SAMPLE_TYPE,
		.fixed_period = options->fixed_period,
		.control = options->control,
	};
	memcpy(pmu->page->magic, VPMU_MAGIC, sizeof(pmu->page->magic));
	pmu->page->control.sequence = 0;
	pmu->page->control.enabled = 0;
	for (uint32_t cpu = 0; cpu < options->nr_cpus; cpu++)
		init_ring(pmu, cpu);
}

int vpmu_open(struct vpmu *pmu, const char *path, const struct vpmu_options *options)
{
	size_t bytes = vpmu_bytes(options->nr_cpus);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *map = MAP_FAILED;
	struct stat st;
	int err = 0;

	if (options->nr_cpus > VPMU_CPUS_MAX || options->nr_nodes > VPMU_NODES_MAX)
		err = -E2BIG;
	else if (fd < 0 || fstat(fd, &st) < 0)
		err = -errno;
	else if (st.st_size != (off_t)bytes)
		err = -EINVAL;
	if (!err) {
		map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		err = map == MAP_FAILED ? -errno : 0;
	}
	if (fd >= 0)
		(void)close(fd);
	if (!err)
		vpmu_init(pmu, map, options);
	return err;
}

/* xorshift: never 0, and nobody needs it to be better. */
static uint64_t next_random(struct vpmu_cpu *c)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return c->random;
}

static void set_target(struct vpmu_cpu *c)
{
	c->target = c->period - c->jitter;
	if (c->jitter)
		c->target += next_random(c) % (2 * c->jitter + 1);
}

/* What was counted stays counted: the next sample stands for it. */
void vpmu_reload(struct vpmu *pmu, struct vpmu_cpu *c, uint64_t sequence)
{
	/* The driver may be writing the next change: then this is called once more. */
	struct vpmu_control want = pmu->page->control;
	const struct vpmu_options *options = &pmu->options;
	uint32_t nodes = 0;

	c->sequence = sequence;
	c->period = options->fixed_period ? options->fixed_period : want.period;
	if (want.enabled)
		for (uint32_t i = 0; i < options->nr_nodes; i++)
			if (options->latency_ns[i] >= want.min_latency_ns)
				nodes |= 1U << i;
	if (c->period == 0 || c->period > PERIOD_MAX)
		nodes = 0;
	else
		c->jitter = want.jitter_permille < 1000 ? c->period * want.jitter_permille / 1000
							: c->period - 1;
	c->counts[0] = want.ops & VPMU_LOADS ? nodes : 0;
	c->counts[1] = want.ops & VPMU_STORES ? nodes : 0;
	if (!nodes)
		c->since = 0;
	else
		set_target(c);
}

static void put(struct vpmu_cpu *c, const void *record, size_t bytes)
{
	uint64_t offset = c->head & (VPMU_RING_BYTES - 1);
	size_t until_wrap = VPMU_RING_BYTES - offset < bytes ? VPMU_RING_BYTES - offset : bytes;

	memcpy(c->data + offset, record, until_wrap);
	memcpy(c->data, (const unsigned char *)record + until_wrap, bytes - until_wrap);
	c->head += bytes;
}

/* As the kernel does: what was lost is told as soon as there is room, before what follows it. */
static void put_sample(struct vpmu_cpu *c, const struct sample *sample)
{
	struct lost lost = {
		.header = { PERF_RECORD_LOST, 0, sizeof(lost) },
		.nr = c->nr_lost,
	};
	/* acquire, pairs with the driver's release: what it gave back it has read. */
	uint64_t tail = __atomic_load_n(&c->ring->data_tail, __ATOMIC_ACQUIRE);
	uint64_t used = c->head - tail;
	size_t need = sizeof(*sample) + (c->nr_lost ? sizeof(lost) : 0);

	/* A tail that cannot be makes a full ring. */
	if (used > VPMU_RING_BYTES || VPMU_RING_BYTES - used < need) {
		c->nr_lost++;
		return;
	}
	if (c->nr_lost)
		put(c, &lost, sizeof(lost));
	c->nr_lost = 0;
	put(c, sample, sizeof(*sample));
	/* release, pairs with the driver's acquire: the records are there before the head. */
	__atomic_store_n(&c->ring->data_head, c->head, __ATOMIC_RELEASE);
}

static uint64_t data_src(const struct vpmu_options *options, uint32_t cpu, uint32_t node,
			 bool store)
{
	uint64_t src = (store ? SRC_OP_STORE : SRC_OP_LOAD) | SRC_LVL_HIT;

	if (!options->is_fast[node])
		return src | SRC_NUM_CXL;
	if (options->cpus_per_node == 0 || cpu / options->cpus_per_node == node)
		return src | SRC_LVL_LOC_RAM | SRC_NUM_RAM;
	return src | SRC_LVL_REM_RAM1 | SRC_NUM_RAM | SRC_REMOTE;
}

void vpmu_sample(struct vpmu *pmu, uint32_t cpu, uint32_t node, bool store, uint64_t vaddr,
		 uint64_t paddr)
{
	struct vpmu_cpu *c = &pmu->cpus[cpu];
	/* relaxed: a number alone. */
	uint64_t task = __atomic_load_n(&c->task, __ATOMIC_RELAXED);
	struct sample sample = {
		.header = { PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER, sizeof(sample) },
		.pid = (uint32_t)(task >> 32),
		.tid = (uint32_t)task,
		.addr = vaddr,
		.cpu = cpu,
		.period = c->since,
		.weight = pmu->options.latency_ns[node],
		.data_src = data_src(&pmu->options, cpu, node, store),
		.phys_addr = paddr,
	};

	put_sample(c, &sample);
	c->since = 0;
	set_target(c);
}

void vpmu_set_task(struct vpmu *pmu, uint32_t cpu, uint64_t task)
{
	/* relaxed: a number alone. */
	__atomic_store_n(&pmu->cpus[cpu].task, task, __ATOMIC_RELAXED);
}

void vpmu_forget_tasks(struct vpmu *pmu)
{
	for (uint32_t cpu = 0; cpu < VPMU_CPUS_MAX; cpu++)
		vpmu_set_task(pmu, cpu, 0);
}
