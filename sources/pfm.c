// SPDX-License-Identifier: GPL-2.0-or-later
/* pfm.c - libpfm4, and what its tables have wrong. */
#include "sources/pfm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

#ifdef HAVE_PFM
#include <perfmon/pfmlib_perf_event.h>
#include <pthread.h>

static int init_status;

/* Once, before there are threads that could read the environment meanwhile. */
static void initialize(void)
{
	/*
	 * It would encode for the PMU it finds by CPUID only, and so for none in a VM and on
	 * machines newer than its tables.  Whoever names a PMU knows which one is meant.
	 */
	(void)setenv("LIBPFM_ENCODE_INACTIVE", "1", 0);
	init_status = pfm_initialize();
}

/*
 * Take ":precise=N" out of @text.  4.13 refuses it for events that are precise all the same
 * (MEM_LOAD_L3_MISS_RETIRED of Sapphire Rapids).
 */
static int take_precise(char *text, uint32_t *precise)
{
	static const char key[] = ":precise=";
	char *at = strstr(text, key);

	if (!at)
		return 0;
	const char *digit = at + sizeof(key) - 1;

	if (*digit < '0' || *digit > '3' || (digit[1] != '\0' && digit[1] != ':'))
		return thermo_fail(-EINVAL, "%s: precise is 0 to 3", text);
	*precise = (uint32_t)(*digit - '0');
	memmove(at, digit + 1, strlen(digit + 1) + 1);
	return 0;
}

/*
 * MEM_TRANS_RETIRED:STORE_SAMPLE comes out as 0x3cd, load latency's umask and its own in
 * one; up to the head of October 2024, for Sapphire Rapids to Granite Rapids.
 */
static uint64_t correct(const char *text, uint64_t config)
{
	if (strstr(text, ":STORE_SAMPLE") && (config & 0xffff) == 0x3cd)
		return config & ~0x100ull;
	return config;
}

int pfm_encode(const char *text, bool with_kernel, struct pfm_event *event)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct perf_event_attr attr = { .size = sizeof(attr) };
	pfm_perf_encode_arg_t arg = { .attr = &attr, .size = sizeof(arg) };
	char name[256];
	uint32_t precise = 0;

	(void)pthread_once(&once, initialize);
	if (init_status != PFM_SUCCESS)
		return thermo_fail(-EOPNOTSUPP, "libpfm4: %s", pfm_strerror(init_status));
	if (strlen(text) >= sizeof(name))
		return thermo_fail(-EINVAL, "%.40s: longer than any event's name", text);
	memcpy(name, text, strlen(text) + 1);
	int err = take_precise(name, &precise);

	if (err)
		return err;
	int got = pfm_get_os_event_encoding(name, PFM_PLM3 | (with_kernel ? PFM_PLM0 : 0),
					    PFM_OS_PERF_EVENT_EXT, &arg);

	if (got != PFM_SUCCESS)
		return thermo_fail(got == PFM_ERR_NOTFOUND ? -ENOENT : -EINVAL, "%s: libpfm4: %s",
				   text, pfm_strerror(got));
	if (attr.freq)
		return thermo_fail(-EINVAL, "%s: a period is wanted, no frequency", text);
	*event = (struct pfm_event){
		.type = attr.type,
		.config = correct(name, attr.config),
		.config1 = attr.config1,
		.config2 = attr.config2,
		.period = attr.sample_period,
		.precise = precise ? precise : attr.precise_ip,
		.exclude_user = attr.exclude_user,
		.exclude_kernel = attr.exclude_kernel,
		.exclude_hv = attr.exclude_hv,
	};
	return 0;
}
#else
int pfm_encode(const char *text, bool with_kernel, struct pfm_event *event)
{
	(void)with_kernel, (void)event;
	return thermo_fail(-EOPNOTSUPP,
			   "%s: built without libpfm4: name it as PMU/TERMS/ or as rNNN", text);
}
#endif
