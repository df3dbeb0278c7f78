/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pmu_format.c - formats and terms, right and wrong. */
#include "tests/unit/test.h"

#include <errno.h>

#include "sources/pmu_format.h"

static uint64_t put(const char *text, uint64_t value)
{
	union pmu_attr attr = { 0 };
	struct pmu_format f;

	assert_int_equal(pmu_format_parse(text, &f), 0);
	assert_int_equal(pmu_format_put(&f, &attr, value), 0);
	return *pmu_attr_word(&attr, f.word);
}

static void value_is_spread_over_its_ranges_lowest_first(void **state)
{
	(void)state;
	assert_int_equal(put("config:0-7", 0xcd), 0xcd);
	assert_int_equal(put("config:8-15", 0x82), 0x8200);
	/* AMD's event: bits 8 to 11 of the number are bits 32 to 35 of the word. */
	assert_int_equal(put("config:0-7,32-35", 0x1cf), 0x1000000cfull);
	assert_int_equal(put("config:19", 1), 0x80000);
	assert_int_equal(put("config1:0-63", ~0ull), ~0ull);
	assert_int_equal(put("config:63", 1), 1ull << 63);
}

static void words_are_where_the_kernel_has_them(void **state)
{
	union pmu_attr attr = { 0 };

	(void)state;
	*pmu_attr_word(&attr, PMU_CONFIG) = 1;
	*pmu_attr_word(&attr, PMU_CONFIG1) = 2;
	*pmu_attr_word(&attr, PMU_CONFIG2) = 3;
	assert_int_equal(attr.perf.config, 1);
	assert_int_equal(attr.perf.config1, 2);
	assert_int_equal(attr.perf.config2, 3);
	pmu_attr_set_size(&attr);
	assert_int_equal(attr.perf.size, 128);
	/* Behind all that headers of 6.1 know. */
	*pmu_attr_word(&attr, PMU_CONFIG3) = 4;
	pmu_attr_set_size(&attr);
	assert_int_equal(attr.perf.size, 136);
	assert_int_equal(attr.words[16], 4);
}

static void value_that_does_not_fit_is_refused(void **state)
{
	union pmu_attr attr = { 0 };
	struct pmu_format f;

	(void)state;
	assert_int_equal(pmu_format_parse("config:0-3,8-11", &f), 0);
	assert_int_equal(pmu_format_max(&f), 0xff);
	assert_int_equal(pmu_format_put(&f, &attr, 0x100), -ERANGE);
	assert_int_equal(attr.perf.config, 0);
}

static void later_value_replaces_the_earlier(void **state)
{
	union pmu_attr attr = { .perf.config = 0xff00 };
	struct pmu_format f;

	(void)state;
	assert_int_equal(pmu_format_parse("config:0-7", &f), 0);
	assert_int_equal(pmu_format_put(&f, &attr, 0xff), 0);
	assert_int_equal(pmu_format_put(&f, &attr, 0x12), 0);
	assert_int_equal(attr.perf.config, 0xff12);
}

static void nonsense_is_no_format(void **state)
{
	static const char *const bad[] = {
		"",
		"config",
		"config:",
		"config:0-",
		"config:-7",
		"config:7-0",
		"config:64",
		"config:0-64",
		"config:0,",
		"config:,0",
		"config:0--7",
		"config: 0-7",
		"config:0-7,3-9",
		"config:8-9,0",
		"config:0x",
		":0-7",
		"bits:0-7",
		"config:0-7:8-15",
		"config:0-7 ",
		"config:0-0x7g",
		"config:1e1",
		"config:0,0",
		"config:0-7\n8",
		"config:18446744073709551616",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pmu_format f;

		if (pmu_format_parse(bad[i], &f) != -EINVAL)
			fail_msg("'%s' was taken for a format", bad[i]);
	}
}

static void word_of_a_newer_kernel_is_not_supported(void **state)
{
	struct pmu_format f;

	(void)state;
	assert_int_equal(pmu_format_parse("config4:0-63", &f), -EOPNOTSUPP);
	assert_int_equal(pmu_format_parse("config3:0-63", &f), 0);
}

static void terms_come_one_by_one(void **state)
{
	const char *text = "event=0xcd,umask=0x1,ldlat=30,edge";
	struct pmu_term t;

	(void)state;
	assert_int_equal(pmu_term_next(&text, &t), 1);
	assert_string_equal(t.name, "event");
	assert_int_equal(t.value, 0xcd);
	assert_int_equal(pmu_term_next(&text, &t), 1);
	assert_int_equal(pmu_term_next(&text, &t), 1);
	assert_string_equal(t.name, "ldlat");
	assert_int_equal(t.value, 30);
	assert_true(t.has_value);
	assert_int_equal(pmu_term_next(&text, &t), 1);
	assert_string_equal(t.name, "edge");
	assert_false(t.has_value);
	assert_int_equal(t.value, 1);
	assert_int_equal(pmu_term_next(&text, &t), 0);
}

static void nonsense_is_no_term(void **state)
{
	static const struct {
		const char *text;
		int err;
	} bad[] = {
		{ "event=", -EINVAL },
		{ "=5", -EINVAL },
		{ ",", -EINVAL },
		{ "edge,", -EINVAL },
		{ "event=0x", -EINVAL },
		{ "event=12ab", -EINVAL },
		{ "event=-1", -EINVAL },
		{ "event=?", -EINVAL },
		{ "event=0x10000000000000000", -ERANGE },
		{ "event=18446744073709551616", -ERANGE },
		{ "../type", -EINVAL },
		{ ".hidden", -EINVAL },
		{ "a/b=1", -EINVAL },
		{ "a b=1", -EINVAL },
		{ "event=1;umask=2", -EINVAL },
		{ "a_name_of_64_bytes_is_one_more_than_what_a_name_may_have_________", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *text = bad[i].text;
		struct pmu_term t;

		if (pmu_term_next(&text, &t) != bad[i].err)
			fail_msg("'%s' was taken for a term", bad[i].text);
	}
}

static void every_field_that_is_set_is_named(void **state)
{
	union pmu_attr attr = { .perf = { .type = 4, .config = 0x1cd, .precise_ip = 2 } };
	struct pmu_attr_field f[PMU_ATTR_FIELDS];

	(void)state;
	attr.perf.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_DATA_SRC | 1ull << 40;
	assert_int_equal(pmu_attr_fields(&attr, f), 4);
	assert_string_equal(f[0].name, "type");
	assert_string_equal(f[1].text, "0x1cd");
	assert_string_equal(f[2].text, "IP|DATA_SRC|0x10000000000");
	assert_string_equal(f[3].name, "precise_ip");
	/* All at once fit: no bit of the struct makes more fields than there is room for. */
	memset(&attr, 0xff, sizeof(attr));
	assert_true(pmu_attr_fields(&attr, f) <= PMU_ATTR_FIELDS);
	assert_non_null(strstr(f[4].text, "WEIGHT_STRUCT"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(value_is_spread_over_its_ranges_lowest_first),
		cmocka_unit_test(words_are_where_the_kernel_has_them),
		cmocka_unit_test(value_that_does_not_fit_is_refused),
		cmocka_unit_test(later_value_replaces_the_earlier),
		cmocka_unit_test(nonsense_is_no_format),
		cmocka_unit_test(word_of_a_newer_kernel_is_not_supported),
		cmocka_unit_test(terms_come_one_by_one),
		cmocka_unit_test(nonsense_is_no_term),
		cmocka_unit_test(every_field_that_is_set_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
