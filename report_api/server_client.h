/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server_client.h - a client on the daemon's side; server.c, handshake.c and guard.c only. */
#ifndef REPORT_API_SERVER_CLIENT_H
#define REPORT_API_SERVER_CLIENT_H

#include "report_api/rings.h"
#include "report_api/server.h"

struct thermo_server;

struct client {
	struct thermo_server *server;
	int fd;
	uint64_t since_ns;
	uint64_t start_ticks;
	struct thermo_reporter *reporter; /* NULL before its hello */
	struct drain_guard guard;
	uint64_t quota; /* of the budget, until the next step */
	struct server_client info;
};

struct thermo_server {
	struct server_opts opts; /* defaults filled in */
	int listen_fd;
	int epoll_fd;
	bool is_listening;     /* the listener is in the epoll set */
	uint64_t listen_at_ns; /* when it is again, after too many connects */
	uint32_t nr_accepts;   /* in the second that began at accepts_ns */
	uint64_t accepts_ns;
	uint64_t check_ns;  /* when processes were last looked at */
	uint64_t refill_ns; /* when the budget was last filled up */
	int64_t budget;     /* reports that may be taken now; below 0: overdrawn */
	uint64_t bytes;     /* of all clients' memory */
	uint32_t nr_clients;
	struct client **clients;
	struct server_counters gone; /* of clients that are no more */
};

/* guard.c: a client's reports, as drain.c has them checked. */
void guard_init(struct client *client);

/* Fill the budget up and share it out. */
void guard_refill(struct thermo_server *server, uint64_t now_ns);

/* handshake.c: who is behind @client->fd.  Return: 0, or -errno with the reason. */
int handshake_identify(struct client *client);

/* The client's hello.  Return: 1: welcome; 0: not there yet; -errno: end it. */
int handshake_answer(struct client *client);

/* Tell it why not, as thermo_last_error() has it. */
void handshake_refuse(const struct client *client, int err);

#endif
