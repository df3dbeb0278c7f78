/* SPDX-License-Identifier: GPL-2.0-or-later */
/* topology_print.h - a machine's memory for people, and as JSON for programs. */
#ifndef CLI_TOPOLOGY_PRINT_H
#define CLI_TOPOLOGY_PRINT_H

#include <stdio.h>

#include "tiering/machine.h"
#include "tiering/odd.h"

void topology_print_text(FILE *out, const struct machine *machine, const struct odds *odds);
/* Columns and names are stable, see thermocline-topology(1). */
void topology_print_json(FILE *out, const struct machine *machine, const struct odds *odds);

/* CXL memory devices in a line each, for `thermocline sources`; nothing without any. */
void topology_print_devices(FILE *out, const struct cxl *cxl);

/* Short lower-case names. */
const char *topology_mode(enum cxl_mode mode);
const char *topology_arithmetic(enum cxl_arithmetic arithmetic);

#endif
