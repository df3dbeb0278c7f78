// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perfdata_import.c - twice through the file: which memory there is, then what happened
 * to it.
 *
 * All events of the file are one source, which watched all memory all the time; each
 * sample stands for its own period.
 */
#include "cli/perfdata_import.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/perfdata_scan.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "core/record.h"
#include "core/record_format.h"

/* At most so many windows, of which none is longer than a second unless there were more. */
#define MAX_WINDOWS 600u
#define MIN_WINDOW_NS 10000000ull
#define MAX_WINDOW_NS 1000000000ull
#define MANY 1024u /* at a time */

struct import {
	struct thermo_host host; /* the machine that recorded: nothing but its clock */
	uint64_t now_ns;
	uint64_t realtime_offset_ns;
	uint64_t window_ns;
	uint64_t window_end_ns;
	struct samples looked; /* read to its end: all that is known of the machine */
	struct perfdata_scan scan;
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
static int nowhere(const struct thermo_host *host, pid_t pid, size_t nr, void **pages,
		   const int *nodes, int *status)
{
	(void)host, (void)pid, (void)pages, (void)nodes;
	for (size_t i = 0; i < nr; i++)
		status[i] = -ENOENT;
	return 0;
}

static const struct thermo_host_ops ops = {
	.now_ns = then_ns,
	.realtime_ns = realtime_then_ns,
	.move_pages = nowhere,
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

static int start_recording(struct import *im, int fd)
{
	const struct perfdata_machine *from = samples_machine(&im->looked);
	struct record_machine m = {
		.start_time_ns = im->scan.first_ns,
		.start_realtime_ns = im->scan.first_ns + im->realtime_offset_ns,
		.page_bytes = THERMO_PAGE_BYTES,
		.version = THERMO_VERSION,
	};
	int err = take_cpus(from, &m);

	(void)snprintf(m.what, sizeof(m.what), "%s", im->looked.format);
	(void)snprintf(m.hostname, sizeof(m.hostname), "%s", from->hostname);
	(void)snprintf(m.kernel, sizeof(m.kernel), "%s", from->os_release);
	if (!err)
		err = record_writer_new(&im->writer, fd, &m);
	record_machine_fini(&m);
	return err;
}

/* --- the samples --- */

static int close_window(struct import *im)
{
	struct thermo_snapshot *s;
	int err;

	im->now_ns = im->window_end_ns;
	im->window_end_ns += im->window_ns;
	err = thermo_monitor_close_window(im->monitor, &s);
	if (err)
		return err;
	err = record_write_snapshot(im->writer, s);
	thermo_snapshot_put(s);
	return err;
}

/* What is not wanted goes, what is moves up.  @list is overwritten.  Return: 0 or -errno. */
static int feed(struct import *im, struct thermo_access *list, size_t nr)
{
	size_t kept = 0;

	for (size_t i = 0; i < nr; i++) {
		if (!perfdata_scan_wants(&list[i]))
			continue;
		while (list[i].time_ns >= im->window_end_ns) {
			thermo_monitor_give_reports(im->monitor, im->reporter, list, kept);
			kept = 0;

			int err = close_window(im);

			if (err)
				return err;
		}
		if (kept != i)
			list[kept] = list[i];
		kept++;
	}
	thermo_monitor_give_reports(im->monitor, im->reporter, list, kept);
	return 0;
}

static int see(void *context, const struct perfdata_item *item)
{
	struct import *im = context;

	return perfdata_scan_see(&im->scan, item);
}

/* How reading ended.  Return: 0 or -ENOMEM; where the file broke is kept, and no failure. */
static int end_of(struct import *im, int n)
{
	if (n >= 0 || n == -ENOMEM)
		return n;
	(void)snprintf(im->summary->reason, sizeof(im->summary->reason), "%s", thermo_last_error());
	return 0;
}

static int use_all(struct import *im, struct samples *s,
		   int (*use)(struct import *im, struct thermo_access *list, size_t nr))
{
	struct thermo_access list[MANY];
	int n = 0, err = 0;

	while (!err && (n = samples_accesses(s, list, MANY)) > 0)
		err = use(im, list, (size_t)n);
	return err ? err : end_of(im, n);
}

static int scan(struct import *im, struct thermo_access *list, size_t nr)
{
	return perfdata_scan_add(&im->scan, list, nr);
}

static int nothing_in_it(const struct import *im)
{
	if (im->summary->reason[0])
		return thermo_fail(-EBADMSG, "%s", im->summary->reason);
	if (im->looked.text && im->summary->counters.samples == im->summary->nr_kernel)
		return thermo_fail(-ENODATA,
				   "%s: no access is of a process' memory: lackey's trace needs "
				   "valgrind's lines ==PID==, so no -q; perf script the fields "
				   "pid,time,event,addr",
				   im->looked.format);
	if (im->looked.text)
		return thermo_fail(
				-ENODATA,
				"%s: no sample has an address of a process' memory: perf script "
				"prints none of software events unless told to: perf script -F "
				"+addr; if it has none then, record with perf mem record, or with "
				"--data",
				im->looked.format);
	if (im->summary->counters.aux_skipped_bytes)
		return thermo_fail(-ENODATA,
				   "perf.data: what was recorded is %" PRIu64
				   " bytes of AUX data, %s, of which no addresses are read: record "
				   "with perf mem record, or with --data",
				   im->summary->counters.aux_skipped_bytes, im->summary->aux_kind);
	return thermo_fail(-ENODATA,
			   "%s: no sample has an address of a process' memory and "
			   "a time: record with perf mem record, or with --data",
			   im->looked.format);
}

static int look(struct import *im, FILE *file)
{
	/* Which memory there is does not depend on the order. */
	const struct perfdata_opts opts = { .unordered = true, .see = see, .context = im };
	int err = samples_open(&im->looked, file, &opts);

	if (err)
		return err;
	err = use_all(im, &im->looked, scan);
	if (!err)
		err = perfdata_scan_finish(&im->scan);
	im->summary->counters = *samples_counters(&im->looked);
	im->summary->trouble = samples_trouble(&im->looked);
	im->summary->aux_kind = samples_aux_kind(&im->looked);
	im->summary->nr_accesses = im->scan.nr_accesses;
	im->summary->nr_kernel = im->scan.nr_kernel;
	im->summary->nr_left_out = im->scan.nr_left_out;
	if (err)
		return err;
	return im->scan.nr_targets && im->scan.last_ns ? 0 : nothing_in_it(im);
}

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

static int start(struct import *im, int fd)
{
	const struct thermo_monitor_opts monitor_opts = { 0 };
	/* Its ring stays empty. */
	const struct thermo_reporter_opts opts = { .nr_reports = 2, .nr_threads = 1 };
	int err;

	im->now_ns = im->scan.first_ns;
	im->window_ns = choose_window(im->scan.last_ns - im->scan.first_ns + 1);
	im->window_end_ns = im->now_ns + im->window_ns;
	err = thermo_monitor_new(&im->monitor, &im->host, &monitor_opts);
	if (!err)
		err = thermo_reporter_new(&im->reporter, &opts);
	if (!err)
		err = thermo_monitor_add_reporter(im->monitor, im->reporter, im->looked.format);
	if (!err)
		err = thermo_monitor_give_targets(im->monitor, im->scan.targets,
						  im->scan.nr_targets);
	return err < 0 ? err : start_recording(im, fd);
}

static int finish(struct import *im)
{
	int err = close_window(im);

	if (err)
		return err;
	return record_write_end(im->writer, im->now_ns, realtime_then_ns(&im->host),
				im->summary->reason[0] ? EBADMSG : 0);
}

static int convert(struct import *im, FILE *file, int fd)
{
	struct samples s;
	int err;

	im->realtime_offset_ns = realtime_offset(file, im->scan.last_ns);
	rewind(file);
	err = samples_open(&s, file, NULL);
	if (!err)
		err = start(im, fd);
	if (!err)
		err = use_all(im, &s, feed);
	if (!err)
		err = finish(im);
	samples_close(&s);
	return err;
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

/* What comes through a pipe is read twice as well.  Return: 0 or -errno. */
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
	struct import im = { .summary = summary };
	AUTO_CLOSE int fd = memfd_create("thermocline-perf", MFD_CLOEXEC);
	int err = fd < 0 ? thermo_fail(-errno, "memfd_create: %s", strerror(errno)) : 0;

	im.host = (struct thermo_host){ .root_fd = -1, .ops = &ops, .private_data = &im };
	if (!err)
		err = look(&im, file);
	if (!err)
		err = convert(&im, file, fd);
	samples_close(&im.looked);
	record_writer_free(im.writer);
	thermo_monitor_free(im.monitor);
	thermo_reporter_free(im.reporter);
	perfdata_scan_fini(&im.scan);
	if (err)
		return err;
	if (lseek(fd, 0, SEEK_SET) < 0 || !(*recording = fdopen(fd, "r")))
		return thermo_fail(-errno, "reading what was made of perf.data: %s",
				   strerror(errno));
	(void)take_fd(&fd);
	return 0;
}

int perfdata_import(FILE *file, FILE **recording, struct perfdata_summary *summary)
{
	AUTO_FCLOSE FILE *kept = NULL;
	int err = 0;

	*summary = (struct perfdata_summary){ 0 };
	if (fseeko(file, 0, SEEK_CUR) < 0)
		err = keep(file, &kept);
	return err ? err : import_file(kept ? kept : file, recording, summary);
}
