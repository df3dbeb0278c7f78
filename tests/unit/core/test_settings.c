/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_settings.c - what was changed goes back, whatever happens in between. */
#include "tests/unit/test.h"

#include <errno.h>

#include "core/settings.h"
#include "tests/unit/fake_host.h"

#define STATE "run/thermocline/settings.json"
#define MODE "proc/sys/kernel/numa_balancing"
#define LIMIT "proc/sys/kernel/limit"
#define KDAMOND "sys/kernel/mm/damon/admin/kdamonds/0/"
#define BOOT_ID "proc/sys/kernel/random/boot_id"

static struct fake_host fake;
static struct thermo_settings settings;

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	fake_write(&fake, MODE, "0\n");
	fake_write(&fake, LIMIT, "65536\n");
	fake_write(&fake, KDAMOND "state", "off\n");
	fake_write(&fake, KDAMOND "pid", "-1\n");
	fake_write(&fake, BOOT_ID, "boot-1\n");
	return thermo_settings_open(&settings, &fake.host, NULL);
}

static int drop(void **state)
{
	(void)state;
	(void)thermo_settings_close(&settings);
	fake_host_fini(&fake);
	return 0;
}

/* As a kill -9 does it: the lock is gone with the process, the file stays. */
static void kill_9(void)
{
	(void)close(settings.lock_fd);
	settings.lock_fd = -1;
}

static void expect(const char *path, const char *value)
{
	assert_string_equal(fake_read(&fake, path), value);
}

static void change_is_made_and_put_back_on_close(void **state)
{
	(void)state;
	assert_int_equal(thermo_settings_change(&settings, MODE, "2"), 0);
	expect(MODE, "2");
	assert_true(fake_exists(&fake, STATE));
	assert_int_equal(thermo_settings_close(&settings), 0);
	expect(MODE, "0");
	assert_false(fake_exists(&fake, STATE));
}

static void change_that_cannot_be_recorded_is_not_made(void **state)
{
	(void)state;
	/* A directory in the way of the state file: also root cannot write there. */
	fake_write(&fake, STATE ".new/in-the-way", "");
	assert_true(thermo_settings_change(&settings, MODE, "2") < 0);
	assert_reason("settings.json");
	expect(MODE, "0");
	fake_remove(&fake, STATE ".new");
	assert_int_equal(thermo_settings_close(&settings), 0);
	expect(MODE, "0");
}

/*
 * The setting is a link to the state file itself: what is written last stays there,
 * and that must be the setting, not the record of it.
 */
static void change_is_on_disk_before_it_is_made(void **state)
{
	(void)state;
	/* The setting is the state file: what is written last is what stays. */
	fake_write(&fake, STATE, "x");
	fake_remove(&fake, MODE);
	assert_int_equal(symlinkat("../../../" STATE, fake.host.root_fd, MODE), 0);
	assert_int_equal(thermo_settings_change(&settings, MODE, "2"), 0);
	expect(STATE, "2");
}

static void value_too_long_to_put_back_is_not_changed(void **state)
{
	char text[101];

	(void)state;
	memset(text, 'x', 100);
	text[100] = '\0';
	fake_write(&fake, MODE, text);
	assert_int_equal(thermo_settings_change(&settings, MODE, "2"), -EOVERFLOW);
	expect(MODE, text);
}

static void no_change_is_recorded_when_it_reads_so_already(void **state)
{
	(void)state;
	assert_int_equal(thermo_settings_change(&settings, MODE, "0"), 0);
	assert_int_equal(settings.nr_changes, 0);
	assert_false(fake_exists(&fake, STATE));
	/* So what somebody writes later is not ours to undo. */
	fake_write(&fake, MODE, "1\n");
	assert_int_equal(thermo_settings_close(&settings), 0);
	expect(MODE, "1");
}

static void missing_setting_fails_and_leaves_no_record(void **state)
{
	(void)state;
	assert_int_equal(thermo_settings_change(&settings, "sys/no/such", "1"), -ENOENT);
	assert_reason("/sys/no/such");
	assert_int_equal(settings.nr_changes, 0);
	assert_false(fake_exists(&fake, STATE));
}

static void restore_down_to_a_mark_keeps_the_older_changes(void **state)
{
	(void)state;
	assert_int_equal(thermo_settings_change(&settings, LIMIT, "0"), 0);
	assert_int_equal(thermo_settings_change(&settings, MODE, "2"), 0);
	assert_int_equal(thermo_settings_restore(&settings, 1), 0);
	expect(MODE, "0");
	expect(LIMIT, "0");
	assert_int_equal(settings.nr_changes, 1);
	assert_int_equal(thermo_settings_restore(&settings, 0), 0);
	expect(LIMIT, "65536");
}

/*
 * Guards make the order visible: MODE goes back only while LIMIT is still ours, so
 * it does only when it is undone first.
 */
static void restores_go_in_reverse_order(void **state)
{
	(void)state;
	assert_int_equal(thermo_settings_change(&settings, LIMIT, "0"), 0);
	assert_int_equal(thermo_settings_change(&settings, MODE, "2"), 0);
	assert_int_equal(thermo_settings_guard(&settings, MODE, LIMIT), 0);
	assert_int_equal(thermo_settings_restore(&settings, 0), 0);
	expect(MODE, "0");
	expect(LIMIT, "65536");
}

static void somebody_elses_change_is_left_alone(void **state)
{
	(void)state;
	assert_int_equal(thermo_settings_change(&settings, MODE, "2"), 0);
	assert_int_equal(thermo_settings_change(&settings, LIMIT, "0"), 0);
	fake_write(&fake, MODE, "1\n");
	assert_int_equal(thermo_settings_close(&settings), 0);
	expect(MODE, "1");
	expect(LIMIT, "65536");
	assert_false(fake_exists(&fake, STATE));
}

static void second_change_of_a_file_goes_back_to_its_first_value(void **state)
{
	(void)state;
	assert_int_equal(thermo_settings_change(&settings, LIMIT, "10"), 0);
	assert_int_equal(thermo_settings_change(&settings, MODE, "2"), 0);
	assert_int_equal(thermo_settings_change(&settings, LIMIT, "20"), 0);
	expect(LIMIT, "20");
	assert_int_equal(settings.nr_changes, 2);
	assert_int_equal(thermo_settings_close(&settings), 0);
	expect(LIMIT, "65536");
	expect(MODE, "0");
}

static void leftover_of_a_killed_daemon_is_put_back_at_the_next_open(void **state)
{
	unsigned int nr_left = 99;

	(void)state;
	assert_int_equal(thermo_settings_change(&settings, LIMIT, "10"), 0);
	assert_int_equal(thermo_settings_change(&settings, MODE, "2"), 0);
	assert_int_equal(thermo_settings_change(&settings, LIMIT, "20"), 0);
	kill_9();
	assert_int_equal(thermo_settings_open(&settings, &fake.host, &nr_left), 0);
	assert_int_equal(nr_left, 2);
	expect(MODE, "0");
	expect(LIMIT, "65536");
	assert_false(fake_exists(&fake, STATE));
	kill_9();
	assert_int_equal(thermo_settings_open(&settings, &fake.host, &nr_left), 0);
	assert_int_equal(nr_left, 0);
}

static void leftover_that_somebody_changed_since_is_left_alone(void **state)
{
	(void)state;
	assert_int_equal(thermo_settings_change(&settings, MODE, "2"), 0);
	kill_9();
	fake_write(&fake, MODE, "3\n");
	assert_int_equal(thermo_settings_open(&settings, &fake.host, NULL), 0);
	expect(MODE, "3");
}

/* --- several users --- */

static void each_user_puts_back_only_what_he_changed(void **state)
{
	struct thermo_settings one, two;
	unsigned int nr_left = 99;

	(void)state;
	thermo_settings_share(&one, &settings, 1);
	thermo_settings_share(&two, &settings, 2);
	assert_int_equal(thermo_settings_change(&one, MODE, "2"), 0);
	assert_int_equal(thermo_settings_change(&two, LIMIT, "10"), 0);
	assert_int_equal(thermo_settings_change(&one, KDAMOND "state", "on"), 0);
	assert_int_equal(thermo_settings_change(&two, MODE, "3"), -EBUSY);
	assert_reason("is changed for another source");
	expect(MODE, "2");
	assert_int_equal(thermo_settings_restore(&one, 0), 0);
	expect(MODE, "0");
	expect(KDAMOND "state", "off");
	expect(LIMIT, "10");
	assert_int_equal(settings.nr_changes, 1);
	/* What is left is on disk still, and only that. */
	kill_9();
	assert_int_equal(thermo_settings_open(&settings, &fake.host, &nr_left), 0);
	assert_int_equal(nr_left, 1);
	expect(LIMIT, "65536");
}

static void what_is_out_of_reach_is_put_back_at_the_end(void **state)
{
	struct thermo_settings one, two;

	(void)state;
	thermo_settings_share(&one, &settings, 1);
	thermo_settings_share(&two, &settings, 2);
	assert_int_equal(thermo_settings_change(&one, LIMIT, "10"), 0);
	fake_remove(&fake, LIMIT);
	assert_int_equal(thermo_settings_restore(&one, 0), 0);
	assert_int_equal(settings.nr_changes, 1);
	fake_write(&fake, LIMIT, "10\n");
	/* Whoever changes it next has it, and its first value is not forgotten. */
	assert_int_equal(thermo_settings_change(&two, LIMIT, "20"), 0);
	assert_int_equal(thermo_settings_change(&one, LIMIT, "30"), -EBUSY);
	assert_int_equal(thermo_settings_close(&settings), 0);
	expect(LIMIT, "65536");
}

static void setting_that_was_taken_is_not_changed_until_it_reads_otherwise(void **state)
{
	struct thermo_settings one;

	(void)state;
	thermo_settings_share(&one, &settings, 1);
	assert_int_equal(thermo_settings_check(&one, MODE), 0);
	assert_int_equal(thermo_settings_change(&one, MODE, "2"), 0);
	assert_int_equal(thermo_settings_check(&one, MODE), 0);
	fake_write(&fake, MODE, "1\n");
	assert_int_equal(thermo_settings_check(&one, MODE), -EBUSY);
	assert_reason("somebody set /" MODE " to 1, where it was 2 for us");
	assert_int_equal(thermo_settings_restore(&one, 0), 0);
	expect(MODE, "1");
	assert_int_equal(thermo_settings_may_change(&one, MODE), -EBUSY);
	assert_int_equal(thermo_settings_change(&one, MODE, "2"), -EBUSY);
	assert_reason("somebody set it to 1");
	expect(MODE, "1");
	fake_write(&fake, MODE, "0\n");
	assert_int_equal(thermo_settings_may_change(&one, MODE), 0);
	assert_int_equal(thermo_settings_change(&one, MODE, "2"), 0);
	expect(MODE, "2");
}

static void too_many_taken_settings_forget_the_oldest(void **state)
{
	char path[64];

	(void)state;
	for (int i = 0; i <= THERMO_MAX_TAKEN; i++) {
		(void)snprintf(path, sizeof(path), "proc/sys/kernel/n%d", i);
		fake_write(&fake, path, "0\n");
		assert_int_equal(thermo_settings_change(&settings, path, "1"), 0);
		fake_write(&fake, path, "2\n");
		assert_int_equal(thermo_settings_check(&settings, path), -EBUSY);
		assert_int_equal(thermo_settings_check(&settings, path), -EBUSY);
	}
	assert_int_equal(settings.nr_taken, THERMO_MAX_TAKEN);
	assert_int_equal(thermo_settings_may_change(&settings, "proc/sys/kernel/n0"), 0);
	assert_int_equal(thermo_settings_may_change(&settings, "proc/sys/kernel/n1"), -EBUSY);
}

static void second_daemon_is_refused_with_the_pid_of_the_first(void **state)
{
	struct thermo_settings second;
	char pid[32];

	(void)state;
	assert_int_equal(thermo_settings_change(&settings, MODE, "2"), 0);
	assert_int_equal(thermo_settings_open(&second, &fake.host, NULL), -EBUSY);
	(void)snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
	assert_reason(pid);
	/* And its close undoes nothing of the first. */
	assert_int_equal(thermo_settings_close(&second), 0);
	expect(MODE, "2");
	assert_true(fake_exists(&fake, STATE));
}

static void leftover_of_another_boot_is_ignored(void **state)
{
	unsigned int nr_left = 99;

	(void)state;
	assert_int_equal(thermo_settings_change(&settings, MODE, "2"), 0);
	kill_9();
	fake_write(&fake, BOOT_ID, "boot-2\n");
	assert_int_equal(thermo_settings_open(&settings, &fake.host, &nr_left), 0);
	assert_int_equal(nr_left, 0);
	expect(MODE, "2");
}

static void damaged_state_is_an_error_and_changes_nothing(void **state)
{
	static const char *const damaged[] = {
		"", "{", "[1,2]", "garbage",
		"{\"boot_id\":\"boot-1\",\"changes\":[{\"path\":\"proc/sys"
	};

	(void)state;
	assert_int_equal(thermo_settings_close(&settings), 0);
	fake_write(&fake, MODE, "2\n");
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		fake_write(&fake, STATE, damaged[i]);
		assert_int_equal(thermo_settings_open(&settings, &fake.host, NULL), -EBADMSG);
		assert_reason("/" STATE ": damaged");
		assert_int_equal(thermo_settings_close(&settings), 0);
		expect(MODE, "2");
		expect(STATE, damaged[i]);
	}
}

static void write_state(const char *path, const char *old_value, const char *new_value)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "{\"boot_id\":\"boot-1\",\"changes\":[{\"path\":\"%s\",\"old\":\"%s\","
		       "\"new\":\"%s\"}]}",
		       path, old_value, new_value);
	fake_write(&fake, STATE, text);
}

static void forged_paths_are_not_written(void **state)
{
	static const char *const forged[] = { "etc/passwd",
					      "proc/1/mem",
					      "/etc/passwd",
					      "sys/../etc/passwd",
					      "proc/sys/../../etc/passwd",
					      "" };

	(void)state;
	fake_write(&fake, "etc/passwd", "ours\n");
	fake_write(&fake, "proc/1/mem", "ours\n");
	assert_int_equal(thermo_settings_close(&settings), 0);
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
		write_state(forged[i], "forged", "ours");
		assert_int_equal(thermo_settings_open(&settings, &fake.host, NULL), 0);
		expect("etc/passwd", "ours");
		expect("proc/1/mem", "ours");
		assert_int_equal(thermo_settings_close(&settings), 0);
	}
	/* The same form with a plausible path does work: the test above can fail. */
	write_state(MODE, "1", "0");
	assert_int_equal(thermo_settings_open(&settings, &fake.host, NULL), 0);
	expect(MODE, "1");
}

static void nonsense_entries_of_a_state_are_skipped(void **state)
{
	(void)state;
	assert_int_equal(thermo_settings_close(&settings), 0);
	fake_write(&fake, STATE,
		   "{\"boot_id\":\"boot-1\",\"changes\":[null,5,\"x\",[],{\"path\":7},{\"path\":"
		   "\"" MODE "\",\"old\":\"1\",\"new\":\"0\"}]}");
	assert_int_equal(thermo_settings_open(&settings, &fake.host, NULL), 0);
	expect(MODE, "1");
}

static void guarded_change_is_undone_only_while_the_guard_reads_the_same(void **state)
{
	(void)state;
	assert_int_equal(thermo_settings_change(&settings, KDAMOND "state", "on"), 0);
	fake_write(&fake, KDAMOND "pid", "777\n");
	assert_int_equal(thermo_settings_guard(&settings, KDAMOND "state", KDAMOND "pid"), 0);
	kill_9();
	/* Somebody else's kdamond, and the state reads as ours did. */
	fake_write(&fake, KDAMOND "pid", "888\n");
	assert_int_equal(thermo_settings_open(&settings, &fake.host, NULL), 0);
	expect(KDAMOND "state", "on");
}

static void guarded_change_is_undone_when_the_guard_holds(void **state)
{
	(void)state;
	assert_int_equal(thermo_settings_change(&settings, KDAMOND "state", "on"), 0);
	fake_write(&fake, KDAMOND "pid", "777\n");
	assert_int_equal(thermo_settings_guard(&settings, KDAMOND "state", KDAMOND "pid"), 0);
	kill_9();
	assert_int_equal(thermo_settings_open(&settings, &fake.host, NULL), 0);
	expect(KDAMOND "state", "off");
}

static void setting_that_vanished_does_not_stop_the_others(void **state)
{
	(void)state;
	assert_int_equal(thermo_settings_change(&settings, LIMIT, "0"), 0);
	assert_int_equal(thermo_settings_change(&settings, MODE, "2"), 0);
	fake_remove(&fake, MODE);
	assert_int_equal(thermo_settings_close(&settings), 0);
	expect(LIMIT, "65536");
}

static void too_many_changes_are_refused_before_they_are_made(void **state)
{
	char path[32];

	(void)state;
	for (int i = 0; i <= THERMO_MAX_CHANGES; i++) {
		(void)snprintf(path, sizeof(path), "sys/setting%d", i);
		fake_write(&fake, path, "0\n");
		assert_int_equal(thermo_settings_change(&settings, path, "1"),
				 i < THERMO_MAX_CHANGES ? 0 : -ENOSPC);
	}
	expect(path, "0");
}

static void close_accepts_zeroed_and_failed_ones(void **state)
{
	struct thermo_settings zeroed = { 0 };
	struct thermo_host nowhere = { .root_fd = -1, .ops = &fake_ops, .private_data = &fake };

	(void)state;
	assert_int_equal(thermo_settings_close(&zeroed), 0);
	assert_true(thermo_settings_open(&zeroed, &nowhere, NULL) < 0);
	assert_int_equal(thermo_settings_close(&zeroed), 0);
	assert_int_equal(thermo_settings_close(&zeroed), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(change_is_made_and_put_back_on_close),
		TEST(change_that_cannot_be_recorded_is_not_made),
		TEST(change_is_on_disk_before_it_is_made),
		TEST(value_too_long_to_put_back_is_not_changed),
		TEST(no_change_is_recorded_when_it_reads_so_already),
		TEST(missing_setting_fails_and_leaves_no_record),
		TEST(restore_down_to_a_mark_keeps_the_older_changes),
		TEST(restores_go_in_reverse_order),
		TEST(somebody_elses_change_is_left_alone),
		TEST(second_change_of_a_file_goes_back_to_its_first_value),
		TEST(leftover_of_a_killed_daemon_is_put_back_at_the_next_open),
		TEST(leftover_that_somebody_changed_since_is_left_alone),
		TEST(each_user_puts_back_only_what_he_changed),
		TEST(what_is_out_of_reach_is_put_back_at_the_end),
		TEST(setting_that_was_taken_is_not_changed_until_it_reads_otherwise),
		TEST(too_many_taken_settings_forget_the_oldest),
		TEST(second_daemon_is_refused_with_the_pid_of_the_first),
		TEST(leftover_of_another_boot_is_ignored),
		TEST(damaged_state_is_an_error_and_changes_nothing),
		TEST(forged_paths_are_not_written),
		TEST(nonsense_entries_of_a_state_are_skipped),
		TEST(guarded_change_is_undone_only_while_the_guard_reads_the_same),
		TEST(guarded_change_is_undone_when_the_guard_holds),
		TEST(setting_that_vanished_does_not_stop_the_others),
		TEST(too_many_changes_are_refused_before_they_are_made),
		TEST(close_accepts_zeroed_and_failed_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
