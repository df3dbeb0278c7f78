// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_output.c - the monitor's tap at one end, a perf.data at the other. */
#include "cli/perfdata_output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cli/log.h"
#include "cli/record_output.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "sources/perfdata_write.h"
#include "xxhash.h"

/* A process' mappings are looked at again so often, while it is sampled. */
#define LOOK_NS 10000000000ull
/* A round so often: what a source tells comes no later than that. */
#define ROUND_NS 1000000000ull
/* Threads that can have names: a power of two, filled to three quarters. */
#define MAX_THREADS ((size_t)1 << 14)

struct thread {
	int32_t tid; /* 0: nobody */
	uint64_t looked_ns;
	uint64_t mappings; /* a hash of them as they were written */
};

struct perfdata_output {
	const struct thermo_host *host;
	struct thermo_monitor *monitor;
	struct record_output file;
	struct perfdata_writer *writer;
	uint64_t now_ns;
	uint64_t round_ns;               /* when the last one ended */
	uint64_t dropped[UINT8_MAX + 1]; /* by source, as far as it was written */
	uint64_t nr_dropped;
	size_t nr_threads;
	uint64_t nr_unnamed; /* threads beyond what there is room for, each time they are met */
	struct thread threads[MAX_THREADS];
};

/* --- names and mappings --- */

/* "start-end perm offset device inode name".  Return: whether it is such a line. */
static bool parse_mapping(char *line, struct perfdata_write_mapping *m)
{
	char perm[5] = "";
	int at = 0;

	*m = (struct perfdata_write_mapping){ 0 };
	if (sscanf(line,
		   "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %" SCNx32 ":%" SCNx32 " %" SCNu64 " %n",
		   &m->start, &m->end, perm, &m->file_offset, &m->device_major, &m->device_minor,
		   &m->inode, &at) != 7 ||
	    at == 0 || strlen(perm) != 4 || m->end <= m->start)
		return false;
	m->prot = (uint32_t)((perm[0] == 'r' ? PROT_READ : 0) | (perm[1] == 'w' ? PROT_WRITE : 0) |
			     (perm[2] == 'x' ? PROT_EXEC : 0));
	m->flags = perm[3] == 's' ? MAP_SHARED : MAP_PRIVATE;
	m->name = line + at;
	return true;
}

static void write_mappings(struct perfdata_output *o, int32_t pid, struct thread *t)
{
	AUTO_FREE char *text = NULL;
	ssize_t len = thermo_host_read_all(o->host, &text, "proc/%d/maps", (int)pid);
	struct perfdata_write_mapping m;
	char *save = NULL;

	/* It is gone, or not ours to look at: its samples stay, without names. */
	if (len <= 0)
		return;
	uint64_t hash = XXH64(text, (size_t)len, 0);

	if (hash == t->mappings)
		return;
	t->mappings = hash;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (parse_mapping(line, &m))
			perfdata_write_mapping(o->writer, pid, &m);
}

static void look(struct perfdata_output *o, int32_t pid, int32_t tid, struct thread *t)
{
	char name[32];

	if (t->looked_ns == 0 && thermo_host_read(o->host, name, sizeof(name),
						  "proc/%d/task/%d/comm", (int)pid, (int)tid) > 0)
		perfdata_write_name(o->writer, pid, tid, name);
	if (pid == tid)
		write_mappings(o, pid, t);
	t->looked_ns = o->now_ns;
}

/* Return: its place, also when it is new; NULL when there is no room. */
static struct thread *find(struct perfdata_output *o, int32_t tid)
{
	size_t i = (uint32_t)tid * 2654435761u >> 18;

	while (o->threads[i].tid && o->threads[i].tid != tid)
		i = (i + 1) % MAX_THREADS;
	if (o->threads[i].tid == tid)
		return &o->threads[i];
	if (o->nr_threads >= MAX_THREADS / 4 * 3)
		return NULL;
	o->nr_threads++;
	o->threads[i] = (struct thread){ .tid = tid };
	return &o->threads[i];
}

/* Before its first sample, so that who reads knows whose it is. */
static void introduce(struct perfdata_output *o, int32_t pid, int32_t tid)
{
	struct thread *t = find(o, tid);

	if (!t)
		o->nr_unnamed++;
	else if (t->looked_ns == 0 || o->now_ns - t->looked_ns >= LOOK_NS)
		look(o, pid, tid, t);
}

/* --- reports --- */

static void take(void *context, const char *name, const struct thermo_access *accesses, size_t nr)
{
	struct perfdata_output *o = context;
	int32_t last_tid = 0;

	(void)name;
	for (size_t i = 0; i < nr; i++) {
		const struct thermo_access *a = &accesses[i];

		if (a->pid > 0)
			introduce(o, a->pid, a->pid);
		if (a->pid > 0 && a->tid > 0 && a->tid != a->pid && a->tid != last_tid)
			introduce(o, a->pid, a->tid);
		last_tid = a->tid;
		perfdata_write_access(o->writer, a);
	}
}

/* Of one source there may be several reporters, and they may go: only what is more counts. */
static void write_lost(struct perfdata_output *o, const struct thermo_snapshot *s)
{
	uint64_t dropped[UINT8_MAX + 1] = { 0 };

	for (uint32_t i = 0; i < s->nr_sources; i++)
		dropped[(uint8_t)s->sources[i].source] += s->sources[i].dropped;
	for (int i = 0; i <= UINT8_MAX; i++) {
		if (dropped[i] <= o->dropped[i])
			continue;
		perfdata_write_lost(o->writer, (uint8_t)i, dropped[i] - o->dropped[i]);
		o->nr_dropped += dropped[i] - o->dropped[i];
		o->dropped[i] = dropped[i];
	}
}

/* --- the file --- */

static int start_writer(struct perfdata_output *o, const struct daemon *d)
{
	struct perfdata_write_event events[SELECT_MAX + 2];
	size_t nr = 0;

	/* Those that may come to run later as well: events cannot be added. */
	for (unsigned int i = 0; i <= SELECT_MAX; i++) {
		const char *name = daemon_sources_name(d->sources, i);

		if (name)
			events[nr++] = (struct perfdata_write_event){ (uint8_t)i, name };
	}
	if (d->clients || nr == 0)
		events[nr++] = (struct perfdata_write_event){ CLIENTS_SOURCE, "client" };
	return perfdata_writer_new(&o->writer, o->file.fd, events, nr);
}

int perfdata_output_open(struct perfdata_output **out, const char *path, const struct daemon *d)
{
	struct perfdata_output *o = calloc(1, sizeof(*o));
	int err;

	if (!o)
		return thermo_fail(-ENOMEM, "%s: no memory", path);
	o->host = d->host;
	o->monitor = d->monitor;
	o->now_ns = o->round_ns = thermo_host_now_ns(d->host);
	err = record_output_open(&o->file, path);
	if (!err) {
		err = start_writer(o, d);
		if (err)
			record_output_discard(&o->file);
	}
	if (err) {
		perfdata_writer_free(o->writer);
		free(o);
		return err;
	}
	const struct thermo_tap tap = { take, o };

	thermo_monitor_set_tap(o->monitor, &tap);
	*out = o;
	return 0;
}

int perfdata_output_step(struct perfdata_output *o, const struct daemon *d)
{
	o->now_ns = thermo_host_now_ns(o->host);
	if (d->snapshot)
		write_lost(o, d->snapshot);
	if (o->now_ns < o->round_ns + ROUND_NS)
		return perfdata_write_flush(o->writer);
	o->round_ns = o->now_ns;
	return perfdata_write_round(o->writer);
}

static void tell_result(const struct perfdata_output *o)
{
	const struct perfdata_write_counters *c = perfdata_writer_counters(o->writer);

	log_info("perf.data: %" PRIu64 " samples, %.2f MiB in %s", c->samples,
		 (double)perfdata_writer_bytes(o->writer) / (1 << 20), o->file.path);
	if (c->negative)
		log_info("perf.data: %" PRIu64 " reports of memory that was not accessed are left "
			 "out: perf knows no such sample",
			 c->negative);
	if (c->no_event)
		log_warning("perf.data: %" PRIu64 " reports of an unknown source are left out",
			    c->no_event);
	if (o->nr_dropped)
		log_warning("perf.data: %" PRIu64 " reports were lost in full rings before they "
			    "could be written",
			    o->nr_dropped);
	if (o->nr_unnamed)
		log_warning("perf.data: %" PRIu64 " samples are of threads beyond the first %zu, "
			    "which got no name",
			    o->nr_unnamed, o->nr_threads);
}

int perfdata_output_close(struct perfdata_output *o, char *const *argv)
{
	int err, close_err;

	if (!o)
		return 0;
	thermo_monitor_set_tap(o->monitor, NULL);
	err = perfdata_write_end(o->writer, argv);
	if (!err)
		tell_result(o);
	perfdata_writer_free(o->writer);
	close_err = record_output_close(&o->file);
	free(o);
	return err ? err : close_err;
}
