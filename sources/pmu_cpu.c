// SPDX-License-Identifier: GPL-2.0-or-later
/* pmu_cpu.c - open them in order, find them by id, keep the accounts. */
#include "sources/pmu_cpu.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

/* Shorter than this a share of time means nothing. */
#define SHARE_NS 10000000ull
#define LEAST_SHARE 0.01
/* When a period changes, the part that had passed is thrown away: half, on average. */
#define PART_LOST 0.5

static size_t place_of(const struct pmu_cpu *c, uint64_t id)
{
	size_t low = 0, high = c->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (c->instances[mid].fd.id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct pmu_instance *find(struct pmu_cpu *c, uint64_t id)
{
	size_t at = place_of(c, id);

	return at < c->nr && c->instances[at].fd.id == id ? &c->instances[at] : NULL;
}

static int insert(struct pmu_cpu *c, const struct pmu_instance *instance)
{
	if (c->nr == c->room) {
		size_t room = 2 * c->room + 4;
		struct pmu_instance *more = realloc(c->instances, room * sizeof(*more));

		if (!more)
			return thermo_fail(-ENOMEM, "no memory for %zu perf events", room);
		c->instances = more;
		c->room = room;
	}
	size_t at = place_of(c, instance->fd.id);

	memmove(c->instances + at + 1, c->instances + at, (c->nr - at) * sizeof(*c->instances));
	c->instances[at] = *instance;
	c->nr++;
	return 0;
}

/* The kernel tells how it makes nanoseconds of the time stamp counter's cycles. */
static double ns_per_cycle(const struct perf_event_mmap_page *page)
{
	if (!page->cap_user_time || page->time_shift >= 64)
		return 0;
	return ldexp((double)page->time_mult, -(int)page->time_shift);
}

static int give_ring(struct pmu_cpu *c, const struct pmu_setup *setup, struct perf_event_fd *fd,
		     const char *what)
{
	int err;

	if (c->ring.data)
		return perf_event_fd_redirect(fd, c->ring_fd, c->cpu, what);
	err = perf_event_fd_map(fd, setup->buffer_bytes, c->cpu, what);
	if (err)
		return err;
	c->ring = fd->ring;
	c->ring_fd = fd->fd;
	c->ns_per_cycle = ns_per_cycle(fd->map);
	return 0;
}

/* What the plan leaves to who opens it. */
static union pmu_attr attr_of(const struct pmu_setup *setup, size_t event)
{
	union pmu_attr attr = setup->plan->events[event].attr;

	attr.perf.read_format = setup->read_format;
	attr.perf.sample_period = setup->period[event];
	if (setup->per_thread) {
		attr.perf.inherit = 1;
		/* Who is born, and so inherits, is told in the ring. */
		attr.perf.task = 1;
	}
	return attr;
}

/* Kernels before 6.0 do not count what they lose. */
static int open_lowering(struct perf_event_fd *fd, struct pmu_setup *setup, size_t event,
			 const struct perf_event_place *place)
{
	const char *what = setup->plan->events[event].name;
	union pmu_attr attr = attr_of(setup, event);
	int err = perf_event_fd_open_at(fd, setup->host, &attr.perf, place, what);

	if (err != -EINVAL || !(setup->read_format & PERF_READ_LOST))
		return err;
	setup->read_format &= ~PERF_READ_LOST;
	attr = attr_of(setup, event);
	err = perf_event_fd_open_at(fd, setup->host, &attr.perf, place, what);
	/* It was not that. */
	if (err)
		setup->read_format |= PERF_READ_LOST;
	return err;
}

static int open_event(struct pmu_cpu *c, struct pmu_setup *setup, size_t event, pid_t tid,
		      int fds[PMU_PLAN_EVENTS])
{
	const struct pmu_event *e = &setup->plan->events[event];
	struct perf_event_place place = { tid, c->cpu, e->leader >= 0 ? fds[e->leader] : -1 };
	struct pmu_instance i = { .tid = tid, .event = (uint8_t)event };
	int err = open_lowering(&i.fd, setup, event, &place);

	if (!err)
		err = give_ring(c, setup, &i.fd, e->name);
	if (!err)
		err = insert(c, &i);
	if (err) {
		perf_event_fd_close(&i.fd);
		return err;
	}
	fds[event] = i.fd.fd;
	return 0;
}

/* A leader starts its group; who is in one is enabled already. */
static int enable(struct pmu_cpu *c, const struct pmu_setup *setup, pid_t tid)
{
	int err = 0;

	for (size_t i = 0; i < c->nr && !err; i++)
		if (c->instances[i].tid == tid &&
		    setup->plan->events[c->instances[i].event].attr.perf.disabled)
			err = perf_event_fd_enable(&c->instances[i].fd);
	return err;
}

int pmu_cpu_add(struct pmu_cpu *c, struct pmu_setup *setup, pid_t tid)
{
	int fds[PMU_PLAN_EVENTS];
	int err = 0;

	for (size_t i = 0; i < setup->plan->nr_events && !err; i++)
		if (hwloc_bitmap_isset(setup->plan->events[i].cpus, (unsigned int)c->cpu))
			err = open_event(c, setup, i, tid, fds);
	if (!err)
		err = enable(c, setup, tid);
	if (err)
		pmu_cpu_remove(c, tid);
	return err;
}

void pmu_cpu_remove(struct pmu_cpu *c, pid_t tid)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->nr; i++)
		if (c->instances[i].tid == tid)
			perf_event_fd_close(&c->instances[i].fd);
		else
			c->instances[kept++] = c->instances[i];
	c->nr = kept;
}

/* Never counts; unprivileged users may open it too, on themselves. */
static int open_owner(struct pmu_cpu *c, const struct pmu_setup *setup)
{
	const struct perf_event_attr *first = &setup->plan->events[0].attr.perf;
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = PERF_ATTR_SIZE_VER7,
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_IDENTIFIER,
		.disabled = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.sample_id_all = 1,
		.watermark = 1,
		/* One ring, one clock. */
		.use_clockid = first->use_clockid,
		.clockid = first->clockid,
	};
	int err = perf_event_fd_open_at(&c->owner, setup->host, &attr,
					&(struct perf_event_place){ 0, c->cpu, -1 }, setup->name);

	return err ? err : give_ring(c, setup, &c->owner, setup->name);
}

int pmu_cpu_open(struct pmu_cpu *c, struct pmu_setup *setup, int number)
{
	int err;

	*c = (struct pmu_cpu){ .cpu = number, .ring_fd = -1 };
	for (size_t i = 0; i < PMU_PLAN_EVENTS; i++)
		c->tallies[i].share = 1;
	err = setup->per_thread ? open_owner(c, setup) : pmu_cpu_add(c, setup, PMU_EVERYBODY);
	if (err)
		pmu_cpu_close(c);
	return err;
}

void pmu_cpu_close(struct pmu_cpu *c)
{
	for (size_t i = 0; i < c->nr; i++)
		perf_event_fd_close(&c->instances[i].fd);
	perf_event_fd_close(&c->owner);
	free(c->instances);
	*c = (struct pmu_cpu){ .ring_fd = -1 };
}

/* The id is the first word of a sample and the last of every other record. */
struct pmu_instance *pmu_cpu_instance_of(struct pmu_cpu *c, const struct perf_event_header *record)
{
	const unsigned char *bytes = (const unsigned char *)record;

	if (record->size < sizeof(*record) + sizeof(uint64_t))
		return NULL;
	return find(c, perf_load_u64(record->type == PERF_RECORD_SAMPLE
						     ? bytes + sizeof(*record)
						     : bytes + record->size - sizeof(uint64_t),
				     false));
}

double pmu_cpu_weight(struct pmu_cpu *c, uint8_t event, uint64_t period)
{
	struct pmu_tally *t = &c->tallies[event];
	/* A report holds no more accesses than fit; the rest stays owed. */
	double most = period ? (double)UINT32_MAX / (double)period - 1 : 0, weight;

	t->nr_samples++;
	t->nr_with_period++;
	sample_debt_add(&t->debt, 1 / t->share - 1);
	weight = 1 + sample_debt_pay(&t->debt, most);
	return weight + sample_debt_pay(&c->debt, most - (weight - 1));
}

void pmu_cpu_throttled(struct pmu_cpu *c, uint8_t event, uint64_t time_ns)
{
	c->tallies[event].throttled_since_ns = time_ns;
}

void pmu_cpu_unthrottled(struct pmu_cpu *c, uint8_t event, uint64_t time_ns)
{
	struct pmu_tally *t = &c->tallies[event];

	if (t->throttled_since_ns && time_ns > t->throttled_since_ns)
		t->throttled_ns += time_ns - t->throttled_since_ns;
	t->throttled_since_ns = 0;
}

uint64_t pmu_cpu_busiest(const struct pmu_cpu *c)
{
	uint64_t most = 0;

	for (size_t i = 0; i < PMU_PLAN_EVENTS; i++)
		if (c->tallies[i].nr_samples > most)
			most = c->tallies[i].nr_samples;
	return most;
}

double pmu_cpu_settle(struct pmu_cpu *c, uint64_t elapsed_ns)
{
	double missing = 0;

	for (size_t i = 0; i < PMU_PLAN_EVENTS; i++) {
		struct pmu_tally *t = &c->tallies[i];
		double here = sample_debt_of_pause(t->nr_samples, t->throttled_ns, elapsed_ns);

		sample_debt_add(&t->debt, here);
		missing += here;
		t->nr_samples = 0;
		t->throttled_ns = 0;
	}
	return missing;
}

int pmu_cpu_set_periods(struct pmu_cpu *c, const struct pmu_setup *setup,
			const uint64_t before[PMU_PLAN_EVENTS])
{
	for (size_t i = 0; i < c->nr; i++) {
		uint8_t event = c->instances[i].event;
		int err;

		if (setup->period[event] == before[event])
			continue;
		err = perf_event_fd_set_period(&c->instances[i].fd, setup->period[event]);
		if (err)
			return err;
	}
	for (size_t i = 0; i < setup->plan->nr_events; i++) {
		struct pmu_tally *t = &c->tallies[i];

		/* Where nothing was sampled, little has passed: nothing is made up. */
		if (setup->period[i] != before[i] && t->nr_with_period)
			sample_debt_add(&t->debt,
					PART_LOST * (double)before[i] / (double)setup->period[i]);
		if (setup->period[i] != before[i])
			t->nr_with_period = 0;
	}
	return 0;
}

/*
 * Return: whether it should have run since the last time, and did not.  The time that a
 * thread spends on another CPU is time that it should: of threads there is no share.
 */
static bool judge(struct pmu_tally *t, const struct perf_event_count *now, bool per_thread)
{
	uint64_t should_ns = now->enabled_ns - t->enabled_ns;
	uint64_t did_ns = now->running_ns - t->running_ns;

	/* Threads that ended take their times with them. */
	if (now->enabled_ns < t->enabled_ns || now->running_ns < t->running_ns)
		should_ns = 0;
	t->enabled_ns = now->enabled_ns;
	t->running_ns = now->running_ns;
	if (should_ns < SHARE_NS)
		return t->held;
	t->held = did_ns == 0;
	if (did_ns && !per_thread) {
		double share = (double)did_ns / (double)should_ns;

		/* The two are read one after the other. */
		t->share = share > 0.99 ? 1 : share < LEAST_SHARE ? LEAST_SHARE : share;
	}
	return t->held;
}

int pmu_cpu_check(struct pmu_cpu *c, const struct pmu_setup *setup)
{
	struct perf_event_count sums[PMU_PLAN_EVENTS] = { 0 };
	int nr_held = 0;

	for (size_t i = 0; i < c->nr; i++) {
		struct perf_event_count count, *sum = &sums[c->instances[i].event];
		int err = perf_event_fd_count(&c->instances[i].fd, setup->read_format, &count);

		if (err)
			return err;
		sum->enabled_ns += count.enabled_ns;
		sum->running_ns += count.running_ns;
	}
	for (size_t i = 0; i < setup->plan->nr_events; i++)
		nr_held += judge(&c->tallies[i], &sums[i], setup->per_thread);
	return nr_held;
}

uint64_t pmu_cpu_untold_lost(const struct pmu_cpu *c, const struct pmu_setup *setup)
{
	uint64_t lost = 0;

	if (!(setup->read_format & PERF_READ_LOST))
		return 0;
	for (size_t i = 0; i < c->nr; i++) {
		struct perf_event_count count;

		if (perf_event_fd_count(&c->instances[i].fd, setup->read_format, &count) == 0)
			lost += count.lost;
	}
	return lost > c->nr_told_lost ? lost - c->nr_told_lost : 0;
}

void pmu_cpu_stop(struct pmu_cpu *c, const struct pmu_setup *setup)
{
	for (size_t i = 0; i < c->nr; i++)
		if (setup->plan->events[c->instances[i].event].attr.perf.disabled)
			(void)perf_event_fd_disable(&c->instances[i].fd);
}
