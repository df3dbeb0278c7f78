/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server.h - the daemon's side of clients: a socket, and a reporter for each of them.
 *
 * One thread owns a server: it waits for the server's descriptor with others, calls
 * server_step(), and drains the reporters that it was given.  Nothing here waits.
 *
 * Clients are not trusted.  Who they are the kernel says (SO_PEERCRED); what they may
 * say follows from that; how much of the daemon's time and memory they take is bounded,
 * each and together.  See guard.c for reports, rings.h for the shared memory.
 */
#ifndef REPORT_API_SERVER_H
#define REPORT_API_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "thermocline/report.h"

struct thermo_server;

/**
 * struct server_client - A client, as its daemon sees it.
 * @pid, @uid:	When it connected, said by the kernel.
 * @name:	As it calls itself; printable.
 * @privileged:	It may speak for others: it asked for it, and is of uid 0.
 * @reports:	Taken and good.
 * @refused:	Reports that it may not make: of other processes, of physical memory.
 * @bad:	Reports that make no sense.
 * @corrupt:	Nonsense in the indices of its rings.
 * @dropped:	Reports lost in full rings, as it says itself.
 */
struct server_client {
	pid_t pid;
	uid_t uid;
	char name[16];
	bool privileged;
	uint32_t nr_rings;
	uint64_t bytes;
	uint64_t reports;
	uint64_t refused;
	uint64_t bad;
	uint64_t corrupt;
	uint64_t dropped;
};

/**
 * struct server_counters - Over all clients, those that are gone included.
 * @connects:	Clients that were welcome; @turned_away: those that were not.
 * @unread:	Reports that were still in the rings of clients when they went.
 */
struct server_counters {
	uint64_t connects;
	uint64_t turned_away;
	uint64_t reports;
	uint64_t refused;
	uint64_t bad;
	uint64_t corrupt;
	uint64_t dropped;
	uint64_t unread;
};

/**
 * struct server_ops - What a server wants from its owner; called from server_step() and
 * server_close(), and now_ns() also from draining.
 * @now_ns:	CLOCK_MONOTONIC.
 * @start_ticks:	When process @pid started; -errno when there is none.
 * @attach:	A client is there: drain @reporter from now on.  Return: 0, or -errno with
 *		the reason, which turns it away.
 * @detach:	It is gone: drain @reporter for the last time and forget it.
 * @gone:	After that, with its last counts.
 */
struct server_ops {
	uint64_t (*now_ns)(void *arg);
	int (*start_ticks)(void *arg, pid_t pid, uint64_t *ticks);
	int (*attach)(void *arg, struct thermo_reporter *reporter,
		      const struct server_client *client);
	void (*detach)(void *arg, struct thermo_reporter *reporter);
	void (*gone)(void *arg, const struct server_client *client);
};

/**
 * struct server_opts - Zeroes mean the default.
 * @dir_fd, @path:	The socket; whatever is there is replaced.
 * @root_only:	Only uid 0 may connect.
 * @source:	What thermo_access.source becomes.
 * @max_clients:	Default 64; @max_per_uid: default 16, uid 0 has no such limit.
 * @max_bytes:	Of all shared memory, default 128 MiB: below what the daemon itself may
 *		use, since a client can make parts of it be accounted to the daemon.
 *		A uid other than 0 gets half of it, a client a quarter.
 * @max_reports_per_s:	Taken from all clients together, shared among them evenly; a
 *		report of more than some pages counts for several.  Default 100000.
 */
struct server_opts {
	int dir_fd;
	const char *path;
	bool root_only;
	uint8_t source;
	uint32_t max_clients;
	uint32_t max_per_uid;
	uint64_t max_bytes;
	uint32_t max_reports_per_s;
	const struct server_ops *ops;
	void *arg;
};

/* Return: 0 or -errno. */
int server_open(struct thermo_server **server, const struct server_opts *opts);

/* Becomes readable when there is something for server_step() to do at once. */
int server_fd(const struct thermo_server *server);

/* Do what is due; call it some times a second, and when the descriptor is readable. */
void server_step(struct thermo_server *server);

/* The clients that are connected.  Return: how many of @max. */
size_t server_clients(const struct thermo_server *server, struct server_client *clients,
		      size_t max);

void server_counters(const struct thermo_server *server, struct server_counters *counters);

/* Detach all clients, remove the socket.  Accepts NULL. */
void server_close(struct thermo_server *server);

#endif
