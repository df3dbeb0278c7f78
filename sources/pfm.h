/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pfm.h - events by libpfm4's names: "icx::MEM_LOAD_RETIRED:L3_MISS:precise=2".
 *
 * A struct of its own, because libpfm4 brings an old copy of <linux/perf_event.h> that
 * cannot meet the real one in a file.
 */
#ifndef SOURCES_PFM_H
#define SOURCES_PFM_H

#include <stdbool.h>
#include <stdint.h>

struct pfm_event {
	uint32_t type;
	uint64_t config;
	uint64_t config1;
	uint64_t config2;
	uint64_t period; /* 0: not named */
	uint32_t precise;
	bool exclude_user;
	bool exclude_kernel;
	bool exclude_hv;
};

/*
 * Encode @text, which names its PMU; that need not be this machine's.
 * Return: 0; -EOPNOTSUPP when built without libpfm4; -ENOENT when it does not know the
 * event; -EINVAL for a wrong attribute.
 */
int pfm_encode(const char *text, bool with_kernel, struct pfm_event *event);

#endif
