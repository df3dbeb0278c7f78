/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test.h - what every unit test includes: cmocka, and asserts that it lacks. */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "thermocline/error.h"

/* The reason of the last failure holds @part. */
static inline void assert_reason(const char *part)
{
	if (!strstr(thermo_last_error(), part))
		fail_msg("expected '%s' in the reason, which is '%s'", part, thermo_last_error());
}

/* Within @percent of what it should be. */
static inline void assert_near(double is, double should, double percent)
{
	if (!(fabs(is - should) <= fabs(should) * percent / 100))
		fail_msg("%g is not within %g %% of %g", is, percent, should);
}

/* Marsaglia, "Xorshift RNGs" (2003): the same numbers in every run. */
static inline uint64_t test_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
