/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thermocline/client.h - report your own accesses to the daemon.
 *
 * A program connects, gets memory that it shares with the daemon, and reports with
 * thermo_report_access() as with any reporter: same cost, same rules, and the daemon
 * takes the reports out.  Needs nothing but the C library.
 *
 * Of the fields of a report: pid and time_ns may be 0, which the daemon takes for the
 * client and for the time when it sees the report; source is the daemon's.  A client
 * speaks for its own virtual addresses only, unless root asks for more when it connects.
 * What is not allowed or makes no sense the daemon leaves out and counts; `thermocline
 * ctl status` shows the counts of each client.
 *
 * When the daemon ends, or throws the client out, reporting goes on into memory that
 * nobody reads: once it is full all is dropped and counted.  thermo_client_connected()
 * tells.  To connect again, close and connect.
 */
#ifndef THERMOCLINE_CLIENT_H
#define THERMOCLINE_CLIENT_H

#include "thermocline/report.h"

#ifdef __cplusplus
extern "C" {
#endif

#define THERMO_CLIENT_SOCKET "/run/thermocline/report"

/**
 * struct thermo_client_opts - Zeroes mean the default.
 * @socket:	Path of the daemon's socket; default THERMO_CLIENT_SOCKET.
 * @name:	Shown by the daemon, 15 characters of it; default: the program's name.
 * @nr_reports:	Room of each ring: a power of two, 2 to 65536; default 4096.  The
 *		daemon takes them out some times a second.
 * @nr_threads:	Rings for threads, 1 to 256; default 16.  All rings together may not
 *		take more than 32 MiB.
 * @timeout_ms:	Longest wait for the daemon, in each of three steps; default 1000.
 * @for_others:	Speak for any process and for physical memory; uid 0 only.  What it then
 *		samples all the time (watched_ns 0) it samples of all memory, so that its
 *		silence counts for all; others' counts for their own memory.
 */
struct thermo_client_opts {
	const char *socket;
	const char *name;
	uint32_t nr_reports;
	uint32_t nr_threads;
	uint32_t timeout_ms;
	bool for_others;
};

/**
 * thermo_client_connect() - Connect to the daemon.
 * @reporter:	Out: where to report; this process only, see thermocline/report.h.
 * @opts:	NULL: all default.
 *
 * Return: 0 or -errno: -ENOENT and -ECONNREFUSED when no daemon runs there, -ETIMEDOUT
 * when it does not answer, -EACCES, -EPERM, -EUSERS, -ENOSPC or -EINVAL when it refuses,
 * with its reason in thermo_last_error().
 */
THERMO_API int thermo_client_connect(struct thermo_reporter **reporter,
				     const struct thermo_client_opts *opts);

/* Whether the daemon still takes the reports.  Makes a system call; never blocks. */
THERMO_API bool thermo_client_connected(const struct thermo_reporter *reporter);

/*
 * Disconnect and free.  The daemon takes out what was reported before.  No thread may
 * be reporting any more.  Accepts NULL.
 */
THERMO_API void thermo_client_close(struct thermo_reporter *reporter);

#ifdef __cplusplus
}
#endif

#endif
