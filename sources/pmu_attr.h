/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pmu_attr.h - perf_event_attr with the words that formats below /sys name, and in words.
 *
 * The build machine's headers may be older than the kernel we run on: config3 came with
 * PERF_ATTR_SIZE_VER8 and lies behind what older headers know.
 */
#ifndef SOURCES_PMU_ATTR_H
#define SOURCES_PMU_ATTR_H

#include <linux/perf_event.h>
#include <stddef.h>
#include <stdint.h>

#define PMU_ATTR_FIELDS 32

/* &attr.perf is what perf_event_open(2) takes. */
union pmu_attr {
	struct perf_event_attr perf;
	uint64_t words[24];
};

enum pmu_word { PMU_CONFIG, PMU_CONFIG1, PMU_CONFIG2, PMU_CONFIG3, PMU_NR_WORDS };

uint64_t *pmu_attr_word(union pmu_attr *attr, enum pmu_word word);

/* The smallest size that holds all that is set, so that older kernels take it too. */
void pmu_attr_set_size(union pmu_attr *attr);

/* "config" to "config3".  Return: its word or -EINVAL, without a reason. */
int pmu_word_of(const char *name);

struct pmu_attr_field {
	const char *name;
	uint64_t value;
	char text[256]; /* for people: numbers as they are usually written, bits by name */
};

/* All fields that are not zero, in the order of the struct.  Return: how many. */
size_t pmu_attr_fields(const union pmu_attr *attr, struct pmu_attr_field fields[PMU_ATTR_FIELDS]);

#endif
