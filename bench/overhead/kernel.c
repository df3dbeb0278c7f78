// SPDX-License-Identifier: GPL-2.0-or-later
/* kernel.c - see kernel.h. */
#include "bench/overhead/kernel.h"

#include <string.h>

#include "bench/workload/random.h"

#define WORDS_PER_LINE 8u

static const struct {
	const char *name;
	uint32_t step;
} kinds[OVERHEAD_NR_KINDS] = {
	[OVERHEAD_CHASE] = { "chase", 1 },
	[OVERHEAD_UPDATE] = { "update", 2 },
	[OVERHEAD_STREAM] = { "stream", 3 },
};

const char *overhead_kind_name(enum overhead_kind kind)
{
	return kinds[kind].name;
}

int overhead_kind_find(const char *name)
{
	for (int i = 0; i < OVERHEAD_NR_KINDS; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return i;
	return -1;
}

uint32_t overhead_kind_step(enum overhead_kind kind)
{
	return kinds[kind].step;
}

/* One cycle through all lines (Sattolo): no part of memory is a shorter way round. */
static void link_lines(struct overhead_kernel *k)
{
	uint64_t nr_lines = k->nr_words / WORDS_PER_LINE, rest;

	for (uint64_t i = 0; i < nr_lines; i++)
		k->words[i * WORDS_PER_LINE] = i * WORDS_PER_LINE;
	for (uint64_t i = nr_lines - 1; i > 0; i--) {
		uint64_t other = workload_random_below(workload_random(&k->random), i, &rest);
		uint64_t next = k->words[i * WORDS_PER_LINE];

		k->words[i * WORDS_PER_LINE] = k->words[other * WORDS_PER_LINE];
		k->words[other * WORDS_PER_LINE] = next;
	}
}

void overhead_kernel_init(struct overhead_kernel *k, enum overhead_kind kind, void *memory,
			  uint64_t bytes, uint64_t seed)
{
	*k = (struct overhead_kernel){ .kind = kind,
				       .words = memory,
				       .nr_words = bytes / sizeof(uint64_t),
				       .random = workload_random_seed(seed, 0),
				       .last = memory };
	/* Every page is there before anything is measured. */
	for (uint64_t i = 0; i < k->nr_words; i++)
		k->words[i] = kind == OVERHEAD_STREAM ? i : 0;
	if (kind == OVERHEAD_CHASE)
		link_lines(k);
}

static void chase(struct overhead_kernel *k, uint64_t nr_steps)
{
	uint64_t at = k->at, sum = k->sum, last = at;

	for (uint64_t i = 0; i < nr_steps; i++) {
		last = at;
		at = k->words[at];
		sum += at;
	}
	k->last = &k->words[last];
	k->at = at;
	k->sum = sum;
	k->last_is_write = false;
}

static void update(struct overhead_kernel *k, uint64_t nr_steps)
{
	uint64_t random = k->random, sum = k->sum, at = 0, rest;

	for (uint64_t i = 0; i < nr_steps; i++) {
		uint64_t value = workload_random(&random);

		at = workload_random_below(value, k->nr_words, &rest);
		k->words[at] ^= value;
		sum ^= value;
	}
	k->last = &k->words[at];
	k->random = random;
	k->sum = sum;
	k->last_is_write = true;
}

/* a[i] = b[i] + 3 c[i] over three arrays, round and round. */
static void stream(struct overhead_kernel *k, uint64_t nr_steps)
{
	uint64_t nr = k->nr_words / 3, i = k->at, last = i;
	volatile uint64_t *a = k->words, *b = a + nr, *c = b + nr;

	while (nr_steps--) {
		a[i] = b[i] + 3 * c[i];
		last = i;
		if (++i == nr)
			i = 0;
	}
	k->last = &a[last];
	k->at = i;
	k->last_is_write = true;
}

uint64_t overhead_kernel_run(struct overhead_kernel *k, uint64_t nr)
{
	uint32_t step = overhead_kind_step(k->kind);
	uint64_t nr_steps = (nr + step - 1) / step;

	if (nr_steps == 0)
		return 0;
	if (k->kind == OVERHEAD_CHASE)
		chase(k, nr_steps);
	else if (k->kind == OVERHEAD_UPDATE)
		update(k, nr_steps);
	else
		stream(k, nr_steps);
	return nr_steps * step;
}
