/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_record_parts.c - the file and the command of `thermocline record`. */
#include "tests/unit/test.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>

#include "cli/child.h"
#include "cli/record_options.h"
#include "cli/record_output.h"
#include "tests/unit/fake_host.h"

static struct fake_host fake;
static char path[FAKE_PATH_BYTES];

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	(void)snprintf(path, sizeof(path), "%s/data", fake.root);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	return 0;
}

static void new_file_is_for_its_owner_alone(void **state)
{
	struct record_output out;
	struct stat st;

	(void)state;
	assert_int_equal(record_output_open(&out, path), 0);
	assert_int_equal(fstat(out.fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(record_output_close(&out), 0);
	assert_int_equal(record_output_close(&out), 0);
	assert_true(fake_exists(&fake, "data"));
	assert_false(fake_exists(&fake, "data.old"));
}

static void older_file_is_kept_beside(void **state)
{
	struct record_output out;

	(void)state;
	fake_write(&fake, "data", "one");
	assert_int_equal(record_output_open(&out, path), 0);
	assert_int_equal(write(out.fd, "two", 3), 3);
	assert_int_equal(record_output_close(&out), 0);
	assert_string_equal(fake_read(&fake, "data"), "two");
	assert_string_equal(fake_read(&fake, "data.old"), "one");
}

static void discarded_file_leaves_all_as_it_was(void **state)
{
	struct record_output out;

	(void)state;
	fake_write(&fake, "data", "one");
	assert_int_equal(record_output_open(&out, path), 0);
	record_output_discard(&out);
	record_output_discard(&out);
	assert_string_equal(fake_read(&fake, "data"), "one");
	assert_false(fake_exists(&fake, "data.old"));
}

static void link_is_not_followed(void **state)
{
	struct record_output out;

	(void)state;
	fake_write(&fake, "precious", "one");
	assert_int_equal(symlinkat("precious", fake.host.root_fd, "data"), 0);
	/* It is no file, and it is not replaced. */
	int err = record_output_open(&out, path);

	(void)record_output_close(&out);
	assert_true(err < 0);
	assert_string_equal(fake_read(&fake, "precious"), "one");
}

static void folder_that_is_not_there_is_told(void **state)
{
	struct record_output out;
	char nowhere[FAKE_PATH_BYTES + 16];

	(void)state;
	(void)snprintf(nowhere, sizeof(nowhere), "%s/no/data", fake.root);
	assert_int_equal(record_output_open(&out, nowhere), -ENOENT);
	assert_reason("No such file");
	record_output_discard(&out);
}

static int run(char **argv, int *err)
{
	struct child c;

	assert_int_equal(child_prepare(&c, argv), 0);
	*err = child_go(&c, argv[0]);
	child_reap(&c, true);
	assert_true(c.ended);
	return child_exit_status(&c);
}

static void command_ends_with_its_own_status(void **state)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"exit 7", NULL };
	int err;

	(void)state;
	assert_int_equal(run(argv, &err), 7);
	assert_int_equal(err, 0);
}

static void signal_that_ended_it_is_in_its_status(void **state)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"kill -KILL $$", NULL };
	int err;

	(void)state;
	assert_int_equal(run(argv, &err), 128 + SIGKILL);
}

static void command_that_is_not_there_is_told(void **state)
{
	char *argv[] = { (char *)"/no/such/command", NULL };
	int err;

	(void)state;
	assert_int_equal(run(argv, &err), 127);
	assert_int_equal(err, -ENOENT);
	assert_reason("/no/such/command");
}

static void command_that_never_got_its_go_never_ran(void **state)
{
	char *argv[] = { (char *)"touch", path, NULL };
	struct child c;

	(void)state;
	assert_int_equal(child_prepare(&c, argv), 0);
	child_end(&c);
	assert_true(c.ended);
	assert_false(fake_exists(&fake, "data"));
}

static void running_command_is_asked_to_end(void **state)
{
	char *argv[] = { (char *)"sleep", (char *)"1000", NULL };
	struct child c;

	(void)state;
	assert_int_equal(child_prepare(&c, argv), 0);
	assert_int_equal(child_go(&c, argv[0]), 0);
	child_reap(&c, false);
	assert_false(c.ended);
	child_end(&c);
	assert_int_equal(child_exit_status(&c), 128 + SIGTERM);
}

static void blocked_signals_are_not_blocked_in_the_command(void **state)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"kill -TERM $$; exit 0", NULL };
	sigset_t set, old;
	int err;

	(void)state;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, &old);
	assert_int_equal(run(argv, &err), 128 + SIGTERM);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
}

static void no_command_is_no_failure(void **state)
{
	struct child c = { .go_fd = -1, .error_fd = -1 };

	(void)state;
	child_reap(&c, true);
	child_end(&c);
	assert_int_equal(child_exit_status(&c), 0);
}

/* --- options --- */

/* record @args..., which end with NULL.  Return: what parsing them says. */
static int parse(struct record_opts *o, const char *first, ...)
{
	static char *argv[16];
	int argc = 1;
	va_list ap;

	memset(o, 0, sizeof(*o));
	memset(argv, 0, sizeof(argv));
	argv[0] = (char *)"record";
	va_start(ap, first);
	for (const char *arg = first; arg; arg = va_arg(ap, const char *))
		argv[argc++] = (char *)arg;
	va_end(ap);
	optind = 0;
	return record_options_parse(o, argc, argv);
}

static void without_options_all_is_recorded_and_nothing_moved(void **state)
{
	struct record_opts o;

	(void)state;
	assert_int_equal(parse(&o, NULL), 0);
	assert_string_equal(o.output, "thermocline.data");
	assert_true(o.watch.daemon.monitor_only);
	assert_null(o.argv);
	assert_int_equal(o.duration_s, 0);
	assert_int_equal(o.interval_s, 0);
}

static void options_behind_the_command_are_its_own(void **state)
{
	struct record_opts o;

	(void)state;
	assert_int_equal(parse(&o, "-o", "x", "--duration", "5", "--interval", "2", "ls", "-o",
			       "--live", NULL),
			 0);
	assert_string_equal(o.output, "x");
	assert_int_equal(o.duration_s, 5);
	assert_int_equal(o.interval_s, 2);
	assert_false(o.live);
	assert_string_equal(o.argv[0], "ls");
	assert_string_equal(o.argv[1], "-o");
	assert_string_equal(o.argv[2], "--live");
	assert_null(o.argv[3]);
	assert_int_equal(parse(&o, "-p", "1", "--", "-odd", NULL), 0);
	assert_string_equal(o.argv[0], "-odd");
	assert_int_equal(o.watch.daemon.targets.pids[0], 1);
}

static void what_the_daemon_decides_cannot_be_asked_for(void **state)
{
	struct record_opts o;

	(void)state;
	assert_int_equal(parse(&o, "--live", "-o", "x", "--interval", "2", NULL), 0);
	assert_int_equal(parse(&o, "--live", "--pid", "1", NULL), -EINVAL);
	assert_int_equal(parse(&o, "--window", "500", "--live", NULL), -EINVAL);
	assert_int_equal(parse(&o, "--live", "ls", NULL), -EINVAL);
}

static void wrong_options_are_refused(void **state)
{
	struct record_opts o;

	(void)state;
	assert_int_equal(parse(&o, "--duration", "0", NULL), -EINVAL);
	assert_int_equal(parse(&o, "--interval", "86401", NULL), -EINVAL);
	assert_int_equal(parse(&o, "--pid", "one", NULL), -EINVAL);
	assert_int_equal(parse(&o, "--physical", "--", "ls", NULL), -EINVAL);
	assert_int_equal(parse(&o, "--physical", "--pid", "1", NULL), -EINVAL);
	assert_int_equal(parse(&o, "--nonsense", NULL), -EINVAL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(new_file_is_for_its_owner_alone),
		TEST(older_file_is_kept_beside),
		TEST(discarded_file_leaves_all_as_it_was),
		TEST(link_is_not_followed),
		TEST(folder_that_is_not_there_is_told),
		TEST(command_ends_with_its_own_status),
		TEST(signal_that_ended_it_is_in_its_status),
		TEST(command_that_is_not_there_is_told),
		TEST(command_that_never_got_its_go_never_ran),
		TEST(running_command_is_asked_to_end),
		TEST(blocked_signals_are_not_blocked_in_the_command),
		TEST(no_command_is_no_failure),
		TEST(without_options_all_is_recorded_and_nothing_moved),
		TEST(options_behind_the_command_are_its_own),
		TEST(what_the_daemon_decides_cannot_be_asked_for),
		TEST(wrong_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
