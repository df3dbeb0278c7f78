/* SPDX-License-Identifier: GPL-2.0-or-later */
/* history.h - a truth file as a whole: accesses of each page, record by record, in guest time. */
#ifndef ACCURACY_HISTORY_H
#define ACCURACY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/lab/truth/format.h"

/* The workload's window begins with its mailbox and what is needed to align the rest. */
enum { HISTORY_FIRST_PAGE = 512 };

/* What a COUNTS record covers, at most a second or so. */
struct history_slice {
	double start_s; /* the guest's clock */
	double end_s;
	size_t phase;
	uint32_t *counts; /* of each page but the first ones */
};

struct history_phase {
	char name[TRUTH_TEXT_MAX + 1];
	double start_s;
	double end_s;
};

/* Zeroed is empty. */
struct history {
	uint64_t nr_pages; /* from HISTORY_FIRST_PAGE on */
	uint32_t nr_cpus;
	struct history_slice *slices;
	size_t nr_slices;
	struct history_phase *phases;
	size_t nr_phases;
	uint64_t *reads; /* [page][cpu], over all phases */
	uint64_t *writes;
};

/* Return: 0, or -errno; -EBADMSG for a file without the guest's clock or a window. */
int history_read(struct history *history, const char *path);
void history_fini(struct history *history);

/**
 * history_sum() - Accesses of each page in the @last_s seconds before @time_s, in its phase.
 * @last_s:	0: all of the phase, also what comes after: for what does not change in it.
 * @counts:	Room for nr_pages.
 *
 * A slice belongs to it when the middle of it does.
 *
 * Return: the phase, or -1 when @time_s is in none.
 */
int history_sum(const struct history *history, double time_s, double last_s, uint64_t *counts);

#endif
