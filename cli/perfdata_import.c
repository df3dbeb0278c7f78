// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perfdata_import.c - once through the file, window by window, after a look at it.
 *
 * All events of the file are one source, which watched all memory all the time; each
 * sample stands for its own period.  What the look did not find out is found out here: memory
 * joins when its first sample comes, and if the windows turn out to be of the wrong length, all
 * is done again.
 */
#include "cli/perfdata_import.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/perfdata_look.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "core/record.h"
#include "core/record_format.h"

/* At most so many windows, of which none is longer than a second unless there were more. */
#define MAX_WINDOWS 600u
#define MIN_WINDOW_NS 10000000ull
#define MAX_WINDOW_NS 1000000000ull
#define MANY 256u /* at a time: they stay in the first cache */
/* So many samples of memory that is not known yet are kept until they are looked at together. */
#define MAX_UNKNOWN 16384u

/**
 * struct import - One way through the file.
 * @host:	The machine that recorded: nothing but its clock.
 * @expected:	When samples come.
 * @nr_complete:	Windows that are over, the open one first; they are closed when a sample
 *comes after them, so that there is none behind the last sample.
 * @is_misled:	There are far more windows than was expected: what is left is looked at only.
 * @seen:	When they did come so far.
 * @fd:		The recording's.
 * @memory:	What is known of it; the caller's.
 * @nr_unknown:	Of @unknown: samples of the open window, of memory that is not watched yet.
 */
struct import {
	struct thermo_host host;
	uint64_t now_ns;
	uint64_t realtime_offset_ns;
	uint64_t window_ns;
	uint64_t window_end_ns;
	uint32_t nr_windows;
	uint32_t nr_complete;
	struct perfdata_times expected;
	bool is_misled;
	struct perfdata_times seen;
	FILE *file;
	int fd;
	struct samples samples;
	struct perfdata_names names;
	struct perfdata_memory *memory;
	struct thermo_access *unknown;
	size_t nr_unknown;
	struct thermo_monitor *monitor;
	struct thermo_reporter *reporter;
	struct record_writer *writer;
	struct perfdata_summary *summary;
};

/* --- the machine --- */

static const struct import *import_of(const struct thermo_host *host)
{
	return host->private_data;
}

static uint64_t then_ns(const struct thermo_host *host)
{
	return import_of(host)->now_ns;
}

static uint64_t realtime_then_ns(const struct thermo_host *host)
{
	return import_of(host)->now_ns + import_of(host)->realtime_offset_ns;
}

/* Where pages were is not in the file. */
static const struct thermo_host_ops ops = {
	.now_ns = then_ns,
	.realtime_ns = realtime_then_ns,
};

static bool has_node(const struct record_machine *m, int node)
{
	for (uint32_t i = 0; i < m->nr_nodes; i++)
		if (m->nodes[i].node == node)
			return true;
	return m->nr_nodes == THERMO_MAX_NODES;
}

static int take_cpus(const struct perfdata_machine *from, struct record_machine *m)
{
	m->cpus = calloc(from->nr_cpus_known + 1, sizeof(*m->cpus));
	if (!m->cpus)
		return thermo_fail(-ENOMEM, "perf.data: no memory");
	for (size_t cpu = 0; cpu < from->nr_cpus_known && cpu < RECORD_MAX_CPUS; cpu++) {
		int node = from->node_of_cpu[cpu];

		if (node == THERMO_NODE_UNKNOWN)
			continue;
		m->cpus[m->nr_cpus++] = (struct record_cpu){ (uint32_t)cpu, node };
		if (!has_node(m, node))
			m->nodes[m->nr_nodes++] =
					(struct record_node){ .node = node,
							      .tier = RECORD_TIER_UNKNOWN };
	}
	return 0;
}

static int start_recording(struct import *im)
{
	const struct perfdata_machine *from = samples_machine(&im->samples);
	struct record_machine m = {
		.start_time_ns = im->now_ns,
		.start_realtime_ns = im->now_ns + im->realtime_offset_ns,
		.page_bytes = THERMO_PAGE_BYTES,
		.version = THERMO_VERSION,
	};
	int err = take_cpus(from, &m);

	(void)snprintf(m.what, sizeof(m.what), "%s", im->samples.format);
	(void)snprintf(m.hostname, sizeof(m.hostname), "%s", from->hostname);
	(void)snprintf(m.kernel, sizeof(m.kernel), "%s", from->os_release);
	if (!err)
		err = record_writer_new(&im->writer, im->fd, &m);
	record_machine_fini(&m);
	return err;
}

/* --- times --- */

/* As many as fit, all of one length: a short one at the end would say little. */
static uint64_t choose_window(uint64_t duration_ns)
{
	uint64_t wanted_ns = duration_ns / 20, nr;

	wanted_ns = wanted_ns < MIN_WINDOW_NS   ? MIN_WINDOW_NS
		    : wanted_ns > MAX_WINDOW_NS ? MAX_WINDOW_NS
						: wanted_ns;
	nr = duration_ns / wanted_ns;
	if (nr == 0)
		return MIN_WINDOW_NS; /* so that what was sampled in no time is no burst */
	nr = nr < MAX_WINDOWS ? nr : MAX_WINDOWS;
	return duration_ns / nr + 1;
}

/* Whether windows are of about the length that they should have. */
static bool is_as_expected(const struct import *im)
{
	uint64_t right_ns = choose_window(im->seen.last_ns - im->seen.first_ns + 1);

	if (im->is_misled || im->expected.is_exact)
		return !im->is_misled;
	return im->window_ns <= 2 * right_ns && right_ns <= 2 * im->window_ns;
}

/* The file was finished when its last sample was taken, as far as anybody can know. */
static uint64_t realtime_offset(FILE *file, uint64_t last_ns)
{
	struct stat st;

	if (fstat(fileno(file), &st) < 0)
		return 0;
	uint64_t end_ns =
			(uint64_t)st.st_mtim.tv_sec * 1000000000ull + (uint64_t)st.st_mtim.tv_nsec;

	return end_ns > last_ns ? end_ns - last_ns : 0;
}

/* --- memory --- */

/* Watch what is known now. */
static int watch(struct import *im)
{
	struct given_target *targets = calloc(MEMORY_MAX_PROCESSES, sizeof(*targets));
	int err;

	if (!targets)
		return thermo_fail(-ENOMEM, "samples: no memory for targets");
	err = thermo_monitor_give_targets(im->monitor, targets,
					  perfdata_memory_targets(im->memory, &im->names, targets));
	free(targets);
	im->names.changed = false;
	return err < 0 ? err : 0;
}

/* Samples of memory that was not known make it known, and are given to the monitor again. */
static int learn(struct import *im)
{
	int n = 0;

	if (im->nr_unknown)
		n = perfdata_memory_add(im->memory, im->unknown, im->nr_unknown);
	if (n > 0 || im->names.changed)
		n = watch(im);
	if (n < 0)
		return n;
	im->summary->nr_left_out += thermo_monitor_give_reports(im->monitor, im->reporter,
								im->unknown, im->nr_unknown, NULL);
	im->nr_unknown = 0;
	return 0;
}

/* @nr is at most MANY. */
static int give(struct import *im, const struct thermo_access *list, size_t nr)
{
	im->nr_unknown += thermo_monitor_give_reports(im->monitor, im->reporter, list, nr,
						      im->unknown + im->nr_unknown);
	im->summary->nr_accesses += nr;
	return im->nr_unknown > MAX_UNKNOWN - MANY ? learn(im) : 0;
}

/* Of what is wide a part may be known and another not. */
static int give_wide(struct import *im, const struct thermo_access *a)
{
	im->unknown[im->nr_unknown++] = *a;
	im->summary->nr_accesses++;
	return im->nr_unknown > MAX_UNKNOWN - MANY ? learn(im) : 0;
}

/* --- windows --- */

/* When something came: what there is to know of the machine comes before it. */
static int start(struct import *im)
{
	const struct thermo_monitor_opts monitor_opts = { 0 };
	/* Its ring stays empty. */
	const struct thermo_reporter_opts opts = { .nr_reports = 2, .nr_threads = 1 };
	int err;

	im->unknown = malloc(MAX_UNKNOWN * sizeof(*im->unknown));
	err = im->unknown ? thermo_monitor_new(&im->monitor, &im->host, &monitor_opts)
			  : thermo_fail(-ENOMEM, "samples: no memory");
	if (!err)
		err = thermo_reporter_new(&im->reporter, &opts);
	if (!err)
		err = thermo_monitor_add_reporter(im->monitor, im->reporter, im->samples.format);
	if (!err)
		err = watch(im);
	return err ? err : start_recording(im);
}

static int close_window(struct import *im)
{
	struct thermo_snapshot *s;
	int err = learn(im);

	if (err)
		return err;
	im->now_ns = im->window_end_ns;
	im->window_end_ns += im->window_ns;
	im->nr_windows++;
	err = thermo_monitor_close_window(im->monitor, &s);
	if (err)
		return err;
	if (im->memory->nr == MEMORY_MAX_PROCESSES)
		perfdata_memory_weigh(im->memory, s);
	err = record_write_snapshot(im->writer, s);
	thermo_snapshot_put(s);
	return err;
}

/* What is not wanted goes, what is moves up.  @list is overwritten.  Return: 0 or -errno. */
static int feed(struct import *im, struct thermo_access *list, size_t nr)
{
	bool is_used = im->expected.is_any && !im->is_misled;
	struct perfdata_times seen = im->seen;
	size_t kept = 0;
	int err = 0;

	for (size_t i = 0; i < nr && !err; i++) {
		if (!perfdata_is_wanted(&list[i])) {
			im->summary->nr_kernel++;
			continue;
		}
		perfdata_note_time_of(&seen, list[i].time_ns);
		if (list[i].extent_bytes > MEMORY_CHUNK_BYTES && is_used)
			err = give_wide(im, &list[i]);
		else if (kept != i)
			list[kept++] = list[i];
		else
			kept++;
	}
	im->seen = seen;
	return err || !is_used ? err : give(im, list, kept);
}

static int see(void *context, const struct perfdata_item *item)
{
	struct import *im = context;

	return perfdata_names_see(&im->names, item);
}

/* How reading ended.  Return: 0 or -ENOMEM; where the file broke is kept, and no failure. */
static int end_of(struct import *im, int n)
{
	if (n >= 0 || n == -ENOMEM)
		return n;
	(void)snprintf(im->summary->reason, sizeof(im->summary->reason), "%s", thermo_last_error());
	return 0;
}

/* The end of the first window that is not over.  Nothing that is expected is beyond the last. */
static uint64_t until_ns(const struct import *im)
{
	uint64_t end_ns = im->window_end_ns + im->nr_complete * im->window_ns;

	return !im->expected.is_any || im->is_misled ||
					       (im->expected.is_exact &&
						end_ns > im->expected.last_ns)
			       ? UINT64_MAX
			       : end_ns;
}

/* Something came, or nothing any more of the window that is open. */
static int take_or_end(struct import *im, struct thermo_access *list, size_t nr)
{
	int err = 0;

	if (nr == 0)
		im->nr_complete++;
	im->is_misled = im->nr_windows + im->nr_complete > 2 * MAX_WINDOWS;
	if (nr == 0)
		return 0;
	for (; im->nr_complete > 0 && !err && !im->is_misled; im->nr_complete--)
		err = close_window(im);
	return err ? err : feed(im, list, nr);
}

static int feed_all(struct import *im)
{
	struct thermo_access list[MANY];
	int n, err = 0;

	while (!err) {
		n = samples_accesses(&im->samples, until_ns(im), list, MANY);
		if (n < 0 || (n == 0 && samples_are_at_end(&im->samples)))
			return end_of(im, n);
		if (im->expected.is_any && !im->monitor)
			err = start(im);
		if (!err)
			err = take_or_end(im, list, (size_t)n);
	}
	return err;
}

/* --- all of it --- */

static int nothing_in_it(const struct import *im)
{
	const char *format = im->samples.format;

	if (im->summary->reason[0])
		return thermo_fail(-EBADMSG, "%s", im->summary->reason);
	if (im->samples.text && im->summary->counters.samples == im->summary->nr_kernel)
		return thermo_fail(-ENODATA,
				   "%s: no access is of a process' memory: lackey's trace needs "
				   "valgrind's lines ==PID==, so no -q; perf script the fields "
				   "pid,time,event,addr",
				   format);
	if (im->samples.text)
		return thermo_fail(
				-ENODATA,
				"%s: no sample has an address of a process' memory: perf script "
				"prints none of software events unless told to: perf script -F "
				"+addr; if it has none then, record with perf mem record, or with "
				"--data",
				format);
	if (im->summary->counters.aux_skipped_bytes)
		return thermo_fail(-ENODATA,
				   "perf.data: what was recorded is %" PRIu64
				   " bytes of AUX data, %s, of which no addresses are read: record "
				   "with perf mem record, or with --data",
				   im->summary->counters.aux_skipped_bytes, im->summary->aux_kind);
	return thermo_fail(-ENODATA,
			   "%s: no sample has an address of a process' memory and "
			   "a time: record with perf mem record, or with --data",
			   format);
}

static void sum_up(struct import *im)
{
	im->summary->counters = *samples_counters(&im->samples);
	im->summary->trouble = samples_trouble(&im->samples);
	im->summary->aux_kind = samples_aux_kind(&im->samples);
	im->summary->nr_accesses -= im->summary->nr_left_out;
}

static int finish(struct import *im)
{
	int err;

	if (im->seen.last_ns > im->expected.last_ns)
		im->window_end_ns = im->seen.last_ns + 1;
	err = close_window(im);
	sum_up(im);
	return err ? err
		   : record_write_end(im->writer, im->now_ns, realtime_then_ns(&im->host),
				      im->summary->reason[0] ? EBADMSG : 0);
}

static int feed_and_finish(struct import *im)
{
	const struct perfdata_opts opts = { .see = see, .context = im };
	int err = samples_open(&im->samples, im->file, &opts);

	im->realtime_offset_ns = realtime_offset(im->file, im->expected.last_ns);
	im->now_ns = im->expected.first_ns;
	im->window_ns = choose_window(im->expected.last_ns - im->expected.first_ns + 1);
	im->window_end_ns = im->now_ns + im->window_ns;
	if (!err)
		err = feed_all(im);
	if (err || im->is_misled)
		return err;
	if (im->seen.is_any && im->monitor)
		return finish(im);
	sum_up(im);
	return nothing_in_it(im);
}

/*
 * Return: 1 with a recording; 0 when what was expected is wrong, with what was seen in
 * *@expected; -errno.
 */
static int convert(FILE *file, struct perfdata_times *expected, struct perfdata_memory *memory,
		   FILE **recording, struct perfdata_summary *summary)
{
	struct import im = {
		.expected = *expected, .memory = memory, .file = file, .summary = summary
	};
	AUTO_CLOSE int fd = memfd_create("thermocline-perf", MFD_CLOEXEC);
	int err = fd < 0 ? thermo_fail(-errno, "memfd_create: %s", strerror(errno)) : 0;

	*summary = (struct perfdata_summary){ 0 };
	im.fd = fd;
	im.host = (struct thermo_host){ .root_fd = -1, .ops = &ops, .private_data = &im };
	if (!err)
		err = feed_and_finish(&im);
	samples_close(&im.samples);
	record_writer_free(im.writer);
	thermo_monitor_free(im.monitor);
	thermo_reporter_free(im.reporter);
	perfdata_names_fini(&im.names);
	free(im.unknown);
	rewind(file);
	if (err)
		return err;
	if (!is_as_expected(&im)) {
		*expected = im.seen;
		expected->is_exact = true;
		return 0;
	}
	if (lseek(fd, 0, SEEK_SET) < 0 || !(*recording = fdopen(fd, "r")))
		return thermo_fail(-errno, "reading what was made of perf.data: %s",
				   strerror(errno));
	(void)take_fd(&fd);
	return 1;
}

/* --- files --- */

bool perfdata_import_wanted(FILE *file)
{
	int c;

	if (fseeko(file, 0, SEEK_CUR) == 0)
		return samples_recognise(file);
	/* No more than a byte can be given back; it is one that no text begins with. */
	c = getc(file);
	if (c != EOF)
		(void)ungetc(c, file);
	return c != EOF && c != (int)(RECORD_MAGIC & 0xff);
}

/* What comes through a pipe is looked at first as well.  Return: 0 or -errno. */
static int keep(FILE *pipe, FILE **kept)
{
	char buffer[65536];
	size_t n;

	*kept = tmpfile();
	if (!*kept)
		return thermo_fail(-errno, "perf.data: a file to keep it in: %s", strerror(errno));
	while ((n = fread(buffer, 1, sizeof(buffer), pipe)) > 0 && fwrite(buffer, 1, n, *kept) == n)
		;
	/* What did not fit is told by the last write, and that is fflush()'s. */
	if (n > 0 || fflush(*kept) != 0)
		return thermo_fail(-errno, "perf.data: keeping what came through the pipe: %s",
				   strerror(errno));
	if (ferror(pipe))
		return thermo_fail(-EIO, "perf.data: reading the pipe failed");
	rewind(*kept);
	return 0;
}

static int import_file(FILE *file, FILE **recording, struct perfdata_summary *summary)
{
	struct perfdata_times times = { 0 };
	struct perfdata_memory memory = { 0 };
	int n = perfdata_look(file, &times, &memory);

	for (int i = 0; i < 2 && n == 0; i++)
		n = convert(file, &times, &memory, recording, summary);
	perfdata_memory_fini(&memory);
	return n ? n : thermo_fail(-EAGAIN, "samples: the file changes while it is read");
}

int perfdata_import(FILE *file, FILE **recording, struct perfdata_summary *summary)
{
	AUTO_FCLOSE FILE *kept = NULL;
	int err = 0;

	*summary = (struct perfdata_summary){ 0 };
	if (fseeko(file, 0, SEEK_CUR) < 0)
		err = keep(file, &kept);
	if (!err)
		err = import_file(kept ? kept : file, recording, summary);
	return err < 0 ? err : 0;
}
