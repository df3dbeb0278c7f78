/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status.h - what a daemon says of itself, as JSON and as a line. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include <json-c/json.h>
#include <stdio.h>

#include "cli/daemon.h"

/* The file that `ctl status` reads when the daemon does not answer. */
#define STATUS_PATH THERMO_RUN_DIR "/status"
#define CONTROL_PATH THERMO_RUN_DIR "/control"

/* The caller puts it. */
struct json_object *status_json(const struct daemon *daemon, uint64_t now_ns);

/* The regions of the newest snapshot: an array, empty before the first window. */
struct json_object *regions_json(const struct daemon *daemon);
void regions_print(FILE *out, struct json_object *regions);

/* Replace the status file.  Return: 0 or -errno. */
int status_write(const struct daemon *daemon, uint64_t now_ns);

/* One readable line of what happened since @last, which is brought up to date. */
struct status_line_state {
	uint64_t time_ns;
	uint64_t moved_pages[THERMO_NR_ACTIONS];
	uint64_t planned_bytes[THERMO_NR_ACTIONS];
	uint64_t kernel_pages[THERMO_NR_ACTIONS];
	uint64_t seen;
};

void status_line(const struct daemon *daemon, uint64_t now_ns, struct status_line_state *last,
		 char *text, size_t size);

/* Print a status (a JSON object, as from status_json()) for people. */
void status_print(FILE *out, struct json_object *status);

#endif
