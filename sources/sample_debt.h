/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sample_debt.h - samples that should be there and are not.
 *
 * The kernel says how many it lost, never which.  What is known: they were of the same
 * CPU, and of about the same time.  So what is lost becomes a debt, counted in samples,
 * and the next samples of that CPU pay it off: each stands for a few more periods than its
 * own.  Every sample pays, also one that nobody watches, so accesses over time stay what
 * they were, for each process; and the monitor knows from their unlike weights that it is
 * less sure.
 */
#ifndef SOURCES_SAMPLE_DEBT_H
#define SOURCES_SAMPLE_DEBT_H

#include <stdint.h>

/* A sample pays for so many others at most: one may be a chance, and it should not shout. */
#define SAMPLE_DEBT_PAY 15.0
/* More is forgiven: it would be paid by samples of another time. */
#define SAMPLE_DEBT_MOST 4096.0

struct sample_debt {
	double owed; /* samples */
};

static inline void sample_debt_add(struct sample_debt *debt, double samples)
{
	debt->owed += samples;
	if (debt->owed > SAMPLE_DEBT_MOST)
		debt->owed = SAMPLE_DEBT_MOST;
}

/* Return: for how many others a sample stands besides itself, @most at most. */
static inline double sample_debt_pay(struct sample_debt *debt, double most)
{
	double pays = debt->owed < SAMPLE_DEBT_PAY ? debt->owed : SAMPLE_DEBT_PAY;

	pays = pays < most ? pays : most;
	if (pays < 0)
		pays = 0;
	debt->owed -= pays;
	return pays;
}

/*
 * Return: samples that are missing when @nr came in @elapsed_ns, for @off_ns of which the
 * event was stopped.  As many a second as while it ran; nothing is known if none came.
 */
static inline double sample_debt_of_pause(uint64_t nr, uint64_t off_ns, uint64_t elapsed_ns)
{
	uint64_t most_ns = elapsed_ns - elapsed_ns / 16;

	if (off_ns > most_ns)
		off_ns = most_ns;
	return off_ns ? (double)nr * (double)off_ns / (double)(elapsed_ns - off_ns) : 0;
}

#endif
