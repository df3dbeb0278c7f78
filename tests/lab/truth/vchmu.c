// SPDX-License-Identifier: GPL-2.0-or-later
/* vchmu.c - see vchmu.h.  Part of the plugin: needs the C library alone. */
#include "tests/lab/truth/vchmu.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Operations take a while, so that a driver that does not wait for them shows. */
#define OPERATION_NS 2000000ull
/* Granules of 256 bytes, 4, 16 and 64 KiB, 2 MiB. */
#define UNIT_SIZES (1u << 0 | 1u << 4 | 1u << 6 | 1u << 8 | 1u << 13)
/* Each request, or one of 4 or 16. */
#define DOWNSAMPLINGS (1u << 0 | 1u << 2 | 1u << 4)
#define MAX_EPOCH_MS 10000u
#define BITMAP_OFFSET 0x70u
#define BITMAP_WORDS ((VCHMU_INSTANCE_BYTES - BITMAP_OFFSET) / 8)

enum { CFG0, CFG1, CFG2 };

/* A guest that sends without end must not keep epochs from ending. */
enum { MAILS_A_STEP = 64 };

/* --- registers as the guest sees them --- */

static void put_reg(const struct vchmu *c, size_t offset, uint64_t value)
{
	/* relaxed: a word alone; what belongs together is published by the mailbox or the tail. */
	__atomic_store_n((uint64_t *)(c->block + offset), value, __ATOMIC_RELAXED);
}

static void put_instance_reg(const struct vchmu *c, size_t reg, uint64_t value)
{
	put_reg(c, CHMU_INSTANCES + reg, value);
}

static void publish(const struct vchmu *c)
{
	put_instance_reg(c, CHMU_CFG0, c->cfg[CFG0]);
	put_instance_reg(c, CHMU_CFG1, c->cfg[CFG1]);
	put_instance_reg(c, CHMU_CFG2, c->cfg[CFG2]);
	put_instance_reg(c, CHMU_STATUS,
			 chmu_put(c->enabled, CHMU_STATUS_ENABLED) |
					 chmu_put(c->operation, CHMU_STATUS_OPERATION) |
					 chmu_put(c->options.counter_bits,
						  CHMU_STATUS_COUNTER_BITS) |
					 chmu_put(c->overflow, CHMU_STATUS_OVERFLOW) |
					 chmu_put(c->fill, CHMU_STATUS_FILL));
	/* release, pairs with the driver's read of the tail: the entries are there before it. */
	__atomic_store_n((uint64_t *)(c->block + CHMU_INSTANCES + CHMU_HEAD),
			 (uint64_t)c->tail << 16 | c->head, __ATOMIC_RELEASE);
}

static void put_caps(const struct vchmu *c)
{
	put_reg(c, CHMU_COMMON_CAP,
		chmu_put(1, CHMU_COMMON_VERSION) | chmu_put(1, CHMU_COMMON_NR_INSTANCES));
	put_reg(c, CHMU_COMMON_LENGTH, chmu_put(VCHMU_INSTANCE_BYTES, CHMU_COMMON_INSTANCE_BYTES));
	put_instance_reg(
			c, CHMU_CAP0,
			chmu_put(0x3f, CHMU_CAP0_REQUESTS) |
					chmu_put(2, CHMU_CAP0_MAX_EPOCH_SCALE) |
					chmu_put(MAX_EPOCH_MS > CHMU_EPOCH_MULTIPLIER_MAX
								 ? CHMU_EPOCH_MULTIPLIER_MAX
								 : MAX_EPOCH_MS,
						 CHMU_CAP0_MAX_EPOCH_MULTIPLIER) |
					chmu_put(2, CHMU_CAP0_MIN_EPOCH_SCALE) |
					chmu_put(c->options.min_epoch_ms,
						 CHMU_CAP0_MIN_EPOCH_MULTIPLIER) |
					chmu_put(c->options.nr_entries, CHMU_CAP0_HOTLIST_ENTRIES));
	put_instance_reg(c, CHMU_CAP1,
			 chmu_put(UNIT_SIZES, CHMU_CAP1_UNIT_SIZES) |
					 chmu_put(DOWNSAMPLINGS, CHMU_CAP1_DOWNSAMPLINGS) |
					 chmu_put(1, CHMU_CAP1_EPOCH_MODE) |
					 chmu_put(1, CHMU_CAP1_RANDOM_DOWNSAMPLING));
	put_instance_reg(c, CHMU_CAP2, BITMAP_OFFSET);
	put_instance_reg(c, CHMU_CAP3, VCHMU_HOTLIST_OFFSET);
}

/* --- making it --- */

static void *map_zeroes(size_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return map == MAP_FAILED ? NULL : map;
}

static uint64_t nr_granules(const struct vchmu *c, uint32_t unit_log2)
{
	return (c->device_bytes >> unit_log2) + 1;
}

static size_t counters_bytes(const struct vchmu *c)
{
	uint64_t nr = c->options.nr_counters ? c->options.nr_counters
					     : nr_granules(c, CHMU_UNIT_LOG2_MIN);

	return nr * sizeof(uint32_t);
}

static size_t hot_bytes(const struct vchmu *c)
{
	return (nr_granules(c, CHMU_UNIT_LOG2_MIN) / 64 + 1) * sizeof(uint64_t);
}

int vchmu_init(struct vchmu *c, void *map, const struct vchmu_options *options)
{
	*c = (struct vchmu){ .options = *options, .random = 1 };
	if (options->nr_windows == 0 || options->nr_windows > VCHMU_WINDOWS_MAX ||
	    options->nr_entries < 2 || options->nr_entries > VCHMU_ENTRIES_MAX ||
	    options->counter_bits == 0 || options->counter_bits > 32 ||
	    options->nr_counters % VCHMU_ROWS)
		return -EINVAL;
	for (uint32_t i = 0; i < options->nr_windows; i++)
		if (options->windows[i].dpa + options->windows[i].bytes > c->device_bytes)
			c->device_bytes = options->windows[i].dpa + options->windows[i].bytes;
	for (uint32_t i = 0; i < VCHMU_CPUS_MAX; i++)
		c->cpus[i].random = i + 1;
	c->counters = map_zeroes(counters_bytes(c));
	c->hot = map_zeroes(hot_bytes(c));
	c->ranges = map_zeroes(BITMAP_WORDS * sizeof(uint64_t));
	if (!c->counters || !c->hot || !c->ranges)
		return -ENOMEM;
	memset(map, 0, VCHMU_BAR_BYTES);
	c->page = map;
	c->block = (unsigned char *)map + VCHMU_PAGE_BYTES;
	c->page->version = VCHMU_VERSION;
	c->page->nr_windows = options->nr_windows;
	memcpy(c->page->windows, options->windows, sizeof(options->windows));
	put_caps(c);
	publish(c);
	memcpy(c->page->magic, VCHMU_MAGIC, sizeof(c->page->magic));
	return 0;
}

int vchmu_open(struct vchmu *c, const char *path, const struct vchmu_options *options)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *map = MAP_FAILED;
	struct stat st;
	int err = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		err = -errno;
	else if (st.st_size != VCHMU_BAR_BYTES)
		err = -EINVAL;
	if (!err) {
		map = mmap(NULL, VCHMU_BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		err = map == MAP_FAILED ? -errno : vchmu_init(c, map, options);
	}
	if (fd >= 0)
		(void)close(fd);
	return err;
}

void vchmu_fini(struct vchmu *c)
{
	if (c->counters)
		(void)munmap(c->counters, counters_bytes(c));
	if (c->hot)
		(void)munmap(c->hot, hot_bytes(c));
	if (c->ranges)
		(void)munmap(c->ranges, BITMAP_WORDS * sizeof(uint64_t));
	*c = (struct vchmu){ 0 };
}

/* --- counting --- */

/* xorshift: never 0, and nobody needs it to be better. */
static uint64_t next_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

static bool to_device(const struct vchmu *c, uint64_t physical, uint64_t *dpa)
{
	for (uint32_t i = 0; i < c->options.nr_windows; i++) {
		const struct vchmu_window *w = &c->options.windows[i];

		if (physical - w->hpa < w->bytes) {
			*dpa = physical - w->hpa + w->dpa;
			return true;
		}
	}
	return false;
}

static bool is_in_range(const struct vchmu *c, uint64_t dpa)
{
	uint64_t bit = dpa / CHMU_RANGE_BYTES;

	/* relaxed: written while nothing is counted. */
	return bit < BITMAP_WORDS * 64 &&
	       (__atomic_load_n(&c->ranges[bit / 64], __ATOMIC_RELAXED) >> bit % 64 & 1);
}

/* Multiply and shift, an odd multiplier a row (Dietzfelbinger et al., 1997). */
static uint32_t *sketch_counter(const struct vchmu *c, uint64_t granule, unsigned int row)
{
	static const uint64_t odd[VCHMU_ROWS] = { 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f,
						  0x165667b19e3779f9, 0xd6e8feb86659fd93 };
	uint64_t width = c->options.nr_counters / VCHMU_ROWS;
	uint64_t hash = (granule + 1) * odd[row] >> 32;

	return &c->counters[row * width + (hash * width >> 32)];
}

static uint32_t sketch_estimate(const struct vchmu *c, uint64_t granule)
{
	uint32_t least = UINT32_MAX;

	for (unsigned int row = 0; row < VCHMU_ROWS; row++) {
		/* relaxed: any recent value will do. */
		uint32_t n = __atomic_load_n(sketch_counter(c, granule, row), __ATOMIC_RELAXED);

		least = n < least ? n : least;
	}
	return least;
}

static void count_in_sketch(struct vchmu *c, uint64_t granule, uint32_t threshold)
{
	for (unsigned int row = 0; row < VCHMU_ROWS; row++)
		/* relaxed: a number alone. */
		(void)__atomic_fetch_add(sketch_counter(c, granule, row), 1, __ATOMIC_RELAXED);
	if (sketch_estimate(c, granule) >= threshold)
		/* relaxed: read at the end of the epoch, at the latest of the next. */
		(void)__atomic_fetch_or(&c->hot[granule / 64], 1ull << granule % 64,
					__ATOMIC_RELAXED);
}

static uint64_t pack(const struct vchmu_plan *plan)
{
	return 1 | (uint64_t)plan->loads << 1 | (uint64_t)plan->stores << 2 |
	       (uint64_t)plan->unit_log2 << 8 | (uint64_t)plan->downsampling_log2 << 16 |
	       (uint64_t)plan->threshold << 32;
}

void vchmu_count(struct vchmu *c, uint32_t cpu, uint64_t physical, bool store)
{
	struct vchmu_cpu *own = &c->cpus[cpu % VCHMU_CPUS_MAX];
	/* acquire, pairs with set_active(): the ranges are there. */
	uint64_t plan = __atomic_load_n(&c->active, __ATOMIC_ACQUIRE), dpa, granule, mask;

	if (!(plan >> (store ? 2 : 1) & 1) || !to_device(c, physical, &dpa) || !is_in_range(c, dpa))
		return;
	if (c->options.loss_permille && next_random(&own->random) % 1000 < c->options.loss_permille)
		return;
	mask = (1ull << (plan >> 16 & 0xff)) - 1;
	if (mask && (next_random(&own->random) & mask))
		return;
	granule = dpa >> (plan >> 8 & 0xff);
	if (c->options.nr_counters)
		count_in_sketch(c, granule, (uint32_t)(plan >> 32));
	else
		/* relaxed: a number alone. */
		(void)__atomic_fetch_add(&c->counters[granule], 1, __ATOMIC_RELAXED);
}

/* --- epochs --- */

static void list(struct vchmu *c, uint64_t granule, uint64_t count)
{
	uint32_t size = c->options.nr_entries, next = (c->tail + 1) % size;
	uint64_t most = (1ull << c->options.counter_bits) - 1;

	if (next == c->head) {
		c->overflow = true;
		c->page->nr_dropped++;
		return;
	}
	put_instance_reg(c, VCHMU_HOTLIST_OFFSET + (size_t)c->tail * 8,
			 granule << c->options.counter_bits | (count < most ? count : most));
	c->tail = next;
	c->page->nr_listed++;
	if ((c->tail + size - c->head) % size >= chmu_get(c->cfg[CFG2], CHMU_CFG2_FILL_ENTRIES))
		c->fill = true;
}

/* Not always from the first on: what the hotlist has no room for is not always the same. */
static void end_exact_epoch(struct vchmu *c)
{
	uint64_t nr = nr_granules(c, c->plan.unit_log2), from = next_random(&c->random) % nr;

	for (uint64_t i = 0; i < nr; i++) {
		uint64_t granule = (from + i) % nr;
		uint32_t n;

		/* relaxed: numbers alone; who counts meanwhile counts for this epoch or the next.
		 */
		if (!__atomic_load_n(&c->counters[granule], __ATOMIC_RELAXED))
			continue;
		/* relaxed: as above. */
		n = __atomic_exchange_n(&c->counters[granule], 0, __ATOMIC_RELAXED);
		if (n >= c->plan.threshold)
			list(c, granule, n);
	}
}

static void end_sketch_epoch(struct vchmu *c)
{
	uint64_t nr = nr_granules(c, c->plan.unit_log2) / 64 + 1;
	uint64_t from = next_random(&c->random) % nr;

	for (uint64_t i = 0; i < nr; i++) {
		uint64_t word = (from + i) % nr;
		/* relaxed: as in end_exact_epoch(). */
		uint64_t bits = __atomic_exchange_n(&c->hot[word], 0, __ATOMIC_RELAXED);

		for (; bits; bits &= bits - 1) {
			uint64_t granule = word * 64 + (unsigned int)__builtin_ctzll(bits);

			list(c, granule, sketch_estimate(c, granule));
		}
	}
	for (uint32_t i = 0; i < c->options.nr_counters; i++)
		/* relaxed: as in end_exact_epoch(). */
		__atomic_store_n(&c->counters[i], 0, __ATOMIC_RELAXED);
}

static void end_epoch(struct vchmu *c, uint64_t now_ns)
{
	if (c->options.nr_counters)
		end_sketch_epoch(c);
	else
		end_exact_epoch(c);
	/* release: who sees the number finds what was counted before it. */
	(void)__atomic_fetch_add(&c->page->nr_epochs, 1, __ATOMIC_RELEASE);
	c->epoch_end_ns += c->epoch_ns;
	/* The host was busy: an epoch cannot end before it begins. */
	if (c->epoch_end_ns < now_ns)
		c->epoch_end_ns = now_ns + c->epoch_ns;
}

/* --- operations --- */

static void clear_counters(struct vchmu *c)
{
	/* Private anonymous memory: what is dropped reads as zeroes. */
	(void)madvise(c->counters, counters_bytes(c), MADV_DONTNEED);
	(void)madvise(c->hot, hot_bytes(c), MADV_DONTNEED);
}

/* What was not offered is not done: such a unit stays off, as its status says. */
static bool make_plan(struct vchmu *c)
{
	uint64_t request = chmu_get(c->cfg[CFG0], CHMU_CFG0_REQUEST);
	uint64_t unit = chmu_get(c->cfg[CFG1], CHMU_CFG1_UNIT_LOG2);
	uint64_t sampling = chmu_get(c->cfg[CFG1], CHMU_CFG1_DOWNSAMPLING_LOG2);
	uint64_t kind = (request - 1) % 3; /* nothing here is a TEE's */

	c->epoch_ns = chmu_get(c->cfg[CFG1], CHMU_CFG1_EPOCH_MULTIPLIER) *
		      chmu_epoch_unit_ns((unsigned)chmu_get(c->cfg[CFG1], CHMU_CFG1_EPOCH_SCALE));
	if (request < CHMU_REQUEST_NONTEE_READ || request > CHMU_REQUEST_ALL ||
	    unit < CHMU_UNIT_LOG2_MIN || unit > CHMU_UNIT_LOG2_MAX ||
	    !(UNIT_SIZES >> (unit - CHMU_UNIT_LOG2_MIN) & 1) || sampling > 15 ||
	    !(DOWNSAMPLINGS >> sampling & 1) || chmu_get(c->cfg[CFG1], CHMU_CFG1_MODE) != 0 ||
	    c->epoch_ns < c->options.min_epoch_ms * 1000000ull ||
	    c->epoch_ns > MAX_EPOCH_MS * 1000000ull)
		return false;
	c->plan = (struct vchmu_plan){
		.loads = kind != 1,
		.stores = kind != 0,
		.unit_log2 = (uint32_t)unit,
		.downsampling_log2 = (uint32_t)sampling,
		.threshold = (uint32_t)chmu_get(c->cfg[CFG0], CHMU_CFG0_THRESHOLD),
	};
	if (c->plan.threshold == 0)
		c->plan.threshold = 1;
	return true;
}

static void set_active(struct vchmu *c, bool active)
{
	/* release, pairs with vchmu_count(): the ranges are there. */
	__atomic_store_n(&c->active, active ? pack(&c->plan) : 0, __ATOMIC_RELEASE);
}

static void begin_operation(struct vchmu *c, uint64_t operation, uint64_t now_ns)
{
	c->operation = operation;
	c->operation_end_ns = now_ns + OPERATION_NS;
}

static void end_operation(struct vchmu *c, uint64_t now_ns)
{
	if (c->operation == CHMU_OPERATION_NONE || now_ns < c->operation_end_ns)
		return;
	if (c->operation == CHMU_OPERATION_ENABLE && make_plan(c)) {
		c->epoch_end_ns = now_ns + c->epoch_ns;
		c->enabled = true;
		set_active(c, true);
	}
	if (c->operation == CHMU_OPERATION_RESET)
		clear_counters(c);
	c->operation = CHMU_OPERATION_NONE;
}

/* --- what the driver stores --- */

static void store_cfg0(struct vchmu *c, uint64_t value, uint64_t now_ns)
{
	bool enable = chmu_get(value, CHMU_CFG0_ENABLE);

	/* Reset is an order, not a state. */
	c->cfg[CFG0] = value & ~chmu_field_mask(CHMU_CFG0_RESET);
	if (!enable && c->enabled) {
		set_active(c, false);
		c->enabled = false;
		begin_operation(c, CHMU_OPERATION_DISABLE, now_ns);
	} else if (chmu_get(value, CHMU_CFG0_RESET)) {
		begin_operation(c, CHMU_OPERATION_RESET, now_ns);
	} else if (enable && !c->enabled) {
		begin_operation(c, CHMU_OPERATION_ENABLE, now_ns);
	}
}

static void store_status(struct vchmu *c, uint64_t value)
{
	if (chmu_get(value, CHMU_STATUS_OVERFLOW))
		c->overflow = false;
	if (chmu_get(value, CHMU_STATUS_FILL))
		c->fill = false;
}

static void store_range(struct vchmu *c, uint64_t reg, uint64_t value)
{
	uint64_t word = (reg - BITMAP_OFFSET) / 8;

	if (c->enabled || reg % 8)
		return;
	/* relaxed: nothing is counted now. */
	__atomic_store_n(&c->ranges[word], value, __ATOMIC_RELAXED);
	put_instance_reg(c, reg, value);
}

/* Stores that no register takes have no effect, as with any device. */
static void store(struct vchmu *c, const struct vchmu_mailbox *mail, uint64_t now_ns)
{
	uint64_t reg = mail->offset - CHMU_INSTANCES;

	if (mail->bytes == 2 && reg == CHMU_HEAD && mail->value < c->options.nr_entries)
		c->head = (uint32_t)mail->value;
	if (mail->bytes != 8)
		return;
	if (reg == CHMU_CFG0)
		store_cfg0(c, mail->value, now_ns);
	else if (reg == CHMU_CFG1 && !c->enabled)
		c->cfg[CFG1] = mail->value;
	else if (reg == CHMU_CFG2)
		c->cfg[CFG2] = mail->value;
	else if (reg == CHMU_STATUS)
		store_status(c, mail->value);
	else if (reg >= BITMAP_OFFSET && reg < VCHMU_INSTANCE_BYTES)
		store_range(c, reg, mail->value);
}

static bool take_mail(struct vchmu *c, uint64_t now_ns)
{
	struct vchmu_mailbox *box = &c->page->mailbox;
	/* acquire, pairs with the driver's release: the store is there. */
	uint64_t sent = __atomic_load_n(&box->sent, __ATOMIC_ACQUIRE);
	struct vchmu_mailbox mail = *box; /* what is checked is what is used */

	if (sent == box->done)
		return false;
	store(c, &mail, now_ns);
	publish(c);
	/* release, pairs with the driver's acquire: the registers say so before it goes on. */
	__atomic_store_n(&box->done, sent, __ATOMIC_RELEASE);
	return true;
}

void vchmu_step(struct vchmu *c, uint64_t now_ns)
{
	for (int i = 0; i < MAILS_A_STEP && take_mail(c, now_ns); i++)
		;
	end_operation(c, now_ns);
	if (c->enabled && now_ns >= c->epoch_end_ns)
		end_epoch(c, now_ns);
	publish(c);
}
