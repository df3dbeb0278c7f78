/* SPDX-License-Identifier: GPL-2.0-or-later */
/* owner.h - whose memory a physical address is, for `thermocline ctl owner`. */
#ifndef CLI_OWNER_H
#define CLI_OWNER_H

#include <json-c/json.h>
#include <stdio.h>

#include "cli/daemon.h"

/* The answer about the address that @text names, in hexadecimal or decimal, or an "error". */
struct json_object *owner_json(const struct daemon *daemon, const char *text);

void owner_print(FILE *out, struct json_object *answer);

#endif
