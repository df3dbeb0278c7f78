// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * chmu_unit.c - see chmu_unit.h.  Runs in the thread of the source.
 *
 * The order of a start is that of the kernel's proposed driver: reset, wait, granule and
 * epoch, ranges, fill level, threshold and enable in one word, wait.  Interrupts stay off:
 * user space has no handler for them, the status bits say the same.
 */
#include "sources/chmu_unit.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "core/error.h"

#define POLL_NS 1000000ull
#define TIMEOUT_NS 1000000000ull
/* Also where the clock stands still. */
#define POLLS_MAX 2000
#define ALL_ONES UINT64_MAX
#define INSTANCES_MAX 255u

/* --- registers --- */

static uint64_t mapped_read(const struct chmu_io *io, size_t offset, size_t bytes)
{
	if (bytes == sizeof(uint16_t))
		return *(volatile uint16_t *)(io->base + offset);
	return *(volatile uint64_t *)(io->base + offset);
}

static void mapped_write(const struct chmu_io *io, size_t offset, uint64_t value, size_t bytes)
{
	if (bytes == sizeof(uint16_t))
		*(volatile uint16_t *)(io->base + offset) = (uint16_t)value;
	else
		*(volatile uint64_t *)(io->base + offset) = value;
}

static void mapped_pause(const struct chmu_io *io, uint64_t ns)
{
	const struct timespec pause = { .tv_nsec = (long)ns };

	(void)io;
	(void)nanosleep(&pause, NULL);
}

const struct chmu_io_ops chmu_io_mapped = {
	.read = mapped_read,
	.write = mapped_write,
	.pause = mapped_pause,
};

static uint64_t read_block(const struct chmu_io *io, size_t offset)
{
	return io->ops->read(io, offset, sizeof(uint64_t));
}

static uint64_t read_reg(const struct chmu_unit *u, size_t reg)
{
	return read_block(u->io, u->offset + reg);
}

static void write_reg(const struct chmu_unit *u, size_t reg, uint64_t value)
{
	u->io->ops->write(u->io, u->offset + reg, value, sizeof(value));
}

static int is_gone(void)
{
	return thermo_fail(-ENODEV, "chmu: all registers read as ones: the device was unplugged "
				    "or is off");
}

/* A status of all ones is no status: no operation has such a number. */
static int read_status(const struct chmu_unit *u, uint64_t *status)
{
	uint64_t value = read_reg(u, CHMU_STATUS);

	if (value == ALL_ONES)
		return is_gone();
	*status = value;
	return 0;
}

/* --- what there is --- */

int chmu_block_read(const struct chmu_io *io, struct chmu_block *block)
{
	uint64_t cap, length;

	if (io->bytes < CHMU_INSTANCES)
		return thermo_fail(-EBADMSG, "chmu: %zu bytes of registers hold no header",
				   io->bytes);
	cap = read_block(io, CHMU_COMMON_CAP);
	length = read_block(io, CHMU_COMMON_LENGTH);
	if (cap == ALL_ONES)
		return is_gone();
	struct chmu_block found = {
		.version = (unsigned int)chmu_get(cap, CHMU_COMMON_VERSION),
		.nr_instances = (unsigned int)chmu_get(cap, CHMU_COMMON_NR_INSTANCES),
		.instance_bytes = chmu_get(length, CHMU_COMMON_INSTANCE_BYTES),
	};

	if (found.nr_instances == 0 || found.instance_bytes < CHMU_INSTANCE_MIN_BYTES ||
	    found.instance_bytes % sizeof(uint64_t) ||
	    CHMU_INSTANCES + found.nr_instances * found.instance_bytes > io->bytes)
		return thermo_fail(-EBADMSG,
				   "chmu: header says %u instances of %zu bytes, in %zu: this is "
				   "no CHMU",
				   found.nr_instances, found.instance_bytes, io->bytes);
	*block = found;
	return 0;
}

static void decode_cap0(struct chmu_caps *caps, uint64_t cap)
{
	/* A request n is bit n - 1 there, and bit n with us. */
	caps->requests = (uint32_t)chmu_get(cap, CHMU_CAP0_REQUESTS) << 1;
	caps->overflow_interrupt = chmu_get(cap, CHMU_CAP0_OVERFLOW_INT);
	caps->fill_interrupt = chmu_get(cap, CHMU_CAP0_FILL_INT);
	caps->per_counter_epochs = chmu_get(cap, CHMU_CAP0_EPOCH_TYPE) == 1;
	caps->max_epoch_ns = chmu_get(cap, CHMU_CAP0_MAX_EPOCH_MULTIPLIER) *
			     chmu_epoch_unit_ns((unsigned)chmu_get(cap, CHMU_CAP0_MAX_EPOCH_SCALE));
	caps->min_epoch_ns = chmu_get(cap, CHMU_CAP0_MIN_EPOCH_MULTIPLIER) *
			     chmu_epoch_unit_ns((unsigned)chmu_get(cap, CHMU_CAP0_MIN_EPOCH_SCALE));
	caps->hotlist_entries = (uint32_t)chmu_get(cap, CHMU_CAP0_HOTLIST_ENTRIES);
}

static void decode_cap1(struct chmu_caps *caps, uint64_t cap)
{
	/* Bit 0 is 256 bytes; what a shift drops is beyond what CFG1 can ask for. */
	caps->unit_log2s = (uint32_t)chmu_get(cap, CHMU_CAP1_UNIT_SIZES) << CHMU_UNIT_LOG2_MIN;
	/* None said is as good as "each request is looked at". */
	caps->downsampling_log2s = (uint32_t)chmu_get(cap, CHMU_CAP1_DOWNSAMPLINGS) | 1;
	caps->epoch_mode = chmu_get(cap, CHMU_CAP1_EPOCH_MODE);
	caps->always_on_mode = chmu_get(cap, CHMU_CAP1_ALWAYS_ON_MODE);
	caps->random_downsampling = chmu_get(cap, CHMU_CAP1_RANDOM_DOWNSAMPLING);
	caps->overlapping_ranges = chmu_get(cap, CHMU_CAP1_OVERLAPPING_RANGES);
	caps->postponed_insert = chmu_get(cap, CHMU_CAP1_POSTPONED_INSERT);
}

/* Where bitmap and hotlist are is the unit's word: checked against what is mapped. */
static int place(struct chmu_unit *u, size_t instance_bytes)
{
	struct chmu_caps *caps = &u->caps;
	uint64_t bitmap = read_reg(u, CHMU_CAP2), hotlist = read_reg(u, CHMU_CAP3);
	uint64_t room = u->io->bytes - u->offset;
	uint64_t bitmap_end = hotlist > bitmap ? hotlist : instance_bytes;

	if (bitmap < CHMU_INSTANCE_MIN_BYTES || hotlist < CHMU_INSTANCE_MIN_BYTES ||
	    (bitmap | hotlist) % sizeof(uint64_t) || bitmap >= room || hotlist >= room ||
	    caps->hotlist_entries > (room - hotlist) / sizeof(uint64_t) || bitmap_end <= bitmap)
		return thermo_fail(-EBADMSG,
				   "chmu: instance %u: bitmap at %#" PRIx64 ", hotlist of %u at "
				   "%#" PRIx64 ", in %#" PRIx64 " bytes: cannot be",
				   u->index, bitmap, caps->hotlist_entries, hotlist, room);
	caps->bitmap_offset = u->offset + bitmap;
	caps->bitmap_bytes = bitmap_end - bitmap;
	caps->hotlist_offset = u->offset + hotlist;
	return 0;
}

int chmu_unit_open(struct chmu_unit *unit, const struct chmu_io *io, const struct chmu_block *block,
		   unsigned int index)
{
	struct chmu_unit u = { .io = io, .index = index };
	struct chmu_caps *caps = &u.caps;
	uint64_t cap;

	if (index >= block->nr_instances || index >= INSTANCES_MAX)
		return thermo_fail(-EINVAL, "chmu: no instance %u", index);
	u.offset = CHMU_INSTANCES + index * block->instance_bytes;
	cap = read_reg(&u, CHMU_CAP0);
	if (cap == ALL_ONES)
		return is_gone();
	decode_cap0(caps, cap);
	decode_cap1(caps, read_reg(&u, CHMU_CAP1));
	/* A ring of one entry is full when it is empty. */
	if (caps->hotlist_entries < 2 || !caps->unit_log2s || !caps->requests ||
	    caps->min_epoch_ns == 0 || caps->min_epoch_ns > caps->max_epoch_ns)
		return thermo_fail(-EBADMSG,
				   "chmu: instance %u: hotlist of %u, granules %#x, requests %#x, "
				   "epochs %" PRIu64 " to %" PRIu64 " ns: cannot be",
				   index, caps->hotlist_entries, caps->unit_log2s, caps->requests,
				   caps->min_epoch_ns, caps->max_epoch_ns);
	int err = place(&u, block->instance_bytes);

	if (!err)
		*unit = u;
	return err;
}

int chmu_unit_is_enabled(const struct chmu_unit *unit)
{
	uint64_t status = 0;
	int err = read_status(unit, &status);

	return err ? err : (int)chmu_get(status, CHMU_STATUS_ENABLED);
}

/* --- what is asked of it --- */

uint64_t chmu_epoch_encode(uint64_t epoch_ns, unsigned int *scale, unsigned int *multiplier)
{
	unsigned int s = 1;

	/* The finest unit that reaches so far. */
	while (chmu_epoch_unit_ns(s + 1) &&
	       epoch_ns > CHMU_EPOCH_MULTIPLIER_MAX * chmu_epoch_unit_ns(s))
		s++;
	uint64_t n = (epoch_ns + chmu_epoch_unit_ns(s) / 2) / chmu_epoch_unit_ns(s);

	if (n == 0)
		n = 1;
	if (n > CHMU_EPOCH_MULTIPLIER_MAX)
		n = CHMU_EPOCH_MULTIPLIER_MAX;
	*scale = s;
	*multiplier = (unsigned int)n;
	return n * chmu_epoch_unit_ns(s);
}

/* The least bit of @set that is @wanted or more, else the greatest; @set is not 0. */
static uint32_t nearest_bit(uint32_t set, uint32_t wanted)
{
	uint32_t above = wanted < 32 ? set & ~((1u << wanted) - 1) : 0;

	return above ? (uint32_t)__builtin_ctz(above) : 31u - (uint32_t)__builtin_clz(set);
}

/* All of the host's traffic is TEE's or not; where only the latter can be told, it will do. */
static int fit_request(const struct chmu_caps *caps, uint32_t *request)
{
	uint32_t wanted = *request;

	if (wanted < CHMU_REQUEST_NONTEE_READ || wanted > CHMU_REQUEST_ALL)
		return thermo_fail(-EINVAL, "chmu: request %u: there is no such", wanted);
	if (!(caps->requests >> wanted & 1) && wanted >= CHMU_REQUEST_READ)
		wanted -= CHMU_REQUEST_READ - CHMU_REQUEST_NONTEE_READ;
	if (!(caps->requests >> wanted & 1))
		return thermo_fail(-EOPNOTSUPP,
				   "chmu: this unit cannot count such requests (only %#x): "
				   "ask for others by --chmu-count",
				   caps->requests);
	*request = wanted;
	return 0;
}

int chmu_unit_fit(const struct chmu_unit *unit, struct chmu_config *config)
{
	const struct chmu_caps *caps = &unit->caps;
	struct chmu_config fit = *config;
	unsigned int scale, multiplier;
	int err = fit_request(caps, &fit.request);

	if (err)
		return err;
	if (!caps->epoch_mode)
		return thermo_fail(-EOPNOTSUPP,
				   "chmu: instance %u counts no epochs, only from "
				   "when it was enabled: its counts say nothing of rates",
				   unit->index);
	fit.unit_log2 = nearest_bit(caps->unit_log2s, fit.unit_log2);
	fit.downsampling_log2 = nearest_bit(caps->downsampling_log2s, fit.downsampling_log2);
	if (fit.epoch_ns < caps->min_epoch_ns)
		fit.epoch_ns = caps->min_epoch_ns;
	if (fit.epoch_ns > caps->max_epoch_ns)
		fit.epoch_ns = caps->max_epoch_ns;
	fit.epoch_ns = chmu_epoch_encode(fit.epoch_ns, &scale, &multiplier);
	if (fit.threshold == 0)
		fit.threshold = 1;
	*config = fit;
	return 0;
}

/* --- orders --- */

/*
 * The first look comes after a pause: a posted write may arrive later than a read that
 * follows it.
 */
static int wait_for(const struct chmu_unit *u, bool enabled, const char *what)
{
	uint64_t end_ns = thermo_host_now_ns(u->io->host) + TIMEOUT_NS, status = 0;
	int err, left = POLLS_MAX;

	do {
		u->io->ops->pause(u->io, POLL_NS);
		err = read_status(u, &status);
		if (err)
			return err;
		if (chmu_get(status, CHMU_STATUS_OPERATION) == CHMU_OPERATION_NONE &&
		    chmu_get(status, CHMU_STATUS_ENABLED) == enabled)
			return 0;
	} while (thermo_host_now_ns(u->io->host) < end_ns && --left);
	return thermo_fail(-ETIMEDOUT,
			   "chmu: instance %u does not %s (status %#" PRIx64
			   " after a second): reset the device",
			   u->index, what, status);
}

int chmu_unit_stop(struct chmu_unit *unit)
{
	int enabled = chmu_unit_is_enabled(unit);
	uint64_t cfg;

	if (enabled <= 0)
		return enabled;
	cfg = read_reg(unit, CHMU_CFG0);
	cfg &= ~(chmu_field_mask(CHMU_CFG0_ENABLE) | chmu_field_mask(CHMU_CFG0_RESET));
	write_reg(unit, CHMU_CFG0, cfg);
	return wait_for(unit, false, "stop");
}

static int reset(const struct chmu_unit *u)
{
	write_reg(u, CHMU_CFG0, chmu_put(1, CHMU_CFG0_RESET));
	return wait_for(u, false, "reset its counters");
}

/* Only which words hold the range is known, not how long the bitmap is: no others are touched. */
static int write_ranges(const struct chmu_unit *u, const struct chmu_config *config)
{
	uint64_t first = config->range_start / CHMU_RANGE_BYTES;
	uint64_t last = (config->range_start + config->range_bytes - 1) / CHMU_RANGE_BYTES;

	if (config->range_bytes == 0 || last < first || last / 8 >= u->caps.bitmap_bytes)
		return thermo_fail(-EOPNOTSUPP,
				   "chmu: instance %u: device addresses from %#" PRIx64
				   " on, %#" PRIx64
				   " bytes: its bitmap of %zu bytes does not reach",
				   u->index, config->range_start, config->range_bytes,
				   u->caps.bitmap_bytes);
	for (uint64_t word = 0; word <= last / 64; word++) {
		uint64_t bits = 0;

		for (uint64_t bit = 0; bit < 64; bit++)
			if (word * 64 + bit >= first && word * 64 + bit <= last)
				bits |= 1ull << bit;
		u->io->ops->write(u->io, u->caps.bitmap_offset + word * sizeof(bits), bits,
				  sizeof(bits));
	}
	return 0;
}

/* How many bits its counters have depends on the granule: known only after that was said. */
static int write_granule(struct chmu_unit *u, const struct chmu_config *config)
{
	unsigned int scale, multiplier;
	uint64_t status = 0;
	int err;

	(void)chmu_epoch_encode(config->epoch_ns, &scale, &multiplier);
	write_reg(u, CHMU_CFG1,
		  chmu_put(config->unit_log2, CHMU_CFG1_UNIT_LOG2) |
				  chmu_put(config->downsampling_log2, CHMU_CFG1_DOWNSAMPLING_LOG2) |
				  chmu_put(scale, CHMU_CFG1_EPOCH_SCALE) |
				  chmu_put(multiplier, CHMU_CFG1_EPOCH_MULTIPLIER));
	u->io->ops->pause(u->io, POLL_NS);
	err = read_status(u, &status);
	if (err)
		return err;
	u->counter_bits = (unsigned int)chmu_get(status, CHMU_STATUS_COUNTER_BITS);
	if (u->counter_bits == 0 || u->counter_bits > 63)
		return thermo_fail(-EBADMSG, "chmu: instance %u: counters of %u bits: cannot be",
				   u->index, u->counter_bits);
	return 0;
}

static void enable(struct chmu_unit *u)
{
	struct chmu_config *config = &u->config;
	bool random = u->caps.random_downsampling && config->downsampling_log2 > 0;

	if (u->counter_bits < 32 && config->threshold >= 1u << u->counter_bits)
		config->threshold = (1u << u->counter_bits) - 1;
	write_reg(u, CHMU_CFG2, chmu_put(u->caps.hotlist_entries / 2, CHMU_CFG2_FILL_ENTRIES));
	write_reg(u, CHMU_CFG0,
		  chmu_put(config->request, CHMU_CFG0_REQUEST) |
				  chmu_put(random, CHMU_CFG0_RANDOM_DOWNSAMPLING) |
				  chmu_put(config->threshold, CHMU_CFG0_THRESHOLD) |
				  chmu_put(1, CHMU_CFG0_ENABLE));
}

/* --- the hotlist --- */

static uint32_t read_index(const struct chmu_unit *u, size_t reg)
{
	return (uint32_t)u->io->ops->read(u->io, u->offset + reg, sizeof(uint16_t));
}

static void write_head(const struct chmu_unit *u, uint32_t head)
{
	u->io->ops->write(u->io, u->offset + CHMU_HEAD, head, sizeof(uint16_t));
}

static int read_indices(const struct chmu_unit *u, uint32_t *head, uint32_t *tail)
{
	uint32_t size = u->caps.hotlist_entries;

	*head = read_index(u, CHMU_HEAD);
	*tail = read_index(u, CHMU_TAIL);
	if (*head < size && *tail < size)
		return 0;
	return thermo_fail(-EBADMSG, "chmu: instance %u: head %u, tail %u of a hotlist of %u",
			   u->index, *head, *tail, size);
}

/* What a former owner left there is nothing of ours. */
static int empty_hotlist(const struct chmu_unit *u)
{
	uint32_t tail = read_index(u, CHMU_TAIL);

	if (tail >= u->caps.hotlist_entries)
		return thermo_fail(-EBADMSG, "chmu: instance %u: tail %u of a hotlist of %u",
				   u->index, tail, u->caps.hotlist_entries);
	write_head(u, tail);
	write_reg(u, CHMU_STATUS,
		  chmu_put(1, CHMU_STATUS_OVERFLOW) | chmu_put(1, CHMU_STATUS_FILL));
	return 0;
}

int chmu_unit_start(struct chmu_unit *unit, const struct chmu_config *config)
{
	int err = chmu_unit_stop(unit);

	unit->config = *config;
	if (!err)
		err = reset(unit);
	if (!err)
		err = write_granule(unit, config);
	if (!err)
		err = write_ranges(unit, config);
	if (!err)
		err = empty_hotlist(unit);
	if (err)
		return err;
	enable(unit);
	return wait_for(unit, true, "start");
}

int chmu_unit_drain(struct chmu_unit *unit, uint64_t *entries, size_t max,
		    struct chmu_drained *drained)
{
	uint32_t size = unit->caps.hotlist_entries, head = 0, tail = 0;
	struct chmu_drained found = { 0 };
	uint64_t status = 0, events;
	int err = read_status(unit, &status);

	if (!err)
		err = read_indices(unit, &head, &tail);
	if (err)
		return err;
	/* Events first: what overflows from here on is told by the next look. */
	events = status &
		 (chmu_field_mask(CHMU_STATUS_OVERFLOW) | chmu_field_mask(CHMU_STATUS_FILL));
	if (events)
		write_reg(unit, CHMU_STATUS, events);
	found.overflow = chmu_get(status, CHMU_STATUS_OVERFLOW);
	found.fill = chmu_get(status, CHMU_STATUS_FILL);
	for (; head != tail && found.nr < max; head = (head + 1) % size)
		entries[found.nr++] = read_block(unit->io, unit->caps.hotlist_offset +
									   head * sizeof(*entries));
	found.more = head != tail;
	/* Unplugged meanwhile: the entries are ones, not addresses. */
	err = read_status(unit, &status);
	if (err)
		return err;
	if (found.nr)
		write_head(unit, head);
	*drained = found;
	return 0;
}
