// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtual_pmu.c - samples of the lab's virtual PMU.
 *
 * In the guest of "thermocline lab --virtual-pmu" the emulator makes every Nth access to
 * the workload's window a perf record, in the memory of a PCI device (virtual_pmu.h).
 * From the ring on this is what a hardware PMU's samples go through: perf_ring,
 * perf_record, data_src.
 *
 * The device has a flavour: what its events count and its samples tell differs as it does
 * between processors.  Samples of no access (IBS) are sorted out here.
 *
 * The records have no time, because the emulator does not know the guest's: a report has
 * that of the drain which found it.
 *
 * Runs in the source's thread.
 */
#include "sources/virtual_pmu.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/host.h"
#include "sources/cpu_nodes.h"
#include "sources/data_src.h"
#include "sources/perf_ring.h"
#include "sources/period.h"
#include "sources/pid_set.h"
#include "sources/sample_debt.h"
#include "thermocline/source.h"

#define DEVICES "sys/bus/pci/devices"
#define FULL_RATE_HZ 4000u
#define ADAPT_NS 500000000ull
#define FIRST_PERIOD 499u
#define DEVICE_BYTES_MAX (1ull << 30)

struct vpmu_source {
	const struct thermo_host *host;
	int fd; /* locked: the device has one driver; 0: not open */
	struct vpmu_page *page;
	size_t map_bytes;
	struct perf_format format;
	enum vpmu_flavour flavour;
	uint32_t nr_events;
	uint64_t event_id[VPMU_EVENTS_MAX];
	bool fixed; /* the lab sets the periods */
	uint64_t period;
	uint32_t nr_rings;
	struct perf_ring *rings;
	struct sample_debt *debts; /* of each ring: what it lost */
	unsigned char *record;
	bool is_physical; /* only physical addresses are told, and nobody's pid */
	struct cpu_nodes nodes;
	struct pid_set targets;
	uint32_t permille;
	uint64_t adapted_ns;
	uint64_t nr_at_adapted;
	struct thermo_source_counters counters;
};

/* What each flavour takes.  Multiples of 16, or odd: those do not beat with strides. */
static const struct period_limits limits[VPMU_NR_FLAVOURS] = {
	[VPMU_PLAIN] = { 31, INT32_MAX, 1 },
	[VPMU_IBS] = { 2ull * VPMU_IBS_STEP, INT32_MAX - INT32_MAX % VPMU_IBS_STEP, VPMU_IBS_STEP },
	[VPMU_PEBS] = { 31, INT32_MAX, 1 },
};

static bool has_id(const struct thermo_host *host, const char *device, const char *file,
		   const char *id)
{
	char text[16];

	return thermo_host_read(host, text, sizeof(text), DEVICES "/%s/%s", device, file) > 0 &&
	       strcmp(text, id) == 0;
}

/* Maps @device if it is ours.  Return: 1, 0 when it is another one, or -errno. */
static int map_device(struct vpmu_source *v, const struct thermo_host *host, const char *device)
{
	AUTO_CLOSE int fd = thermo_host_open_file(host, O_RDWR, DEVICES "/%s/" VPMU_BAR, device);
	struct stat st;

	if (fd < 0)
		return thermo_fail(fd, "virtual-pmu: /" DEVICES "/%s/" VPMU_BAR ": %s: run as root",
				   device, strerror(-fd));
	if (fstat(fd, &st) < 0 || st.st_size < VPMU_PAGE_BYTES ||
	    st.st_size > (off_t)DEVICE_BYTES_MAX)
		return 0;
	struct vpmu_page *page =
			mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		return thermo_fail(-errno, "virtual-pmu: mapping " VPMU_BAR " of %s: %s", device,
				   strerror(errno));
	v->page = page;
	v->map_bytes = (size_t)st.st_size;
	if (memcmp(page->magic, VPMU_MAGIC, sizeof(page->magic)) != 0) {
		(void)munmap(page, v->map_bytes);
		v->page = NULL;
		return 0;
	}
	v->fd = take_fd(&fd);
	if (flock(v->fd, LOCK_EX | LOCK_NB) < 0)
		return thermo_fail(-EBUSY, "virtual-pmu: in use by another process: stop it first");
	return 1;
}

/* Return: 0 with the device mapped and locked, or -errno. */
static int find_device(struct vpmu_source *v, const struct thermo_host *host)
{
	AUTO_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	int found = thermo_host_open_dir(host, &dir, DEVICES);

	while (!found && dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    has_id(host, entry->d_name, "vendor", VPMU_PCI_VENDOR) &&
		    has_id(host, entry->d_name, "device", VPMU_PCI_DEVICE))
			found = map_device(v, host, entry->d_name);
	if (found > 0)
		return 0;
	if (found < 0 && found != -ENOENT)
		return found;
	return thermo_fail(-ENODEV, "virtual-pmu: no such device: only the guest of 'thermocline "
				    "lab --truth --virtual-pmu' has it");
}

static void release_device(struct vpmu_source *v)
{
	if (v->page)
		(void)munmap(v->page, v->map_bytes);
	if (v->fd > 0)
		(void)close(v->fd);
	v->page = NULL;
	v->fd = 0;
}

static int vpmu_probe(const struct thermo_source_opts *opts)
{
	struct vpmu_source v = { 0 };
	int err = find_device(&v, opts->host);

	if (!err && v.page && v.page->version != VPMU_VERSION)
		err = thermo_fail(-EOPNOTSUPP, "virtual-pmu: the device has version %u, not %d",
				  v.page->version, VPMU_VERSION);
	release_device(&v);
	return err;
}

static int take_events(struct vpmu_source *v, const struct vpmu_page *page)
{
	if (page->flavour >= VPMU_NR_FLAVOURS || page->nr_events == 0 ||
	    page->nr_events > VPMU_EVENTS_MAX)
		return thermo_fail(-EBADMSG,
				   "virtual-pmu: flavour %u with %u events: this is not its layout",
				   page->flavour, page->nr_events);
	v->format.sample_type = page->sample_type;
	v->flavour = (enum vpmu_flavour)page->flavour;
	v->nr_events = page->nr_events;
	v->fixed = true;
	for (uint32_t e = 0; e < v->nr_events; e++) {
		v->event_id[e] = page->event_id[e];
		v->fixed &= page->fixed_period[e] != 0;
	}
	v->period = period_fit(FIRST_PERIOD, &limits[v->flavour], NULL);
	return 0;
}

static int make_rings(struct vpmu_source *v, const struct vpmu_page *page)
{
	v->nr_rings = page->nr_rings;
	v->rings = calloc(page->nr_rings, sizeof(*v->rings));
	v->debts = calloc(page->nr_rings, sizeof(*v->debts));
	v->record = malloc(PERF_RECORD_MAX_BYTES);
	if (!v->rings || !v->debts || !v->record)
		return thermo_fail(-ENOMEM, "virtual-pmu: no memory for %u rings", page->nr_rings);
	for (uint32_t i = 0; i < page->nr_rings; i++) {
		int err = perf_ring_init(&v->rings[i],
					 (unsigned char *)v->page + page->ring_offset +
							 i * page->ring_stride,
					 page->ring_stride, "virtual-pmu");

		if (err)
			return err;
	}
	return 0;
}

/* The page is read once: what was checked is what is used. */
static int take_layout(struct vpmu_source *v)
{
	assert(v->page);
	struct vpmu_page page = *v->page;
	uint64_t room = v->map_bytes;
	int err;

	if (page.version != VPMU_VERSION || page.nr_rings == 0 || page.nr_rings > VPMU_RINGS_MAX ||
	    page.ring_offset > room || page.ring_stride == 0 ||
	    page.ring_stride > (room - page.ring_offset) / page.nr_rings ||
	    (page.ring_offset | page.ring_stride) % VPMU_PAGE_BYTES)
		return thermo_fail(-EBADMSG,
				   "virtual-pmu: version %u, %u rings of %#" PRIx64
				   " bytes from %#" PRIx64 ": this is not its layout",
				   page.version, page.nr_rings, page.ring_stride, page.ring_offset);
	err = take_events(v, &page);
	return err ? err : make_rings(v, &page);
}

static int vpmu_open(void *state, const struct thermo_source_opts *opts)
{
	struct vpmu_source *v = state;
	int err;

	v->host = opts->host;
	v->permille = THERMO_RATE_FULL;
	err = find_device(v, opts->host);
	if (!err)
		err = take_layout(v);
	if (!err)
		err = cpu_nodes_read(&v->nodes, opts->host);
	return err;
}

static int vpmu_open_physical(void *state, const struct thermo_source_opts *opts)
{
	((struct vpmu_source *)state)->is_physical = true;
	return vpmu_open(state, opts);
}

/* Loads and stores have the same period, so that they weigh the same. */
static void order(struct vpmu_source *v, bool enabled)
{
	struct vpmu_control *control = &v->page->control;

	for (uint32_t e = 0; e < v->nr_events; e++)
		control->period[e] = v->period;
	control->enabled = enabled;
	/* release: pairs with the device's acquire; what is wanted is there. */
	__atomic_store_n(&control->sequence, control->sequence + 1, __ATOMIC_RELEASE);
}

static uint64_t nr_records(const struct vpmu_source *v)
{
	return v->counters.seen + v->counters.lost;
}

static int vpmu_start(void *state)
{
	struct vpmu_source *v = state;

	/* A driver before us may have left records of its own. */
	for (uint32_t i = 0; i < v->nr_rings; i++) {
		/* acquire: pairs with the device's release, as in perf_ring_next(). */
		uint64_t head = __atomic_load_n(v->rings[i].head, __ATOMIC_ACQUIRE);

		/* release: pairs with the device's acquire. */
		__atomic_store_n(v->rings[i].tail, head, __ATOMIC_RELEASE);
	}
	v->adapted_ns = thermo_host_now_ns(v->host);
	order(v, true);
	return 0;
}

static int vpmu_set_targets(void *state, const pid_t *pids, size_t nr_pids)
{
	return pid_set_assign(&((struct vpmu_source *)state)->targets, pids, nr_pids);
}

/* Moves the period towards the rate that is wanted; the device adds the random part. */
static void adapt(struct vpmu_source *v, uint64_t now_ns)
{
	uint64_t nr = nr_records(v) - v->nr_at_adapted, elapsed_ns = now_ns - v->adapted_ns;
	double factor;

	if (elapsed_ns < ADAPT_NS || v->fixed)
		return;
	v->adapted_ns = now_ns;
	v->nr_at_adapted = nr_records(v);
	factor = period_factor((double)nr * 1e9 / (double)elapsed_ns,
			       (double)FULL_RATE_HZ * v->permille / THERMO_RATE_FULL);
	if (factor == 1)
		return;
	v->period = period_fit((double)v->period * factor, &limits[v->flavour], NULL);
	order(v, true);
}

static int vpmu_set_rate(void *state, uint32_t permille)
{
	struct vpmu_source *v = state;

	v->permille = permille;
	return 0;
}

static uint32_t at_most_u32(uint64_t value)
{
	return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

static void report(struct vpmu_source *v, const struct perf_sample *s, double weight,
		   uint64_t now_ns, struct thermo_reporter *reporter)
{
	struct thermo_access access = {
		.addr = s->addr,
		.extent_bytes = 1,
		.time_ns = now_ns,
		.nr_accesses = at_most_u32((uint64_t)(weight * (double)s->period)),
		.pid = s->pid,
		.tid = s->tid,
		.cpu = s->cpu,
		.latency_ns = at_most_u32(s->latency_cycles), /* of 1 ns */
		.node = cpu_nodes_get(&v->nodes, s->cpu),
		.op = (uint8_t)data_src_op(s->data_src),
		.space = THERMO_SPACE_VIRTUAL,
		.level = (uint8_t)data_src_level(s->data_src),
	};

	if (v->is_physical) {
		access.addr = s->phys_addr;
		access.space = THERMO_SPACE_PHYSICAL;
		access.pid = access.tid = 0;
	}
	(void)thermo_report_access(reporter, &access);
	v->counters.reported++;
}

static bool is_access(const struct vpmu_source *v, const struct perf_sample *s)
{
	bool known = false;

	for (uint32_t e = 0; e < v->nr_events; e++)
		known |= s->id == v->event_id[e];
	/* IBS samples all operations; those that access no memory say so. */
	return known && s->period > 0 && data_src_op(s->data_src) != THERMO_OP_UNKNOWN;
}

static int take_record(struct vpmu_source *v, struct sample_debt *debt, uint64_t now_ns,
		       struct thermo_reporter *reporter)
{
	const struct perf_event_header *header = (const void *)v->record;
	struct perf_sample s;
	double weight;
	int err;

	if (header->type != PERF_RECORD_SAMPLE) {
		v->counters.lost += perf_record_lost(header);
		sample_debt_add(debt, (double)perf_record_lost(header));
		return 0;
	}
	err = perf_sample_decode(header, &v->format, &s);
	if (err)
		return err;
	v->counters.seen++;
	/* All of them pay for what is missing, also those that nobody watches. */
	weight = 1 + sample_debt_pay(debt, SAMPLE_DEBT_PAY);
	if (!v->is_physical && !pid_set_has(&v->targets, s.pid))
		v->counters.ignored++;
	else if (!is_access(v, &s))
		v->counters.useless++;
	else
		report(v, &s, weight, now_ns, reporter);
	return 0;
}

/* At most a ring full: a fast writer must not keep the thread from its orders. */
static int drain_ring(struct vpmu_source *v, uint32_t index, uint64_t now_ns,
		      struct thermo_reporter *reporter)
{
	struct perf_ring *ring = &v->rings[index];
	uint64_t left = ring->data_bytes / sizeof(struct perf_event_header);
	int err = 0;

	while (!err && left--) {
		int n = perf_ring_next(ring, v->record, PERF_RECORD_MAX_BYTES);

		if (n <= 0)
			return n;
		err = take_record(v, &v->debts[index], now_ns, reporter);
	}
	return err;
}

static int vpmu_drain(void *state, struct thermo_reporter *reporter)
{
	struct vpmu_source *v = state;
	uint64_t now_ns = thermo_host_now_ns(v->host), before = v->counters.reported;

	for (uint32_t i = 0; i < v->nr_rings; i++) {
		int err = drain_ring(v, i, now_ns, reporter);

		if (err)
			return err;
	}
	adapt(v, now_ns);
	return (int)(v->counters.reported - before);
}

static void vpmu_counters(const void *state, struct thermo_source_counters *counters)
{
	*counters = ((const struct vpmu_source *)state)->counters;
}

static void vpmu_stop(void *state)
{
	struct vpmu_source *v = state;

	order(v, false);
}

static void vpmu_close(void *state)
{
	struct vpmu_source *v = state;

	release_device(v);
	free(v->rings);
	free(v->debts);
	free(v->record);
	cpu_nodes_fini(&v->nodes);
	pid_set_fini(&v->targets);
	*v = (struct vpmu_source){ 0 };
}

const struct thermo_source thermo_source_virtual_pmu = {
	.name = "virtual-pmu",
	.summary = "the lab's emulated PMU: every Nth access, with thread, CPU, level and latency",
	.can = THERMO_CAN_VIRTUAL | THERMO_CAN_OP | THERMO_CAN_CPU | THERMO_CAN_THREAD |
	       THERMO_CAN_LATENCY | THERMO_CAN_LEVEL,
	.granularity_bytes = 1,
	.cost = "none in the application: the emulator makes the samples",
	.by_name_only = true,
	.state_bytes = sizeof(struct vpmu_source),
	.drain_interval_ms = 100,
	.probe = vpmu_probe,
	.open = vpmu_open,
	.start = vpmu_start,
	.set_targets = vpmu_set_targets,
	.set_rate = vpmu_set_rate,
	.drain = vpmu_drain,
	.counters = vpmu_counters,
	.stop = vpmu_stop,
	.close = vpmu_close,
};

/* What a device beside the memory controllers would tell of the same accesses. */
static int vpmu_probe_physical(const struct thermo_source_opts *opts)
{
	int err = vpmu_probe(opts);

	return err ? thermo_fail(err, "virtual-pmu-pa: %s", strdupa(thermo_last_error())) : 0;
}

const struct thermo_source thermo_source_virtual_pmu_pa = {
	.name = "virtual-pmu-pa",
	.summary = "the lab's emulated PMU, of which physical addresses are told only",
	.can = THERMO_CAN_PHYSICAL | THERMO_CAN_OP | THERMO_CAN_CPU | THERMO_CAN_LATENCY |
	       THERMO_CAN_LEVEL,
	.granularity_bytes = 1,
	.cost = "none in the application: the emulator makes the samples",
	.by_name_only = true,
	.state_bytes = sizeof(struct vpmu_source),
	.drain_interval_ms = 100,
	.probe = vpmu_probe_physical,
	.open = vpmu_open_physical,
	.start = vpmu_start,
	.set_rate = vpmu_set_rate,
	.drain = vpmu_drain,
	.counters = vpmu_counters,
	.stop = vpmu_stop,
	.close = vpmu_close,
};
