// SPDX-License-Identifier: GPL-2.0-or-later
/* pmu_machine.c - the first CPU of /proc/cpuinfo, and the kernel's release. */
#include "sources/pmu_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"

/* The text after "@key <white space>: ", or NULL. */
static const char *field(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) != 0)
			continue;
		const char *p = line + len + strspn(line + len, " \t");

		if (*p == ':')
			return p + 1 + strspn(p + 1, " \t");
	}
	return NULL;
}

static unsigned int number_field(const char *text, const char *key)
{
	const char *p = field(text, key);

	return p ? (unsigned int)strtoul(p, NULL, 10) : 0;
}

static enum pmu_vendor vendor_of(const char *cpuinfo)
{
	const char *vendor = field(cpuinfo, "vendor_id");

	if (field(cpuinfo, "CPU implementer"))
		return PMU_VENDOR_ARM;
	if (vendor && strncmp(vendor, "GenuineIntel", 12) == 0)
		return PMU_VENDOR_INTEL;
	if (vendor &&
	    (strncmp(vendor, "AuthenticAMD", 12) == 0 || strncmp(vendor, "HygonGenuine", 12) == 0))
		return PMU_VENDOR_AMD;
	return PMU_VENDOR_OTHER;
}

/* A word of its own in the line of flags. */
static bool has_flag(const char *cpuinfo, const char *flag)
{
	const char *p = field(cpuinfo, "flags");
	size_t len = strlen(flag);

	while (p && *p && *p != '\n') {
		size_t word = strcspn(p, " \n");

		if (word == len && strncmp(p, flag, len) == 0)
			return true;
		p += word;
		p += strspn(p, " ");
	}
	return false;
}

void pmu_machine_read(struct pmu_machine *m, const struct thermo_host *host)
{
	AUTO_FREE char *cpuinfo = NULL;
	char release[64];

	*m = (struct pmu_machine){ .host = host };
	if (thermo_host_read_all(host, &cpuinfo, "proc/cpuinfo") >= 0) {
		m->vendor = vendor_of(cpuinfo);
		m->family = number_field(cpuinfo, "cpu family");
		m->model = number_field(cpuinfo, "model");
		m->in_vm = has_flag(cpuinfo, "hypervisor");
	}
	if (thermo_host_read(host, release, sizeof(release), "proc/sys/kernel/osrelease") < 0 ||
	    sscanf(release, "%u.%u", &m->kernel_major, &m->kernel_minor) != 2)
		m->kernel_major = m->kernel_minor = 0;
}

bool pmu_kernel_before(const struct pmu_machine *m, unsigned int major, unsigned int minor)
{
	return m->kernel_major &&
	       (m->kernel_major < major || (m->kernel_major == major && m->kernel_minor < minor));
}
