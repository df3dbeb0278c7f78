/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clients.h - programs that report their own accesses, attached to the monitor.
 *
 * They connect to /run/thermocline/report, see thermocline/client.h.  The daemon's
 * thread calls everything here; nothing waits.  NULL stands for no clients at all.
 */
#ifndef CLI_CLIENTS_H
#define CLI_CLIENTS_H

#include <json-c/json.h>
#include <stdio.h>

#include "core/host.h"
#include "core/settings.h"
#include "thermocline/monitor.h"

#define CLIENTS_PATH THERMO_RUN_DIR "/report"
/* Told apart from sources of the machine. */
#define CLIENTS_SOURCE (THERMO_MAX_SOURCES - 1)

enum clients_policy { CLIENTS_ALL, CLIENTS_ROOT, CLIENTS_NONE };

struct clients;

/* Return: 0 or -errno. */
int clients_open(struct clients **clients, const struct thermo_host *host,
		 struct thermo_monitor *monitor, enum clients_policy policy);

/* Readable when clients_step() has something to do; -1: never. */
int clients_fd(const struct clients *clients);

/* Let clients come and go.  Some times a second. */
void clients_step(struct clients *clients);

/* What is left is drained first. */
void clients_close(struct clients *clients);

/* The caller puts it. */
struct json_object *clients_json(const struct clients *clients);

/* For people; nothing before the first client. */
void clients_print(FILE *out, struct json_object *clients);

#endif
