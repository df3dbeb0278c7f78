/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * protocol.h - what a client and the daemon say to each other.
 *
 * Over a socket of whole packets (SOCK_SEQPACKET): one hello from the client, one
 * welcome from the daemon, with the memory's descriptor if it agrees, and then nothing:
 * the connection lasts as long as both want it.
 */
#ifndef REPORT_API_PROTOCOL_H
#define REPORT_API_PROTOCOL_H

#include <fcntl.h>
#include <stdint.h>

#define CLIENT_MAGIC 0x4d524854u /* "THRM" */
#define CLIENT_VERSION 1u

#define CLIENT_FOR_OTHERS 1u

/* Nobody can take the memory away below the other. */
#define CLIENT_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

struct client_hello {
	uint32_t magic;
	uint32_t version;
	uint32_t nr_threads; /* 0: the default */
	uint32_t nr_reports;
	uint32_t flags; /* CLIENT_FOR_OTHERS; others are refused */
	char name[16];
};

struct client_welcome {
	uint32_t magic;
	uint32_t version; /* of the daemon */
	int32_t err;      /* 0, or -errno and @reason */
	uint32_t nr_threads;
	uint32_t nr_reports;
	uint32_t reserved;
	uint64_t bytes; /* of the memory */
	char reason[96];
};

#endif
