/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_settings.c - the state file of a killed daemon holds any bytes.
 *
 * Whatever it says, nothing outside of /sys and /proc/sys is written, and what
 * opens once opens again.
 */
#include "tests/unit/fake_host.h"

#include "core/settings.h"

#define STATE_PATH "run/thermocline/settings.json"
#define INNOCENT "etc/passwd"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct fake_host fake;

static void clean_up(void)
{
	fake_host_fini(&fake);
}

static void set_up(void)
{
	fake_host_init(&fake);
	fake_write(&fake, INNOCENT, "0");
	fake_write(&fake, "proc/1/mem", "0");
	fake_write(&fake, "proc/sys/kernel/random/boot_id", "b");
	(void)atexit(clean_up);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct thermo_settings settings;
	unsigned int nr_left = 0;

	if (!fake.root[0])
		set_up();
	fake_write(&fake, "proc/sys/a", "0");
	fake_write_bytes(&fake, STATE_PATH, data, bytes);
	int err = thermo_settings_open(&settings, &fake.host, &nr_left);

	if (!err) {
		if (nr_left > THERMO_MAX_CHANGES || settings.nr_changes != 0)
			abort();
		if (thermo_settings_change(&settings, "proc/sys/a", "7"))
			abort();
	}
	err = thermo_settings_close(&settings);
	if (strcmp(fake_read(&fake, INNOCENT), "0") != 0 ||
	    strcmp(fake_read(&fake, "proc/1/mem"), "0") != 0)
		abort();
	return 0;
}
