/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap.h - what is measured, switched on and off: a source at a rate, or a program that
 * reports its own accesses through a socket as the daemon's.
 *
 * One thread owns a tap.  It takes the place of the daemon: it drains what arrives, which
 * is part of the cost, and counts it; the monitor behind it is left out.
 */
#ifndef BENCH_OVERHEAD_TAP_H
#define BENCH_OVERHEAD_TAP_H

#include "bench/overhead/kthreads.h"
#include "core/settings.h"
#include "thermocline/source.h"

/* How often the owner calls overhead_tap_step(). */
#define OVERHEAD_STEP_NS 100000000ull

enum overhead_way {
	OVERHEAD_CONTROL, /* nothing at all: what the comparison itself is worth */
	OVERHEAD_REPORTS, /* the program reports its own accesses */
	OVERHEAD_SOURCE,
};

/**
 * struct overhead_subject - One thing to measure.
 * @source:	With OVERHEAD_SOURCE.
 * @setting:	OVERHEAD_SOURCE: permille of its full rate; OVERHEAD_REPORTS: accesses for
 *		each report.
 */
struct overhead_subject {
	enum overhead_way way;
	const struct thermo_source *source;
	uint32_t setting;
};

/* As users write it. */
const char *overhead_subject_name(const struct overhead_subject *subject);

/**
 * struct overhead_counts - So far.
 * @samples:	What the source took from the kernel; reports that the program made.
 * @reports:	Taken out of the rings.
 * @lost:	Samples that the kernel dropped.  @dropped: reports that found a ring full.
 * @useless:	Of @samples; @ignored: as well, of processes that are no target.
 * @exact:	Of @reports, those that speak for every access since the one before.
 * @accesses:	What those stand for: @accesses / @exact is the period.
 * @user_ns, @system_ns:	CPU time of the source's thread and the draining.
 * @kthreads_ns:	CPU time of kernel threads that work for the source.
 */
struct overhead_counts {
	uint64_t time_ns;
	uint64_t samples;
	uint64_t reports;
	uint64_t lost;
	uint64_t dropped;
	uint64_t useless;
	uint64_t ignored;
	uint64_t exact;
	uint64_t accesses;
	uint64_t user_ns;
	uint64_t system_ns;
	uint64_t kthreads_ns;
};

struct runner;
struct thermo_server;

/* Zeroed: closed. */
struct overhead_tap {
	const struct thermo_host *host;
	struct thermo_settings *settings; /* NULL: none can be changed */
	bool pause_damon_stat;
	char dir[64]; /* "": no socket */
	int dir_fd;   /* valid with @server; the server uses it */
	char socket[80];
	struct thermo_server *server;
	struct thermo_reporter *client;
	struct overhead_subject subject;
	struct runner *runner;
	struct overhead_kthreads others;   /* kernel threads that were there before */
	struct overhead_kthreads kthreads; /* and that came with the source */
	struct overhead_counts counts;     /* of what was drained */
	uint64_t refill_ns;                /* when @left is filled up */
	uint32_t left;                     /* reports that may be drained until then */
	bool more;                         /* there is more to be drained at once */
};

/* @reports: a socket is needed.  Return: 0 or -errno; close it in any case. */
int overhead_tap_open(struct overhead_tap *tap, const struct thermo_host *host,
		      struct thermo_settings *settings, bool reports);

/* Becomes readable when overhead_tap_step() is due at once; -1: never. */
int overhead_tap_fd(const struct overhead_tap *tap);

/* Switch on, for process @pid.  Return: 0 or -errno; stop it in any case. */
int overhead_tap_start(struct overhead_tap *tap, const struct overhead_subject *subject, pid_t pid);

/* The source has begun by now: look which kernel threads are its. */
void overhead_tap_settle(struct overhead_tap *tap);

/* Take what has arrived.  Return: 0, or -errno when the source ended by itself. */
int overhead_tap_step(struct overhead_tap *tap);

/* Steps, and counts. */
int overhead_tap_counts(struct overhead_tap *tap, struct overhead_counts *counts);

/* Switch off, settings included.  Return: 0, or -errno when a setting did not go back. */
int overhead_tap_stop(struct overhead_tap *tap);

/* May be called twice. */
void overhead_tap_close(struct overhead_tap *tap);

#endif
