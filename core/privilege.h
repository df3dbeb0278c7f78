/* SPDX-License-Identifier: GPL-2.0-or-later */
/* privilege.h - which capabilities we hold, and the names of those we lack. */
#ifndef CORE_PRIVILEGE_H
#define CORE_PRIVILEGE_H

#include <stdint.h>

#include "core/host.h"

/* Bits of CapEff, capabilities(7). */
#define THERMO_CAP_DAC_READ_SEARCH (1ull << 2)
#define THERMO_CAP_SYS_PTRACE (1ull << 19)
#define THERMO_CAP_SYS_ADMIN (1ull << 21)
#define THERMO_CAP_SYS_NICE (1ull << 23)
#define THERMO_CAP_PERFMON (1ull << 38)

/* Return: 0, or -EPERM with every missing capability of @caps named after @what. */
int thermo_require_caps(const struct thermo_host *host, uint64_t caps, const char *what);

#endif
