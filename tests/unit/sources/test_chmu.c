/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_chmu.c - the source chmu: on the lab's unit, whose memory is a file and which runs in a
 * thread; on perf events with an AUX ring; on a recording.
 *
 * The unit's clock stands still but for the operations that it does and what a test adds.
 */
#include "tests/unit/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "sources/chmu_left.h"
#include "sources/chmu_replay.h"
#include "tests/lab/truth/vchmu.h"
#include "tests/unit/sources/fake_perf.h"
#include "thermocline/source.h"

#define DEVICE "sys/bus/pci/devices/0000:00:05.0"
#define NOTE "run/thermocline/chmu-0000:00:05.0-0-0"
#define HPA 0x140000000ull
#define PAGES 4096u
#define MS 1000000ull
#define EPOCH_MS 200u
#define REPLAY "/replay"

extern const struct thermo_source thermo_source_chmu;
extern const struct thermo_source thermo_source_chmu_replay;

static const struct thermo_source *source = &thermo_source_chmu;
static const struct vchmu_options device_options = {
	.nr_windows = 1,
	.windows = { { 0, HPA, PAGES * 4096 } },
	.nr_entries = 64,
	.counter_bits = 16,
	.min_epoch_ms = 10,
};

static struct fake_host fake;
static struct vchmu chmu;
static pthread_t device;
static _Atomic uint64_t device_ns;
static _Atomic bool device_stops;
static bool device_runs;
static struct thermo_source_opts opts;
static struct thermo_reporter *reporter;
static void *state_of_source;
static struct thermo_access got[256];
static size_t nr_got;
static char replay_path[FAKE_PATH_BYTES];

static void pause_us(long us)
{
	const struct timespec pause = { .tv_nsec = us * 1000 };

	(void)nanosleep(&pause, NULL);
}

static void *run_device(void *unused)
{
	(void)unused;
	/* relaxed: flags and a clock; joining orders the rest. */
	while (!atomic_load_explicit(&device_stops, memory_order_relaxed)) {
		uint64_t more = chmu.operation ? MS / 10 : 0;

		/* relaxed: as above. */
		vchmu_step(&chmu,
			   atomic_fetch_add_explicit(&device_ns, more, memory_order_relaxed));
		pause_us(50);
	}
	return NULL;
}

static void stop_device(void)
{
	if (!device_runs)
		return;
	/* relaxed: as in run_device(). */
	atomic_store_explicit(&device_stops, true, memory_order_relaxed);
	(void)pthread_join(device, NULL);
	device_runs = false;
}

static void start_device(void)
{
	/* relaxed: nobody else runs yet. */
	atomic_store_explicit(&device_stops, false, memory_order_relaxed);
	assert_int_equal(pthread_create(&device, NULL, run_device, NULL), 0);
	device_runs = true;
}

static void add_device(void)
{
	static unsigned char zeroes[VCHMU_BAR_BYTES];
	char path[FAKE_PATH_BYTES];

	fake_write(&fake, DEVICE "/vendor", "0x1af4\n");
	fake_write(&fake, DEVICE "/device", "0x1110\n");
	fake_write(&fake, DEVICE "/class", "0x050000\n");
	fake_write_bytes(&fake, DEVICE "/resource2", zeroes, sizeof(zeroes));
	(void)snprintf(path, sizeof(path), "%s/" DEVICE "/resource2", fake.root);
	assert_int_equal(vchmu_open(&chmu, path, &device_options), 0);
	/* relaxed: nobody else runs yet. */
	atomic_store_explicit(&device_ns, 1000 * MS, memory_order_relaxed);
	start_device();
}

static int make_empty(void **state)
{
	(void)state;
	source = &thermo_source_chmu;
	fake_host_init(&fake);
	opts = (struct thermo_source_opts){ .host = &fake.host, .chmu_registers = true };
	assert_int_equal(thermo_reporter_new(&reporter, NULL), 0);
	state_of_source = calloc(1, source->state_bytes);
	assert_non_null(state_of_source);
	nr_got = 0;
	return 0;
}

static int make(void **state)
{
	(void)make_empty(state);
	add_device();
	return 0;
}

static int drop(void **state)
{
	(void)state;
	source->close(state_of_source);
	source->close(state_of_source);
	stop_device();
	if (chmu.page)
		(void)munmap(chmu.page, VCHMU_BAR_BYTES);
	vchmu_fini(&chmu);
	free(state_of_source);
	thermo_reporter_free(reporter);
	fake_host_fini(&fake);
	return 0;
}

static void start(void)
{
	assert_int_equal(source->open(state_of_source, &opts), 0);
	assert_int_equal(source->start(state_of_source), 0);
}

static void drain(void)
{
	assert_true(source->drain(state_of_source, reporter) >= 0);
	nr_got = thermo_reporter_drain(reporter, got, 256);
}

static void touch(uint64_t page, unsigned int nr, bool store)
{
	while (nr--)
		vchmu_count(&chmu, 0, HPA + page * 4096, store);
}

/* An epoch ends there, and as much time goes by here. */
static void end_epoch(void)
{
	struct vchmu_page *page = chmu.page;
	/* acquire: the device has written what it counted before. */
	uint64_t nr = __atomic_load_n(&page->nr_epochs, __ATOMIC_ACQUIRE);

	/* relaxed: a clock. */
	atomic_fetch_add_explicit(&device_ns, (EPOCH_MS + 5) * MS, memory_order_relaxed);
	/* acquire: as above. */
	while (__atomic_load_n(&page->nr_epochs, __ATOMIC_ACQUIRE) == nr)
		pause_us(50);
	/* The entries are published at the end of that step. */
	pause_us(2000);
	fake_advance(&fake, (EPOCH_MS + 5) * MS);
}

static struct thermo_source_counters counters(void)
{
	struct thermo_source_counters c;

	source->counters(state_of_source, &c);
	return c;
}

static uint64_t instance_reg(size_t offset)
{
	/* relaxed: a word. */
	return __atomic_load_n((uint64_t *)(chmu.block + 0x10 + offset), __ATOMIC_RELAXED);
}

static bool is_enabled(void)
{
	return instance_reg(0x60) & 1;
}

/* The report of the page, or NULL. */
static const struct thermo_access *report_of(uint64_t page)
{
	for (size_t i = 0; i < nr_got; i++)
		if (got[i].addr == HPA + page * 4096 && got[i].extent_bytes == 4096)
			return &got[i];
	return NULL;
}

static void machine_without_a_unit_says_so(void **state)
{
	(void)state;
	assert_int_equal(source->probe(&opts), -ENODEV);
	assert_reason("no hotness unit");
	assert_int_equal(source->open(state_of_source, &opts), -ENODEV);
}

static void registers_are_touched_only_when_the_user_says_so(void **state)
{
	(void)state;
	opts.chmu_registers = false;
	assert_int_equal(source->probe(&opts), -EPERM);
	assert_reason("--chmu-registers");
	assert_int_equal(source->open(state_of_source, &opts), -EPERM);
	assert_false(is_enabled());
}

static void probe_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(source->probe(&opts), 0);
	assert_int_equal(chmu.page->mailbox.sent, 0);
	assert_false(fake_exists(&fake, NOTE));
}

static void hot_page_becomes_a_report(void **state)
{
	const struct thermo_access *a;

	(void)state;
	start();
	assert_true(is_enabled());
	touch(7, 1000, false);
	touch(8, 3, true);
	end_epoch();
	drain();
	assert_int_equal(nr_got, 1);
	a = &got[0];
	assert_int_equal(a->addr, HPA + 7 * 4096);
	assert_int_equal(a->extent_bytes, 4096);
	assert_int_equal(a->nr_accesses, 1000);
	assert_near((double)a->watched_ns, EPOCH_MS * 1e6, 0.01);
	assert_int_equal(a->count, THERMO_COUNT_EXACT);
	assert_int_equal(a->space, THERMO_SPACE_PHYSICAL);
	assert_int_equal(a->op, THERMO_OP_UNKNOWN);
	assert_int_equal(a->level, THERMO_LEVEL_CXL);
	assert_int_equal(a->cpu, THERMO_CPU_UNKNOWN);
	assert_int_equal(a->node, THERMO_NODE_UNKNOWN);
	assert_int_equal(a->pid, 0);
	assert_int_equal(a->time_ns, thermo_host_now_ns(&fake.host));
	assert_int_equal(counters().seen, 1);
	assert_int_equal(counters().reported, 1);
}

static void what_was_not_listed_is_at_most_so_hot(void **state)
{
	uint64_t bytes = 0;

	(void)state;
	start();
	for (int epoch = 0; epoch < 5; epoch++) {
		touch(7, 1000, false);
		if (epoch == 1)
			touch(100, 50, false);
		end_epoch();
		drain();
	}
	/* Of five epochs four are sure: 7 was in all of them, 100 in one. */
	for (size_t i = 0; i < nr_got; i++) {
		if (got[i].count != THERMO_COUNT_AT_MOST)
			continue;
		uint64_t epochs = got[i].extent_bytes == 4096 ? 3 : 4;

		/* The threshold it begins with is 16. */
		assert_int_equal(got[i].nr_accesses, got[i].extent_bytes / 4096 * 16 * epochs);
		assert_near((double)got[i].watched_ns, (double)epochs * EPOCH_MS * 1e6, 0.01);
		bytes += got[i].extent_bytes;
	}
	assert_int_equal(bytes, (PAGES - 1) * 4096ull);
	assert_non_null(report_of(100));
	assert_int_equal(report_of(100)->count, THERMO_COUNT_AT_MOST);
}

static void few_entries_lower_the_threshold(void **state)
{
	(void)state;
	start();
	assert_int_equal(instance_reg(0x40) >> 32, 16);
	for (int epoch = 0; epoch < 5; epoch++) {
		touch(7, 1000, false);
		end_epoch();
		drain();
	}
	assert_int_equal(instance_reg(0x40) >> 32, 12);
	assert_true(is_enabled());
}

static void overflow_is_counted_and_says_nothing_of_the_rest(void **state)
{
	(void)state;
	start();
	for (int epoch = 0; epoch < 3; epoch++) {
		for (uint64_t page = 0; page < 100; page++)
			touch(page, 20, false);
		end_epoch();
		drain();
		for (size_t i = 0; i < nr_got; i++)
			assert_int_equal(got[i].count, THERMO_COUNT_EXACT);
		/* Before the threshold was raised the hotlist is full each time. */
		if (epoch < 2)
			assert_int_equal(nr_got, 63);
	}
	assert_in_range(counters().lost, 2, 3);
	assert_true(chmu.page->nr_dropped >= 2 * 37);
	assert_true(instance_reg(0x40) >> 32 > 16);
}

static void reads_alone_are_counted_and_marked(void **state)
{
	(void)state;
	opts.chmu_count = THERMO_OP_READ;
	start();
	touch(7, 1000, false);
	touch(8, 1000, true);
	end_epoch();
	drain();
	assert_int_equal(nr_got, 1);
	assert_int_equal(got[0].addr, HPA + 7 * 4096);
	assert_int_equal(got[0].op, THERMO_OP_READ);
}

static void writes_alone_are_counted_and_marked(void **state)
{
	(void)state;
	opts.chmu_count = THERMO_OP_WRITE;
	start();
	touch(7, 1000, false);
	touch(8, 1000, true);
	end_epoch();
	drain();
	assert_int_equal(nr_got, 1);
	assert_int_equal(got[0].addr, HPA + 8 * 4096);
	assert_int_equal(got[0].op, THERMO_OP_WRITE);
}

static void stop_disables_and_leaves_no_note(void **state)
{
	(void)state;
	start();
	assert_true(fake_exists(&fake, NOTE));
	source->stop(state_of_source);
	assert_false(is_enabled());
	assert_false(fake_exists(&fake, NOTE));
}

static void close_alone_disables_too(void **state)
{
	(void)state;
	start();
	source->close(state_of_source);
	assert_false(is_enabled());
	assert_false(fake_exists(&fake, NOTE));
	/* And the unit is free. */
	start();
	assert_true(is_enabled());
}

/* As kill -9 does. */
static void start_and_be_killed(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		bool ok = source->open(state_of_source, &opts) == 0 &&
			  source->start(state_of_source) == 0;

		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(is_enabled());
	assert_true(fake_exists(&fake, NOTE));
}

static void unit_of_a_killed_daemon_is_stopped_by_the_next(void **state)
{
	(void)state;
	assert_int_equal(chmu_left_put_back(&fake.host), 0);
	start_and_be_killed();
	assert_int_equal(chmu_left_put_back(&fake.host), 1);
	assert_false(is_enabled());
	assert_false(fake_exists(&fake, NOTE));
	assert_int_equal(chmu_left_put_back(&fake.host), 0);
}

static void unit_of_a_killed_daemon_can_be_used_at_once(void **state)
{
	(void)state;
	start_and_be_killed();
	start();
	touch(7, 1000, false);
	end_epoch();
	drain();
	assert_int_equal(nr_got, 1);
}

static void unit_that_somebody_else_runs_is_left_to_them(void **state)
{
	(void)state;
	start_and_be_killed();
	fake_remove(&fake, NOTE);
	assert_int_equal(source->open(state_of_source, &opts), -EBUSY);
	assert_reason("not by us");
	source->close(state_of_source);
	assert_int_equal(chmu_left_put_back(&fake.host), 0);
	assert_true(is_enabled());
}

static void unit_that_is_unplugged_ends_the_source(void **state)
{
	(void)state;
	start();
	stop_device();
	memset(chmu.block, 0xff, VCHMU_BLOCK_BYTES);
	assert_int_equal(source->drain(state_of_source, reporter), -ENODEV);
	assert_reason("unplugged");
	source->stop(state_of_source);
	assert_false(fake_exists(&fake, NOTE));
	assert_int_equal(source->drain(state_of_source, reporter), -ENODEV);
}

/* The kernel takes mappings of a removed device away: what is read then is a SIGBUS. */
static void unit_whose_bar_is_taken_away_ends_the_source(void **state)
{
	char path[FAKE_PATH_BYTES];

	(void)state;
	start();
	stop_device();
	(void)snprintf(path, sizeof(path), "%s/" DEVICE "/resource2", fake.root);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(source->drain(state_of_source, reporter), -ENODEV);
	assert_reason("unplugged");
	source->stop(state_of_source);
	assert_false(fake_exists(&fake, NOTE));
	source->close(state_of_source);
	/* So that the device, which is a part of this test, can be closed. */
	assert_int_equal(truncate(path, VCHMU_BAR_BYTES), 0);
}

/* It is asked for another threshold, and no answer comes. */
static void unit_that_stops_answering_ends_the_source(void **state)
{
	int n = 0;

	(void)state;
	start();
	stop_device();
	for (int i = 0; i < 100 && n >= 0; i++) {
		fake.now_ns += 100 * MS;
		n = source->drain(state_of_source, reporter);
	}
	assert_int_equal(n, -ETIMEDOUT);
	assert_reason("reset the device");
	/* It may still run: the next daemon tries again to stop it. */
	assert_true(fake_exists(&fake, NOTE));
	source->close(state_of_source);
}

static void hotlist_of_nonsense_ends_the_source(void **state)
{
	(void)state;
	start();
	stop_device();
	chmu.tail = 64;
	vchmu_step(&chmu, 0);
	start_device();
	assert_int_equal(source->drain(state_of_source, reporter), -EBADMSG);
	assert_reason("tail 64 of a hotlist of 64");
	/* It was given up in order. */
	assert_false(is_enabled());
	assert_false(fake_exists(&fake, NOTE));
}

static void entry_outside_of_all_windows_is_useless(void **state)
{
	(void)state;
	chmu.page->windows[0].bytes /= 2;
	start();
	touch(7, 1000, false);
	touch(PAGES - 1, 1000, false);
	end_epoch();
	drain();
	assert_int_equal(nr_got, 1);
	assert_int_equal(counters().seen, 2);
	assert_int_equal(counters().useless, 1);
	assert_int_equal(counters().reported, 1);
}

/* --- a recording --- */

static struct chmu_replay_header header = {
	.magic = CHMU_REPLAY_MAGIC,
	.version = 1,
	.unit_log2 = 12,
	.counter_bits = 16,
	.request = 6,
	.threshold = 4,
	.nr_windows = 1,
	.epoch_ns = 100 * MS,
	.windows = { { 0, HPA, 64 * 4096 } },
};
static const uint64_t batches[] = { 0x100002, 0xdeadbeef, 0x10364, 0x20005,
				    0x100001, 0xdeadbeef, 0x30006 };

static void write_recording(const struct chmu_replay_header *h, const void *stream, size_t bytes)
{
	static unsigned char file[4096];

	memcpy(file, h, sizeof(*h));
	memcpy(file + sizeof(*h), stream, bytes);
	fake_write_bytes(&fake, REPLAY, file, sizeof(*h) + bytes);
	(void)snprintf(replay_path, sizeof(replay_path), "%s/" REPLAY, fake.root);
	opts.chmu_replay = replay_path;
	source = &thermo_source_chmu_replay;
}

static void recording_is_played_an_epoch_at_a_time(void **state)
{
	(void)state;
	write_recording(&header, batches, sizeof(batches));
	assert_int_equal(source->probe(&opts), 0);
	start();
	drain();
	assert_int_equal(nr_got, 0);
	fake_advance(&fake, 100 * MS);
	drain();
	assert_int_equal(nr_got, 2);
	assert_int_equal(got[0].addr, HPA + 4096);
	assert_int_equal(got[0].nr_accesses, 868);
	assert_int_equal(got[1].addr, HPA + 2 * 4096);
	fake_advance(&fake, 100 * MS);
	drain();
	assert_int_equal(nr_got, 1);
	assert_int_equal(got[0].nr_accesses, 6);
	/* Nothing comes after its end, and that says nothing of anything. */
	for (int i = 0; i < 30; i++) {
		fake_advance(&fake, 100 * MS);
		drain();
		assert_int_equal(nr_got, 0);
	}
	assert_int_equal(counters().lost, 0);
}

static void recording_that_is_cut_off_gives_what_it_has(void **state)
{
	(void)state;
	write_recording(&header, batches, sizeof(batches) - 8 * 4);
	start();
	for (int i = 0; i < 3; i++) {
		fake_advance(&fake, 100 * MS);
		drain();
	}
	assert_int_equal(counters().seen, 1);
}

static void recording_of_nonsense_is_refused(void **state)
{
	struct chmu_replay_header h;

	(void)state;
	assert_int_equal(thermo_source_chmu_replay.probe(&opts), -EINVAL);
	assert_reason("--chmu-replay FILE");
	h = header;
	h.magic[0] = 'x';
	write_recording(&h, batches, 0);
	assert_int_equal(source->probe(&opts), -EBADMSG);
	h = header;
	h.version = 2;
	write_recording(&h, batches, 0);
	assert_int_equal(source->probe(&opts), -EOPNOTSUPP);
	h = header;
	h.unit_log2 = 7;
	write_recording(&h, batches, 0);
	assert_int_equal(source->probe(&opts), -EBADMSG);
	h = header;
	h.epoch_ns = 0;
	write_recording(&h, batches, 0);
	assert_int_equal(source->probe(&opts), -EBADMSG);
	h = header;
	h.nr_windows = 17;
	write_recording(&h, batches, 0);
	assert_int_equal(source->probe(&opts), -EBADMSG);
	h = header;
	h.windows[0].bytes = UINT64_MAX;
	write_recording(&h, batches, 0);
	assert_int_equal(source->probe(&opts), -EBADMSG);
	fake_write(&fake, REPLAY, "short");
	assert_int_equal(source->probe(&opts), -EBADMSG);
	opts.chmu_replay = "/nowhere/at/all";
	assert_int_equal(source->probe(&opts), -ENOENT);
}

static void recording_that_is_damaged_ends_the_source(void **state)
{
	static const uint64_t damaged[] = { 1, 2, 3, 4 };

	(void)state;
	write_recording(&header, damaged, sizeof(damaged));
	start();
	fake_advance(&fake, 200 * MS);
	assert_int_equal(source->drain(state_of_source, reporter), -EBADMSG);
	assert_reason("damaged near byte");
}

/* --- the kernel's driver --- */

#define PMU "sys/bus/event_source/devices/cxl_hmu_mem0.0.0"

static const char *const formats[][2] = {
	{ "epoch_type", "config:0-1" },
	{ "access_type", "config:2-9" },
	{ "epoch_scale", "config:10-13" },
	{ "epoch_multiplier", "config:14-25" },
	{ "randomized_downsampling", "config:26" },
	{ "downsampling_factor", "config:27-34" },
	{ "hotness_threshold", "config1:0-31" },
	{ "hotness_granual", "config1:32-63" },
	{ "range_base", "config2:0-31" },
	{ "range_size", "config2:32-63" },
};

/* An event's file, with room for the AUX ring behind the first one. */
static int open_with_aux(struct fake_host *host, struct perf_event_attr *attr, int cpu)
{
	int fd = fake_perf_open(host, attr, cpu);

	if (fd >= 0)
		fake_check(ftruncate(fd, 4096 + 32768 + (512 << 10)) == 0, "ftruncate");
	return fd;
}

static int make_kernel(void **state)
{
	char path[128];

	(void)make_empty(state);
	fake_host_fini(&fake);
	fake_host_init(&fake);
	fake_host_copy(&fake, FAKE_MACHINE("cxl-lab"));
	fake_perf_init(&fake);
	fake.perf_event_open = open_with_aux;
	fake_write(&fake, PMU "/type", "42\n");
	fake_write(&fake, PMU "/cpumask", "1\n");
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		(void)snprintf(path, sizeof(path), PMU "/format/%s", formats[i][0]);
		fake_write(&fake, path, formats[i][1]);
	}
	opts.host = &fake.host;
	opts.chmu_registers = false;
	return 0;
}

static unsigned char *map_event(size_t *bytes)
{
	*bytes = 4096 + 32768 + (512 << 10);
	void *map = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			 fake_events[fake_nr_events - 1].fd, 0);

	fake_check(map != MAP_FAILED, "mmap");
	return map;
}

/* The driver's side. */
static void put_aux(const uint64_t *words, size_t nr)
{
	size_t bytes;
	unsigned char *map = map_event(&bytes);
	struct perf_event_mmap_page *page = (void *)map;

	memcpy(map + page->aux_offset + page->aux_head, words, nr * sizeof(*words));
	page->aux_head += nr * sizeof(*words);
	(void)munmap(map, bytes);
}

static void kernel_is_asked_for_what_its_formats_say(void **state)
{
	const struct perf_event_attr *attr;

	(void)state;
	opts.chmu_count = THERMO_OP_READ;
	assert_int_equal(source->probe(&opts), 0);
	assert_int_equal(fake_nr_events, 0);
	start();
	assert_int_equal(fake_nr_events, 1);
	assert_int_equal(fake_events[0].cpu, 1);
	assert_true(fake_events[0].enabled);
	attr = &fake_events[0].attr;
	assert_int_equal(attr->type, 42);
	assert_int_equal(attr->sample_period, 1);
	assert_int_equal(attr->sample_type, PERF_SAMPLE_TIME);
	assert_int_equal(attr->freq, 0);
	/* Reads are request 4, 2000 times scale 1. */
	assert_int_equal(attr->config, 4 << 2 | 1 << 10 | 2000ull << 14);
	assert_int_equal(attr->config1, 12ull << 32 | 16);
	/* The lab's device has 256 MiB: one range. */
	assert_int_equal(attr->config2, 1ull << 32);
}

static void stream_of_the_kernel_becomes_reports_of_physical_memory(void **state)
{
	static const uint64_t words[] = { 0x100001, 0xdeadbeef, 0x10364 };
	struct cxl cxl = { 0 };

	(void)state;
	start();
	put_aux(words, 3);
	drain();
	assert_int_equal(nr_got, 1);
	assert_int_equal(cxl_read(&cxl, &fake.host), 0);
	assert_int_equal(got[0].addr, cxl.regions[0].start + 4096);
	cxl_fini(&cxl);
	assert_int_equal(got[0].nr_accesses, 868);
	assert_near((double)got[0].watched_ns, 200e6, 0.01);
}

static void batch_as_large_as_the_largest_may_have_been_cut(void **state)
{
	static uint64_t words[2 + 300] = { 0x100000 | 300, 0xdeadbeef };

	(void)state;
	for (uint64_t i = 0; i < 300; i++)
		words[2 + i] = i << 16 | 100;
	start();
	put_aux(words, 302);
	drain();
	/* Not lost for sure: so it is not counted, but nothing is said of the rest. */
	assert_int_equal(counters().lost, 0);
	assert_int_equal(counters().seen, 300);
	fake_advance(&fake, 1200 * MS);
	drain();
	for (size_t i = 0; i < nr_got; i++)
		assert_int_equal(got[i].count, THERMO_COUNT_EXACT);
	/* A new event, with a higher threshold. */
	assert_int_equal(fake_nr_events, 2);
	assert_int_equal(fake_events[1].attr.config1 & UINT32_MAX, 32);
}

static void kernel_that_refuses_says_why(void **state)
{
	(void)state;
	assert_int_equal(source->open(state_of_source, &opts), 0);
	fake_open_error = -EBUSY;
	assert_int_equal(source->start(state_of_source), -EBUSY);
	assert_reason("cxl_hmu_mem0.0.0");
}

static void device_whose_memory_nothing_maps_is_refused(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	fake_host_init(&fake);
	fake_host_copy(&fake, FAKE_MACHINE("cxl-lab-no-region"));
	fake_write(&fake, PMU "/type", "42\n");
	fake_write(&fake, PMU "/cpumask", "1\n");
	opts.host = &fake.host;
	assert_int_equal(source->probe(&opts), -ENXIO);
	assert_reason("no region maps its memory");
}

#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
#define EMPTY(name) cmocka_unit_test_setup_teardown(name, make_empty, drop)
#define KERNEL(name) cmocka_unit_test_setup_teardown(name, make_kernel, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EMPTY(machine_without_a_unit_says_so),
		T(registers_are_touched_only_when_the_user_says_so),
		T(probe_changes_nothing),
		T(hot_page_becomes_a_report),
		T(what_was_not_listed_is_at_most_so_hot),
		T(few_entries_lower_the_threshold),
		T(overflow_is_counted_and_says_nothing_of_the_rest),
		T(reads_alone_are_counted_and_marked),
		T(writes_alone_are_counted_and_marked),
		T(stop_disables_and_leaves_no_note),
		T(close_alone_disables_too),
		T(unit_of_a_killed_daemon_is_stopped_by_the_next),
		T(unit_of_a_killed_daemon_can_be_used_at_once),
		T(unit_that_somebody_else_runs_is_left_to_them),
		T(unit_whose_bar_is_taken_away_ends_the_source),
		T(unit_that_stops_answering_ends_the_source),
		T(unit_that_is_unplugged_ends_the_source),
		T(hotlist_of_nonsense_ends_the_source),
		T(entry_outside_of_all_windows_is_useless),
		EMPTY(recording_is_played_an_epoch_at_a_time),
		EMPTY(recording_that_is_cut_off_gives_what_it_has),
		EMPTY(recording_of_nonsense_is_refused),
		EMPTY(recording_that_is_damaged_ends_the_source),
		KERNEL(kernel_is_asked_for_what_its_formats_say),
		KERNEL(stream_of_the_kernel_becomes_reports_of_physical_memory),
		KERNEL(batch_as_large_as_the_largest_may_have_been_cut),
		KERNEL(kernel_that_refuses_says_why),
		KERNEL(device_whose_memory_nothing_maps_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
