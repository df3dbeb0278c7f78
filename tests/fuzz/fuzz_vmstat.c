/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_vmstat.c - the kernel's counters, of any bytes: changes are unknown or not negative. */
#include "tests/unit/fake_host.h"

#include "core/vmstat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct fake_host fake;

static void clean_up(void)
{
	fake_host_fini(&fake);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const struct thermo_topology topology = { .nr_nodes = 1 };
	struct vmstat v = { 0 };
	size_t half = bytes / 2;

	if (!fake.root[0]) {
		fake_host_init(&fake);
		(void)atexit(clean_up);
	}
	fake_write_bytes(&fake, "proc/vmstat", data, half);
	fake_write_bytes(&fake, "sys/devices/system/node/node0/vmstat", data, bytes);
	(void)vmstat_read(&v, &fake.host, &topology);
	fake_advance(&fake, 1000);
	fake_write_bytes(&fake, "proc/vmstat", data + half, bytes - half);
	(void)vmstat_read(&v, &fake.host, &topology);
	for (int i = 0; i < VMSTAT_NR_ITEMS; i++) {
		struct vmstat_change c = vmstat_change(&v, &v.all, (enum vmstat_item)i);

		if (c.per_s < 0 || (!c.known && (c.since_start || c.per_s > 0)))
			abort();
	}
	if (vmstat_others_moved(&v, bytes).since_start >
	    vmstat_change(&v, &v.all, VMSTAT_MIGRATED).since_start)
		abort();
	return 0;
}
