/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_maps.c - /proc/PID/maps and /proc/PID/stat of any bytes: ranges come out
 * sorted, without overlap and no more than there is room for, if they went in sorted.
 */
#include "tests/unit/fake_host.h"

#include "core/proc.h"

#define MAX_RANGES 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct fake_host fake;

static void clean_up(void)
{
	fake_host_fini(&fake);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct thermo_range ranges[MAX_RANGES + 1];
	struct thermo_proc proc;

	if (bytes < 1)
		return 0;
	if (!fake.root[0]) {
		fake_host_init(&fake);
		(void)atexit(clean_up);
	}
	size_t max = 1 + data[0] % MAX_RANGES;

	fake_write_bytes(&fake, "proc/1/maps", data + 1, bytes - 1);
	fake_write_bytes(&fake, "proc/1/stat", data + 1, bytes - 1);
	memset(&ranges[max], 0x5a, sizeof(ranges[max]));
	int nr = thermo_proc_ranges(&fake.host, 1, max, ranges);

	if (nr > (int)max || ranges[max].start != 0x5a5a5a5a5a5a5a5a)
		abort();
	if (thermo_proc_read(&fake.host, 1, &proc) == 0 &&
	    strnlen(proc.name, sizeof(proc.name)) == sizeof(proc.name))
		abort();
	return 0;
}
