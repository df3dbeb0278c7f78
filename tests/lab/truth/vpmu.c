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

/* What the kernel says of an operation that is no access: PERF_MEM_NA. */
#define SRC_NONE 0x1e05080021ULL

/* PERF_RECORD_SAMPLE with VPMU_SAMPLE_TYPE and a weight. */
struct sample {
	struct perf_event_header header;
	uint64_t id;
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

/* Any number, as the kernel's ids are. */
static uint64_t event_id(uint32_t event)
{
	return 1001 + event;
}

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

static void init_page(struct vpmu *pmu)
{
	const struct vpmu_options *options = &pmu->options;

	*pmu->page = (struct vpmu_page){
		.version = VPMU_VERSION,
		.nr_rings = options->nr_cpus,
		.ring_offset = VPMU_PAGE_BYTES,
		.ring_stride = VPMU_PAGE_BYTES + VPMU_RING_BYTES,
		.sample_type = VPMU_SAMPLE_TYPE |
			       (options->flavour == VPMU_PLAIN ? PERF_SAMPLE_WEIGHT
							       : PERF_SAMPLE_WEIGHT_STRUCT),
		.flavour = options->flavour,
		.nr_events = pmu->nr_events,
		.control = options->control,
	};
	memcpy(pmu->page->magic, VPMU_MAGIC, sizeof(pmu->page->magic));
	for (uint32_t e = 0; e < pmu->nr_events; e++) {
		pmu->page->fixed_period[e] = options->fixed_period[e];
		pmu->page->event_id[e] = event_id(e);
	}
	pmu->page->control.sequence = 0;
	pmu->page->control.enabled = 0;
}

void vpmu_init(struct vpmu *pmu, void *map, const struct vpmu_options *options)
{
	*pmu = (struct vpmu){
		.page = map,
		.options = *options,
		.nr_events = options->flavour == VPMU_PEBS ? 2 : 1,
		.event_of = { VPMU_LOAD_EVENT,
			      options->flavour == VPMU_PEBS ? VPMU_STORE_EVENT : VPMU_LOAD_EVENT },
		.ops_per_access = options->flavour == VPMU_IBS ? 1 + options->other_ops : 1,
	};
	memset(map, 0, vpmu_bytes(options->nr_cpus));
	init_page(pmu);
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

	if (options->nr_cpus > VPMU_CPUS_MAX || options->nr_nodes > VPMU_NODES_MAX ||
	    options->other_ops > VPMU_OTHER_OPS_MAX)
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

static uint64_t within(struct vpmu_cpu *c, uint64_t jitter, uint64_t step)
{
	return jitter ? next_random(c) % (2 * (jitter / step) + 1) * step : 0;
}

/*
 * What IBS counts to has random low bits, so that periods of 16 do not keep step with anything; the
 * samples tell the period without.  What one comes early the next comes late: the sum is right.
 */
static void set_ibs_target(struct vpmu_cpu *c, struct vpmu_counter *counter)
{
	uint64_t late = counter->early;

	counter->nominal = counter->period - counter->jitter +
			   within(c, counter->jitter, VPMU_IBS_STEP);
	counter->early = next_random(c) % VPMU_IBS_STEP;
	counter->target = counter->nominal + late - counter->early;
}

static void set_target(const struct vpmu *pmu, struct vpmu_cpu *c, struct vpmu_counter *counter)
{
	if (pmu->options.flavour == VPMU_IBS)
		set_ibs_target(c, counter);
	else
		counter->target = counter->period - counter->jitter + within(c, counter->jitter, 1);
}

/* Nodes of which accesses of that kind count. */
static uint32_t nodes_that_count(const struct vpmu *pmu, const struct vpmu_control *want,
				 uint32_t event, bool store)
{
	const struct vpmu_options *options = &pmu->options;
	bool wanted = options->flavour == VPMU_IBS ||
		      want->ops & (store ? VPMU_STORES : VPMU_LOADS);
	/* IBS drops the samples; stores have no latency with PEBS. */
	bool by_latency =
			options->flavour == VPMU_PLAIN || (options->flavour == VPMU_PEBS && !store);
	uint32_t nodes = 0;

	if (!wanted || pmu->event_of[store] != event)
		return 0;
	for (uint32_t i = 0; i < options->nr_nodes; i++)
		if (!by_latency || options->latency_ns[i] >= want->min_latency_ns[i])
			nodes |= 1U << i;
	return nodes;
}

static bool is_period(const struct vpmu *pmu, uint64_t period)
{
	return period > 0 && period <= PERIOD_MAX &&
	       (pmu->options.flavour != VPMU_IBS || period % VPMU_IBS_STEP == 0);
}

static void reload_event(const struct vpmu *pmu, struct vpmu_cpu *c,
			 const struct vpmu_control *want, uint32_t event)
{
	struct vpmu_counter *counter = &c->counters[event];
	uint64_t fixed = pmu->options.fixed_period[event];
	uint64_t period = fixed ? fixed : want->period[event];
	bool on = want->enabled && is_period(pmu, period);

	for (int store = 0; store < 2; store++)
		counter->nodes[store] = on ? nodes_that_count(pmu, want, event, store) : 0;
	if (!counter->nodes[0] && !counter->nodes[1]) {
		counter->since = 0;
		return;
	}
	counter->period = period;
	counter->jitter = want->jitter_permille < 1000 ? period * want->jitter_permille / 1000
						       : period - 1;
	if (pmu->options.flavour == VPMU_IBS) {
		/* What it had counted was towards another number. */
		counter->since = 0;
		counter->jitter -= counter->jitter % VPMU_IBS_STEP;
	}
	set_target(pmu, c, counter);
}

/* What was counted stays counted (but of IBS): the next sample stands for it. */
void vpmu_reload(struct vpmu *pmu, struct vpmu_cpu *c, uint64_t sequence)
{
	/* The driver may be writing the next change: then this is called once more. */
	struct vpmu_control want = pmu->page->control;

	c->sequence = sequence;
	for (uint32_t node = 0; node < VPMU_NODES_MAX; node++)
		c->min_latency_ns[node] = want.min_latency_ns[node];
	for (uint32_t event = 0; event < pmu->nr_events; event++)
		reload_event(pmu, c, &want, event);
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
		.id = sample->id,
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

/* The access itself, and not one of the operations that come after it, is sampled. */
static bool hits_access(const struct vpmu *pmu, const struct vpmu_counter *counter)
{
	return pmu->options.flavour != VPMU_IBS ||
	       counter->since - counter->target == pmu->ops_per_access - 1;
}

/* IBS compares when it has sampled: what is no load, or short, is dropped. */
static bool is_dropped(const struct vpmu *pmu, const struct vpmu_cpu *c,
		       const struct vpmu_access *access, bool hit)
{
	uint32_t least_ns = c->min_latency_ns[access->node];

	return pmu->options.flavour == VPMU_IBS && least_ns &&
	       (!hit || access->store || pmu->options.latency_ns[access->node] < least_ns);
}

static void next_interval(const struct vpmu *pmu, struct vpmu_cpu *c, struct vpmu_counter *counter)
{
	/* Operations after the sampled one belong to the next interval. */
	counter->since = pmu->options.flavour == VPMU_IBS ? counter->since - counter->target : 0;
	set_target(pmu, c, counter);
}

void vpmu_sample(struct vpmu *pmu, uint32_t cpu, uint32_t node, bool store, uint64_t vaddr,
		 uint64_t paddr)
{
	struct vpmu_cpu *c = &pmu->cpus[cpu];
	uint32_t event = pmu->event_of[store];
	struct vpmu_counter *counter = &c->counters[event];
	const struct vpmu_access access = { cpu, node, store };
	bool hit = hits_access(pmu, counter);
	/* relaxed: a number alone. */
	uint64_t task = __atomic_load_n(&c->task, __ATOMIC_RELAXED);
	struct sample sample = {
		.header = { PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER, sizeof(sample) },
		.id = event_id(event),
		.pid = (uint32_t)(task >> 32),
		.tid = (uint32_t)task,
		.addr = hit ? vaddr : 0,
		.cpu = cpu,
		.period = pmu->options.flavour == VPMU_IBS ? counter->nominal : counter->since,
		.weight = hit ? vpmu_weight(&pmu->options, &access) : 0,
		.data_src = hit ? vpmu_data_src(&pmu->options, &access) : SRC_NONE,
		.phys_addr = hit ? paddr : 0,
	};

	if (!is_dropped(pmu, c, &access, hit))
		put_sample(c, &sample);
	next_interval(pmu, c, counter);
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
