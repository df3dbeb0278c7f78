// SPDX-License-Identifier: GPL-2.0-or-later
/* privilege.c - CapEff of /proc/self/status. */
#include "core/privilege.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"

#define CAP_DAC_OVERRIDE_BIT (1ull << 1)

static const struct {
	uint64_t cap;
	const char *name;
} cap_names[] = {
	{ THERMO_CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH" },
	{ THERMO_CAP_SYS_PTRACE, "CAP_SYS_PTRACE" },
	{ THERMO_CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
	{ THERMO_CAP_SYS_NICE, "CAP_SYS_NICE" },
	{ THERMO_CAP_PERFMON, "CAP_PERFMON" },
};

int thermo_require_caps(const struct thermo_host *host, uint64_t caps, const char *what)
{
	AUTO_FREE char *text = NULL;
	char names[128] = "";
	size_t len = 0;
	uint64_t effective = 0;
	ssize_t size = thermo_host_read_all(host, &text, "proc/self/status");

	if (size < 0)
		return (int)size;
	const char *line = strstr(text, "CapEff:");

	if (!line || sscanf(line, "CapEff: %" SCNx64, &effective) != 1)
		return thermo_fail(-EBADMSG, "/proc/self/status: no CapEff line");
	/* CAP_SYS_ADMIN stands in for CAP_PERFMON, as in the kernel. */
	if (effective & THERMO_CAP_SYS_ADMIN)
		effective |= THERMO_CAP_PERFMON;
	if (effective & CAP_DAC_OVERRIDE_BIT)
		effective |= THERMO_CAP_DAC_READ_SEARCH;
	for (size_t i = 0; i < sizeof(cap_names) / sizeof(cap_names[0]); i++) {
		if (!(caps & ~effective & cap_names[i].cap))
			continue;
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
					len ? " and " : "", cap_names[i].name);
	}
	if (names[0])
		return thermo_fail(-EPERM, "%s: needs %s: run as root", what, names);
	return 0;
}
