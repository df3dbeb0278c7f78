/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pfn_directory.c - slots that say where in a sorted array the runs of a frame begin. */
#include "tests/unit/test.h"

#include "core/pfn_directory.h"
#include "core/pfn_index.h"

static struct pfn_run runs[3000];

/* The runs of @pfn and the first behind it are within its slot. */
static void check(const struct pfn_directory *d, size_t nr, uint64_t pfn)
{
	size_t slot = pfn_directory_slot(d, pfn), first = 0;

	while (first < nr && runs[first].pfn < pfn)
		first++;
	assert_true(slot < d->nr);
	assert_true(d->starts[slot] <= first && first <= d->starts[slot + 1]);
}

static void slot_of_each_frame_holds_its_runs(void **state)
{
	struct pfn_directory d = { 0 };
	uint64_t random = 88172645463325252ull, pfn = 1ull << 33;

	(void)state;
	for (size_t round = 0; round < 4; round++) {
		size_t nr = round == 0 ? 1 : round * 900;
		/* Dense, scattered, far apart; some of several owners. */
		uint64_t step = 1ull << (10 * round);

		for (size_t i = 0; i < nr; i++) {
			runs[i].pfn = pfn;
			pfn += test_random(&random) % 4 ? 1 + test_random(&random) % step : 0;
		}
		pfn_directory_make(&d, runs, nr);
		assert_true(d.nr >= 1 && d.nr <= 2 * nr + 1);
		assert_int_equal(d.starts[d.nr], nr);
		for (size_t i = 0; i < nr; i += 7) {
			check(&d, nr, runs[i].pfn);
			check(&d, nr, runs[i].pfn + 1);
			check(&d, nr, runs[i].pfn - 1);
		}
		check(&d, nr, 0);
		check(&d, nr, UINT64_MAX);
	}
	pfn_directory_fini(&d);
	pfn_directory_fini(&d);
}

static void of_no_runs_it_is_not_valid(void **state)
{
	struct pfn_directory d = { 0 };

	(void)state;
	runs[0].pfn = 5;
	pfn_directory_make(&d, runs, 1);
	assert_int_equal(d.nr, 1);
	pfn_directory_make(&d, runs, 0);
	assert_int_equal(d.nr, 0);
	pfn_directory_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slot_of_each_frame_holds_its_runs),
		cmocka_unit_test(of_no_runs_it_is_not_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
