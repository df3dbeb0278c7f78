/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_region_parts.c - cuts, parts and merges: where evidence goes when regions change. */
#include "tests/unit/test.h"

#include "core/region.h"
#include "tests/unit/core/close_window.h"

#define PAGE 4096ull
#define MIB (1ull << 20)
#define SECOND 1000000000ull
#define HALF_LIFE (5 * SECOND)

static struct region make_region(uint64_t start, uint64_t end)
{
	struct region r;

	region_init(&r, start, end);
	return r;
}

static struct region random_region(uint64_t max_pages, uint64_t *random)
{
	uint64_t start = PAGE * (1 + test_random(random) % 1000000);

	return make_region(start, start + PAGE * (2 + test_random(random) % (max_pages - 1)));
}

static void fill(struct region *r, uint64_t *random)
{
	struct thermo_access by = { .cpu = 1, .tid = 10, .op = THERMO_OP_READ };

	for (int i = 0; i < 20; i++) {
		uint64_t at = r->start + test_random(random) % region_bytes(r);
		double events = (double)(test_random(random) % 100);

		region_add(r, at, at + 1 + test_random(random) % (2 * MIB), events,
			   1 + (double)(test_random(random) % 100000));
		region_add_scanned(r, events / 2);
		attribution_add(&r->who, &by, (float)events);
	}
}

static void close(struct region *r)
{
	(void)region_close_window(r, SECOND, HALF_LIFE, 0);
}

static void cut_falls_where_the_rate_changes(void **state)
{
	(void)state;
	for (uint64_t hot = 1; hot < EVIDENCE_BINS; hot++) {
		struct region r = make_region(64 * MIB, 72 * MIB);
		struct cut cuts[EVIDENCE_BINS - 1];

		region_add(&r, 64 * MIB, 72 * MIB, 8, 8.0 * MIB);
		region_add(&r, (64 + hot) * MIB, 72 * MIB, 500, 0);
		close(&r);
		assert_int_equal(region_cuts(&r, cuts), 1);
		assert_int_equal(cuts[0].at, (64 + hot) * MIB);
		assert_true(cuts[0].gain > SIGNIFICANT);
	}
}

static void hot_spot_inside_is_cut_out_on_both_sides(void **state)
{
	struct region r = make_region(64 * MIB, 72 * MIB);
	struct cut cuts[EVIDENCE_BINS - 1];

	(void)state;
	region_add(&r, 64 * MIB, 72 * MIB, 8, 8.0 * MIB);
	region_add(&r, 67 * MIB, 68 * MIB, 500, 0);
	close(&r);
	assert_int_equal(region_cuts(&r, cuts), 2);
	assert_int_equal(cuts[0].at, 67 * MIB);
	assert_int_equal(cuts[1].at, 68 * MIB);
}

/* Wherever it is cut in two, both sides are much alike on the whole; at the edge they are not. */
static void alternating_bins_are_all_cut(void **state)
{
	struct region r = make_region(0, 8 * MIB);
	struct cut cuts[EVIDENCE_BINS - 1];

	(void)state;
	region_add(&r, 0, 8 * MIB, 80000, 8.0 * MIB);
	for (uint64_t i = 0; i < EVIDENCE_BINS; i += 2)
		region_add(&r, i * MIB, (i + 1) * MIB, 25000, 0);
	region_add_scanned(&r, 180000);
	close(&r);
	assert_int_equal(region_cuts(&r, cuts), EVIDENCE_BINS - 1);
}

static void even_silent_unobserved_and_single_page_are_not_cut(void **state)
{
	struct region even = make_region(0, 8 * MIB), page = make_region(PAGE, 2 * PAGE);
	struct region silent = make_region(0, 8 * MIB), unobserved = make_region(0, 8 * MIB);
	struct cut cuts[EVIDENCE_BINS - 1];

	(void)state;
	region_add(&even, 0, 8 * MIB, 10000, 8.0 * MIB);
	close(&even);
	assert_int_equal(region_cuts(&even, cuts), 0);
	region_add(&silent, 0, 8 * MIB, 0, 8.0 * MIB);
	close(&silent);
	assert_int_equal(region_cuts(&silent, cuts), 0);
	assert_int_equal(region_cuts(&unobserved, cuts), 0);
	region_add(&page, PAGE, 2 * PAGE, 1, PAGE);
	region_add(&page, PAGE, PAGE + 64, 10000, 0);
	close(&page);
	assert_int_equal(region_cuts(&page, cuts), 0);
}

static void cuts_are_in_order_aligned_and_inside_of_any_region(void **state)
{
	uint64_t random = 3;
	int nr_cuts = 0;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct region r = random_region(round % 2 ? 20 : 5000, &random);
		struct cut cuts[EVIDENCE_BINS - 1];
		uint64_t last = r.start;

		region_add(&r, r.start, r.end, 1, 1e6);
		fill(&r, &random);
		close(&r);
		int nr = region_cuts(&r, cuts);

		for (int i = 0; i < nr; i++) {
			assert_true(cuts[i].at > last && cuts[i].at < r.end);
			assert_int_equal(cuts[i].at % PAGE, 0);
			assert_true(cuts[i].gain > SIGNIFICANT && isfinite(cuts[i].gain));
			last = cuts[i].at;
		}
		nr_cuts += nr;
	}
	assert_true(nr_cuts > 500);
}

/* What is held of a region, in all its forms. */
struct holds {
	struct rate rate;
	struct rate window;
	double squares;
	double scanned;
};

static void hold(struct holds *h, const struct region *r)
{
	struct rate rate = region_rate(r), window = evidence_rate(&r->window, 0, EVIDENCE_BINS);

	h->rate.events += rate.events;
	h->rate.exposure += rate.exposure;
	h->window.events += window.events;
	h->window.exposure += window.exposure;
	h->squares += (double)r->window.squares;
	h->scanned += (double)r->window.scanned;
}

static void assert_holds(const struct holds *is, const struct holds *should)
{
	assert_near(is->rate.events, should->rate.events, 0.01);
	assert_near(is->rate.exposure, should->rate.exposure, 0.01);
	assert_near(is->window.events, should->window.events, 0.01);
	assert_near(is->window.exposure, should->window.exposure, 0.01);
	assert_near(is->squares, should->squares, 0.01);
	assert_near(is->scanned, should->scanned, 0.01);
}

static void parts_and_merges_conserve_events_and_exposure(void **state)
{
	uint64_t random = 3;

	(void)state;
	for (int round = 0; round < 1000; round++) {
		struct region r = random_region(5000, &random), part[3];
		uint64_t pages = region_bytes(&r) / PAGE;
		uint64_t a = r.start + PAGE * (1 + test_random(&random) % (pages - 1));
		uint64_t b = a + PAGE * (test_random(&random) % ((r.end - a) / PAGE));
		struct holds whole = { .squares = 0 }, parts = whole, merged = whole;

		fill(&r, &random);
		close(&r);
		fill(&r, &random);
		hold(&whole, &r);
		region_part(&r, r.start, a, &part[0]);
		/* A part of a part: its base is divided too. */
		region_part(&r, a, r.end, &part[2]);
		if (b > a) {
			struct region rest = part[2];

			region_part(&rest, a, b, &part[1]);
			region_part(&rest, b, rest.end, &part[2]);
			hold(&parts, &part[1]);
		}
		hold(&parts, &part[0]);
		hold(&parts, &part[2]);
		assert_holds(&parts, &whole);
		if (b > a)
			region_merge(&part[1], &part[2]);
		region_merge(&part[0], b > a ? &part[1] : &part[2]);
		hold(&merged, &part[0]);
		assert_holds(&merged, &whole);
		assert_int_equal(part[0].start, r.start);
		assert_int_equal(part[0].end, r.end);
		/* Samples that come now fall into the right bins. */
		assert_near(part[0].bins_per_byte, r.bins_per_byte, 1e-9);
	}
}

static void part_leaves_events_where_they_were(void **state)
{
	struct region r = make_region(0, 8 * MIB), left, right;

	(void)state;
	region_add(&r, 5 * MIB, 5 * MIB + 1, 30, 0);
	region_add(&r, MIB, MIB + 1, 10, 0);
	region_add(&r, 0, 8 * MIB, 0, 80);
	close(&r);
	region_part(&r, 0, 4 * MIB, &left);
	region_part(&r, 4 * MIB, 8 * MIB, &right);
	assert_near(region_rate(&left).events, 10, 0.01);
	assert_near(region_rate(&right).events, 30, 0.01);
	assert_near(region_rate(&right).exposure, 40, 0.01);
}

static void part_has_what_lies_within_and_the_whole_is_itself(void **state)
{
	struct region r = make_region(0, 8 * MIB), part;

	(void)state;
	region_add(&r, 0, 8 * MIB, 80, 800);
	close(&r);
	region_part(&r, 2 * MIB, 4 * MIB, &part);
	assert_int_equal(part.start, 2 * MIB);
	assert_int_equal(part.end, 4 * MIB);
	assert_near(region_rate(&part).events, 20, 0.01);
	assert_near(region_rate(&part).exposure, 200, 0.01);
	assert_int_equal(part.evidence_ns, r.evidence_ns);
	region_part(&r, 0, 8 * MIB, &part);
	assert_memory_equal(&part.known, &r.known, sizeof(r.known));
	assert_memory_equal(&part.who, &r.who, sizeof(r.who));
}

/* What was an eighth of a region before says nothing of the eighths of that eighth. */
static void part_knows_its_rate_but_not_its_inside(void **state)
{
	struct region r = make_region(0, 8 * MIB), part;
	struct cut cuts[EVIDENCE_BINS - 1];

	(void)state;
	region_add(&r, 0, 8 * MIB, 8, 8.0 * MIB);
	region_add(&r, 3 * MIB, 3 * MIB + 1, 1000, 0);
	close(&r);
	region_part(&r, 3 * MIB, 4 * MIB, &part);
	assert_near(region_rate(&part).events, 1001, 0.01);
	assert_int_equal(region_cuts(&part, cuts), 0);
	/* So what comes now decides where to cut it. */
	region_add(&part, 3 * MIB, 4 * MIB, 0, MIB);
	region_add(&part, 3 * MIB, 3 * MIB + 1, 1000, 0);
	(void)region_close_window(&part, 2 * SECOND, HALF_LIFE, 0);
	assert_true(region_cuts(&part, cuts) > 0);
	assert_int_equal(cuts[0].at, 3 * MIB + MIB / EVIDENCE_BINS);
}

static void part_keeps_the_shares_of_who_and_merge_sums_them(void **state)
{
	struct region r = make_region(0, 8 * MIB), left, right;
	struct thermo_access a = { .cpu = 1, .tid = 10, .op = THERMO_OP_READ };
	struct thermo_access b = { .cpu = 2, .tid = 20, .op = THERMO_OP_WRITE };
	struct thermo_region view = { .accesses_per_s = 1 };

	(void)state;
	region_add(&r, 0, 8 * MIB, 100, 100);
	attribution_add(&r.who, &a, 75);
	attribution_add(&r.who, &b, 25);
	close(&r);
	region_part(&r, 0, 2 * MIB, &left);
	region_part(&r, 2 * MIB, 8 * MIB, &right);
	attribution_view(&left.who, &view);
	assert_near((double)view.read_share, 0.75, 0.1);
	assert_near((double)view.cpus[0].share, 0.75, 0.1);
	assert_near((double)view.tids[1].share, 0.25, 0.1);
	/* By events: this part has a quarter of them. */
	assert_near((double)left.who.total * 3, (double)right.who.total, 0.1);
	float total = left.who.total + right.who.total;

	region_merge(&left, &right);
	assert_near((double)left.who.total, (double)total, 0.01);
	attribution_view(&left.who, &view);
	assert_near((double)view.write_share, 0.25, 0.1);
	assert_int_equal(view.cpus[0].key, 1);
	assert_near((double)view.cpus[0].share, 0.75, 0.1);
	assert_near((double)view.tids[1].share, 0.25, 0.1);
}

/* Its bins are others. */
static void part_and_merged_region_doubt_anew(void **state)
{
	struct region r = make_region(0, 8 * MIB), left, right;
	struct region *changed[] = { &left, &right };

	(void)state;
	region_add(&r, 0, 8 * MIB, 8000, 8.0 * MIB / 100);
	close(&r);
	region_add(&r, 0, 8 * MIB, 0, 8.0 * MIB / 10);
	(void)region_close_window(&r, 20 * SECOND, 1000 * SECOND, 0);
	region_part(&r, 0, 4 * MIB, &left);
	region_part(&r, 4 * MIB, 8 * MIB, &right);
	region_merge(&right, &(struct region){ .start = 8 * MIB, .end = 9 * MIB });
	for (int i = 0; i < 2; i++) {
		region_add(changed[i], 0, 16 * MIB, 0, 4.0 * MIB / 10);
		(void)region_close_window(changed[i], 60 * SECOND, 1000 * SECOND, 0);
		assert_true(region_rate(changed[i]).events > 0);
	}
}

static void merge_keeps_the_latest_of_all_times(void **state)
{
	struct region left = make_region(0, MIB), right = make_region(MIB, 2 * MIB);

	(void)state;
	left.evidence_ns = 5, left.seen_ns = 3, left.changed_ns = 2, left.explored_ns = 1;
	right.evidence_ns = 4, right.seen_ns = 4, right.changed_ns = 1, right.explored_ns = 6;
	region_merge(&left, &right);
	assert_int_equal(left.evidence_ns, 5);
	assert_int_equal(left.seen_ns, 4);
	assert_int_equal(left.changed_ns, 2);
	assert_int_equal(left.explored_ns, 6);
}

int main(void)
{
#define TEST(f) cmocka_unit_test(f)
	const struct CMUnitTest tests[] = {
		TEST(cut_falls_where_the_rate_changes),
		TEST(hot_spot_inside_is_cut_out_on_both_sides),
		TEST(alternating_bins_are_all_cut),
		TEST(even_silent_unobserved_and_single_page_are_not_cut),
		TEST(cuts_are_in_order_aligned_and_inside_of_any_region),
		TEST(parts_and_merges_conserve_events_and_exposure),
		TEST(part_leaves_events_where_they_were),
		TEST(part_has_what_lies_within_and_the_whole_is_itself),
		TEST(part_knows_its_rate_but_not_its_inside),
		TEST(part_keeps_the_shares_of_who_and_merge_sums_them),
		TEST(part_and_merged_region_doubt_anew),
		TEST(merge_keeps_the_latest_of_all_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
