// SPDX-License-Identifier: GPL-2.0-or-later
/* chmu_tune.c - see chmu_tune.h. */
#include "sources/chmu_tune.h"

#define FIRST_EPOCH_NS 200000000ull
#define FIRST_THRESHOLD 16u
#define PAGE_LOG2 12u
/* Of the hotlist: below, colder granules are asked for; above, only hotter ones. */
#define LOW_PERMILLE 300u
#define HIGH_PERMILLE 800u
#define TOO_LOW_NS 30000000000ull
#define CALM_NS 60000000000ull
/* So many entries a drain are reported at once; more would only be dropped. */
#define ENTRIES_MAX 16384u

void chmu_tuner_init(struct chmu_tuner *tuner, uint64_t now_ns)
{
	*tuner = (struct chmu_tuner){ .rate_permille = 1000, .changed_ns = now_ns };
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* The nearest bit of @set above @bit, or below it; @bit itself when there is none. */
static uint32_t next_bit(uint32_t set, uint32_t bit, bool up)
{
	for (uint32_t b = bit; up ? ++b < 32 : b-- > 0;)
		if (set >> b & 1)
			return b;
	return bit;
}

struct chmu_config chmu_tuner_first(const struct chmu_limits *limits)
{
	uint32_t unit = PAGE_LOG2;

	/* A page, else what is just coarser, else the coarsest there is. */
	if (!(limits->unit_log2s >> unit & 1))
		unit = next_bit(limits->unit_log2s, unit, true);
	if (!(limits->unit_log2s >> unit & 1))
		unit = next_bit(limits->unit_log2s, unit, false);
	return (struct chmu_config){
		.threshold = (uint32_t)clamp(FIRST_THRESHOLD, 1, limits->max_threshold),
		.unit_log2 = unit,
		.epoch_ns = clamp(FIRST_EPOCH_NS, limits->min_epoch_ns, limits->max_epoch_ns),
	};
}

static bool shorten(const struct chmu_limits *limits, struct chmu_config *config)
{
	uint64_t before_ns = config->epoch_ns;

	config->epoch_ns = clamp(before_ns / 2, limits->min_epoch_ns, limits->max_epoch_ns);
	return config->epoch_ns != before_ns;
}

static bool step_bit(uint32_t set, bool up, uint32_t *bit)
{
	uint32_t before = *bit;

	*bit = next_bit(set, before, up);
	return *bit != before;
}

/* Counters at their end rank nothing. */
static bool unsaturate(const struct chmu_limits *limits, struct chmu_config *config)
{
	if (shorten(limits, config)) {
		config->threshold = (config->threshold + 1) / 2;
		return true;
	}
	return step_bit(limits->downsampling_log2s, true, &config->downsampling_log2);
}

static bool ask_for_less(struct chmu_tuner *t, const struct chmu_limits *limits,
			 const struct chmu_seen *seen, struct chmu_config *config)
{
	uint64_t threshold = config->threshold;

	if (seen->overflow && threshold >= t->too_low) {
		t->too_low = config->threshold;
		t->too_low_ns = seen->now_ns;
	}
	if (threshold < limits->max_threshold) {
		threshold += seen->overflow ? threshold : threshold / 4 + 1;
		config->threshold = (uint32_t)clamp(threshold, 1, limits->max_threshold);
		return true;
	}
	t->changed_ns = seen->now_ns;
	return shorten(limits, config) || step_bit(limits->unit_log2s, true, &config->unit_log2);
}

static bool ask_for_more(const struct chmu_tuner *t, const struct chmu_limits *limits,
			 const struct chmu_seen *seen, struct chmu_config *config)
{
	uint32_t threshold = config->threshold, floor = t->too_low + 1;

	(void)limits;
	threshold = seen->nr_entries ? threshold - (threshold + 3) / 4 : threshold / 4;
	/* Half way to what was too low is the nearest that one goes to it. */
	if (t->too_low && threshold < t->too_low + (config->threshold - t->too_low) / 2)
		threshold = t->too_low + (config->threshold - t->too_low) / 2;
	if (threshold < floor)
		threshold = floor;
	if (threshold >= config->threshold)
		return false;
	config->threshold = threshold;
	return true;
}

/* What an emergency changed goes back to what it was at first. */
static bool relax(struct chmu_tuner *t, const struct chmu_limits *limits,
		  const struct chmu_seen *seen, struct chmu_config *config)
{
	struct chmu_config first = chmu_tuner_first(limits);
	bool changed = false;

	if (seen->now_ns - t->changed_ns < CALM_NS)
		return false;
	if (config->downsampling_log2 > 0)
		changed = step_bit(limits->downsampling_log2s, false, &config->downsampling_log2);
	else if (config->unit_log2 > first.unit_log2)
		changed = step_bit(limits->unit_log2s, false, &config->unit_log2);
	else if (config->epoch_ns < first.epoch_ns) {
		config->epoch_ns =
				clamp(2 * config->epoch_ns, limits->min_epoch_ns, first.epoch_ns);
		changed = true;
	}
	if (changed)
		t->changed_ns = seen->now_ns;
	return changed;
}

bool chmu_tuner_step(struct chmu_tuner *t, const struct chmu_limits *limits,
		     const struct chmu_seen *seen, struct chmu_config *config)
{
	uint64_t room = clamp(limits->hotlist_entries, 1, ENTRIES_MAX) * t->rate_permille / 1000;
	double entries = (double)seen->nr_entries / (seen->nr_epochs > 1 ? seen->nr_epochs : 1);
	uint64_t high = room * HIGH_PERMILLE / 1000 + 1, low = room * LOW_PERMILLE / 1000;

	if (t->too_low && seen->now_ns - t->too_low_ns >= TOO_LOW_NS)
		t->too_low = 0;
	if (seen->overflow || entries > (double)high)
		return ask_for_less(t, limits, seen, config);
	if (seen->nr_entries > 16 && seen->nr_saturated > seen->nr_entries / 8) {
		t->changed_ns = seen->now_ns;
		return unsaturate(limits, config);
	}
	if (relax(t, limits, seen, config))
		return true;
	if (entries < (double)low)
		return ask_for_more(t, limits, seen, config);
	return false;
}
