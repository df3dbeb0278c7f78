/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_external.c - text of accesses: what a line says, and pipes whose writers come and go. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sources/external_text.h"
#include "sources/text_lines.h"
#include "sources/text_samples.h"
#include "tests/unit/fake_host.h"
#include "thermocline/source.h"

/* --- a line --- */

static struct external_text said;
static struct thermo_access a;

static enum external_kind parse(const char *line)
{
	memset(&a, 0xff, sizeof(a));
	return external_text_parse(&said, line, strlen(line), &a);
}

static int forget(void **state)
{
	(void)state;
	said = (struct external_text){ 0 };
	return 0;
}

static void line_with_all_its_fields(void **state)
{
	(void)state;
	assert_int_equal(parse("0x7f0012345000, 64,3,w,12,4711,4712,0,123456789"), EXTERNAL_ACCESS);
	assert_true(a.addr == 0x7f0012345000);
	assert_int_equal(a.extent_bytes, 1);
	assert_int_equal(a.access_bytes, 64);
	assert_int_equal(a.nr_accesses, 3);
	assert_int_equal(a.op, THERMO_OP_WRITE);
	assert_int_equal(a.cpu, 12);
	assert_int_equal(a.pid, 4711);
	assert_int_equal(a.tid, 4712);
	assert_int_equal(a.watched_ns, 0);
	assert_int_equal(a.time_ns, 123456789);
	assert_int_equal(a.node, THERMO_NODE_UNKNOWN);
	assert_int_equal(a.space, THERMO_SPACE_VIRTUAL);
}

static void what_is_empty_is_unknown(void **state)
{
	(void)state;
	assert_int_equal(parse("# pid: 42"), EXTERNAL_ASIDE);
	assert_int_equal(parse("4096,8,1"), EXTERNAL_ACCESS);
	assert_int_equal(a.addr, 4096);
	assert_int_equal(a.op, THERMO_OP_UNKNOWN);
	assert_int_equal(a.cpu, THERMO_CPU_UNKNOWN);
	assert_int_equal(a.pid, 42);
	assert_int_equal(a.tid, 0);
	assert_int_equal(a.time_ns, 0);
	assert_int_equal(parse("4096,8,1,,,43,"), EXTERNAL_ACCESS);
	assert_int_equal(a.pid, 43);
	assert_int_equal(parse("4096,8,1,rw"), EXTERNAL_ACCESS);
	assert_int_equal(a.op, THERMO_OP_UNKNOWN);
	assert_int_equal(parse("4096,8,1,-"), EXTERNAL_ACCESS);
	assert_int_equal(parse("4096,8,1,r"), EXTERNAL_ACCESS);
	assert_int_equal(a.op, THERMO_OP_READ);
}

static void what_was_watched_and_not_accessed_says_so(void **state)
{
	(void)state;
	assert_int_equal(parse("0x200000,0x200000,0,,,7,,1000000000"), EXTERNAL_ACCESS);
	assert_int_equal(a.extent_bytes, 2 << 20);
	assert_int_equal(a.nr_accesses, 0);
	assert_int_equal(a.watched_ns, 1000000000);
	assert_int_equal(a.access_bytes, 0);
	assert_int_equal(parse("0x200000,0x200000,0,,,7"), EXTERNAL_BAD);
	assert_string_equal(said.why, "count 0 needs the time that was watched");
}

static void comments_set_space_and_pid(void **state)
{
	(void)state;
	assert_int_equal(parse(""), EXTERNAL_ASIDE);
	assert_int_equal(parse("   "), EXTERNAL_ASIDE);
	assert_int_equal(parse("# addr,len,count,rw,cpu"), EXTERNAL_ASIDE);
	assert_int_equal(parse("# of: whoever"), EXTERNAL_ASIDE);
	assert_int_equal(parse("4096,8,1"), EXTERNAL_BAD);
	assert_non_null(strstr(said.why, "needs a pid"));
	assert_int_equal(parse("#space:physical"), EXTERNAL_ASIDE);
	assert_int_equal(parse("4096,8,1"), EXTERNAL_ACCESS);
	assert_int_equal(a.space, THERMO_SPACE_PHYSICAL);
	assert_int_equal(a.pid, 0);
	assert_int_equal(parse("# space: virtual"), EXTERNAL_ASIDE);
	assert_int_equal(parse("4096,8,1,,,1"), EXTERNAL_ACCESS);
	assert_int_equal(a.space, THERMO_SPACE_VIRTUAL);
	assert_int_equal(parse("# space: outer"), EXTERNAL_BAD);
	assert_int_equal(parse("# pid: 0"), EXTERNAL_BAD);
	assert_int_equal(parse("# pid: 99999999999"), EXTERNAL_BAD);
}

static void nonsense_is_told_apart(void **state)
{
	static const struct {
		const char *line, *why;
	} lines[] = {
		{ "hello", "it is not addr,len,count" },
		{ "1,2", "it is not addr,len,count" },
		{ "1,1,1,r,0,1,1,1,1,1", "it is not addr,len,count" },
		{ ",1,1", "addr" },
		{ "0x,1,1", "addr" },
		{ "-1,1,1", "addr" },
		{ "7f00,1,1", "addr" },
		{ "0x10000000000000000,1,1", "addr" },
		{ "18446744073709551616,1,1", "addr" },
		{ "4096,0,1", "len" },
		{ "4096,1099511627777,1", "len" },
		{ "0xffffffffffffffff,1,1,,,1", "len" },
		{ "0xffffffffffffffff,2,1,,,1", "len" },
		{ "4096,1,", "count" },
		{ "4096,1,4294967296", "count" },
		{ "4096,1,1,x", "rw" },
		{ "4096,1,1,r,4294967295", "cpu" },
		{ "4096,1,1,r,0,4194305", "pid" },
		{ "4096,1,1,r,0,1,x", "tid" },
		{ "4096,1,1,r,0,1,,-1", "watched_ns" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i].line), EXTERNAL_BAD);
		if (!strstr(said.why, lines[i].why))
			fail_msg("%s: %s", lines[i].line, said.why);
	}
	assert_int_equal(external_text_parse(&said, "1,1,1,,,1\0x", 11, &a), EXTERNAL_BAD);
}

/* --- a file that was recorded --- */

static void file_is_recognised_and_read(void **state)
{
	static const char text[] = "# made by hand\n# pid: 7\n"
				   "0x1000,8,1,r,0\nnot a line\n0x2000,8,2,w,1,8,,,5000\r\n"
				   "0x3000,8,1";
	FILE *file = fmemopen((void *)(uintptr_t)text, sizeof(text) - 1, "r");
	struct text_samples *t;
	struct perfdata_item item;

	(void)state;
	assert_int_equal(text_recognise(text, sizeof(text) - 1), TEXT_EXTERNAL);
	assert_int_equal(text_samples_open(&t, file, TEXT_EXTERNAL), 0);
	assert_int_equal(text_samples_next(t, &item), 1);
	assert_int_equal(item.access->pid, 7);
	assert_int_equal(item.access->time_ns, TEXT_ACCESS_NS);
	assert_int_equal(item.offset, 3);
	assert_int_equal(text_samples_next(t, &item), 1);
	assert_int_equal(item.access->pid, 8);
	assert_int_equal(item.time_ns, 5000);
	assert_int_equal(item.record->sample.addr, 0x2000);
	assert_int_equal(text_samples_next(t, &item), 1);
	assert_int_equal(item.access->pid, 7);
	assert_int_equal(item.time_ns, 5000 + TEXT_ACCESS_NS);
	assert_int_equal(text_samples_next(t, &item), 0);
	assert_int_equal(text_samples_trouble(t)->nr_bad, 1);
	assert_string_equal(text_samples_trouble(t)->first_bad, "line 4: not a line");
	assert_int_equal(text_samples_counters(t)->samples, 3);
	text_samples_close(t);
	(void)fclose(file);
}

/* --- lines out of pieces --- */

static void lines_come_out_of_pieces_whole(void **state)
{
	static const char text[] = "one\n\ntwo\r\nthree";
	static const char *const lines[] = { "one", "", "two", "three" };
	struct text_lines t;
	size_t nr = 0;

	(void)state;
	assert_int_equal(text_lines_init(&t, 32, 15), 0);
	for (size_t i = 0; i <= sizeof(text) - 1; i++) {
		size_t room, len;
		char *to = text_lines_room(&t, &room), *line;
		bool at_end = i == sizeof(text) - 1;

		assert_true(room >= 1);
		*to = text[i];
		text_lines_filled(&t, at_end ? 0 : 1);
		while (text_lines_next(&t, at_end, &line, &len) == 1) {
			assert_string_equal(line, lines[nr++]);
			assert_int_equal(len, strlen(line));
			assert_int_equal(t.line_nr, nr);
		}
	}
	assert_int_equal(nr, 4);
	text_lines_fini(&t);
	text_lines_fini(&t);
}

static void line_that_is_too_long_is_given_up_to_its_end(void **state)
{
	struct text_lines t;
	size_t room, len;
	char *to, *line;

	(void)state;
	assert_int_equal(text_lines_init(&t, 32, 10), 0);
	to = text_lines_room(&t, &room);
	memcpy(to, "aaaaaaaaaaaa", 12);
	text_lines_filled(&t, 12);
	assert_int_equal(text_lines_next(&t, false, &line, &len), -EMSGSIZE);
	assert_string_equal(line, "aaaaaaaaaaaa");
	assert_int_equal(text_lines_next(&t, false, &line, &len), 0);
	to = text_lines_room(&t, &room);
	assert_int_equal(room, 32);
	memcpy(to, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 32);
	text_lines_filled(&t, 32);
	assert_int_equal(text_lines_next(&t, false, &line, &len), 0);
	to = text_lines_room(&t, &room);
	memcpy(to, "a\nb\n", 4);
	text_lines_filled(&t, 4);
	assert_int_equal(text_lines_next(&t, false, &line, &len), 1);
	assert_string_equal(line, "b");
	assert_int_equal(t.line_nr, 2);
	text_lines_fini(&t);
}

/* --- the source --- */

extern const struct thermo_source thermo_source_external;
static const struct thermo_source *const source = &thermo_source_external;
static struct fake_host fake;
static struct thermo_source_opts opts;
static struct thermo_reporter *reporter;
static char path[FAKE_PATH_BYTES];
static void *mem;

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	(void)snprintf(path, sizeof(path), "%s/accesses", fake.root);
	opts = (struct thermo_source_opts){ .host = &fake.host, .external = path };
	mem = calloc(1, source->state_bytes);
	return !mem ||
	       thermo_reporter_new(&reporter, &(struct thermo_reporter_opts){ .nr_reports = 1 << 16,
									      .nr_threads = 1 });
}

static int drop(void **state)
{
	(void)state;
	source->close(mem);
	free(mem);
	thermo_reporter_free(reporter);
	fake_host_fini(&fake);
	return 0;
}

static void open_pipe(void)
{
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(source->probe(&opts), 0);
	assert_int_equal(source->open(mem, &opts), 0);
	assert_int_equal(source->start(mem), 0);
}

static int open_writer(void)
{
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void put(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static struct thermo_source_counters counted(void)
{
	struct thermo_source_counters c;

	source->counters(mem, &c);
	return c;
}

static void probe_tells_what_is_missing(void **state)
{
	(void)state;
	assert_int_equal(source->probe(&opts), -ENOENT);
	assert_reason("mkfifo");
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(source->probe(&opts), -EINVAL);
	assert_reason("neither a named pipe nor a file");
	opts.external = NULL;
	assert_int_equal(source->probe(&opts), -ENODATA);
	assert_reason("--external PATH");
	assert_int_equal(source->open(mem, &opts), -ENODATA);
}

static void lines_become_reports_of_now(void **state)
{
	int fd;

	(void)state;
	open_pipe();
	fd = open_writer();
	put(fd, "# pid: 5\n0x1000,8,1,w,0,,,,99\n0x20");
	assert_int_equal(source->drain(mem, reporter), 1);
	put(fd, "00,8,1\n");
	assert_int_equal(source->drain(mem, reporter), 1);
	assert_int_equal(thermo_reporter_drain(reporter, &a, 1), 1);
	assert_int_equal(a.addr, 0x1000);
	assert_int_equal(a.time_ns, fake_now_ns(&fake.host));
	assert_int_equal(thermo_reporter_drain(reporter, &a, 1), 1);
	assert_int_equal(a.addr, 0x2000);
	assert_int_equal(a.pid, 5);
	(void)close(fd);
}

static void writers_come_and_go(void **state)
{
	(void)state;
	open_pipe();
	assert_int_equal(source->drain(mem, reporter), 0);
	assert_false(source->watches(mem));
	for (int i = 0; i < 3; i++) {
		int fd = open_writer();

		put(fd, "4096,8,1,,,1\n4096,8,1,,,1");
		assert_int_equal(source->drain(mem, reporter), 1);
		assert_true(source->watches(mem));
		(void)close(fd);
		/* The line that it began ends with it. */
		assert_int_equal(source->drain(mem, reporter), 1);
		assert_false(source->watches(mem));
	}
	assert_int_equal(counted().reported, 6);
	assert_int_equal(counted().useless, 0);
}

static void bad_lines_are_counted_and_the_first_is_told(void **state)
{
	static char line[5000];
	char note[400];
	int fd;

	(void)state;
	open_pipe();
	fd = open_writer();
	source->note(mem, note, sizeof(note));
	assert_string_equal(note, "");
	put(fd, "\n4096,0,1,,,1\nnonsense\n4096,8,1,,,1\n");
	memset(line, '1', sizeof(line) - 2);
	put(fd, line);
	put(fd, "\n4096,8,1,,,1\n");
	assert_int_equal(source->drain(mem, reporter), 2);
	assert_int_equal(counted().seen, 5);
	assert_int_equal(counted().useless, 3);
	assert_int_equal(counted().reported, 2);
	source->note(mem, note, sizeof(note));
	assert_non_null(strstr(note, "cannot read line 2 of "));
	assert_non_null(strstr(note, "len is not"));
	(void)close(fd);
}

static void fast_writer_does_not_hold_the_drain(void **state)
{
	uint64_t nr = 0, written = 0;
	int fd, n;

	(void)state;
	open_pipe();
	fd = open_writer();
	(void)fcntl(fd, F_SETPIPE_SZ, 1 << 20);
	while (write(fd, "4096,8,1,,,1\n", 13) == 13)
		written++;
	n = source->drain(mem, reporter);
	assert_true(n > 0);
	assert_true(13 * (uint64_t)n <= 256 << 10);
	for (nr = (uint64_t)n; (n = source->drain(mem, reporter)) > 0;)
		nr += (uint64_t)n;
	/* Nothing is lost: whoever writes too fast waits. */
	assert_int_equal(n, 0);
	assert_int_equal(nr, written);
	(void)close(fd);
}

static void file_is_read_and_what_is_added_as_well(void **state)
{
	int fd;

	(void)state;
	fake_write(&fake, "accesses", "4096,8,1,,,1\n4096,8");
	assert_int_equal(source->probe(&opts), 0);
	assert_int_equal(source->open(mem, &opts), 0);
	assert_int_equal(source->drain(mem, reporter), 1);
	assert_int_equal(source->drain(mem, reporter), 0);
	assert_true(source->watches(mem));
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	put(fd, ",1,,,1\n");
	(void)close(fd);
	assert_int_equal(source->drain(mem, reporter), 1);
	assert_int_equal(counted().useless, 0);
}

static void pipe_that_was_removed_ends_the_source(void **state)
{
	(void)state;
	open_pipe();
	assert_int_equal(source->drain(mem, reporter), 0);
	(void)unlink(path);
	assert_int_equal(source->drain(mem, reporter), -ENOENT);
	assert_reason("was removed");
}

int main(void)
{
#define LINE(f) cmocka_unit_test_setup(f, forget)
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		LINE(line_with_all_its_fields),
		LINE(what_is_empty_is_unknown),
		LINE(what_was_watched_and_not_accessed_says_so),
		LINE(comments_set_space_and_pid),
		LINE(nonsense_is_told_apart),
		LINE(file_is_recognised_and_read),
		LINE(lines_come_out_of_pieces_whole),
		LINE(line_that_is_too_long_is_given_up_to_its_end),
		TEST(probe_tells_what_is_missing),
		TEST(lines_become_reports_of_now),
		TEST(writers_come_and_go),
		TEST(bad_lines_are_counted_and_the_first_is_told),
		TEST(fast_writer_does_not_hold_the_drain),
		TEST(file_is_read_and_what_is_added_as_well),
		TEST(pipe_that_was_removed_ends_the_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
