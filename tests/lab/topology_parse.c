// SPDX-License-Identifier: GPL-2.0-or-later
/* topology_parse.c - sizes, numbers and nodes as the user writes them. */
#include "tests/lab/topology.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/number.h"

#define MIB (1024ULL * 1024)

enum { MAX_LATENCY_NS = 60000, MAX_BANDWIDTH_GIB_S = 4096, MAX_DISTANCE = 120 };

int lab_parse_number(const char *text, const char *what, uint32_t min, uint32_t max,
		     uint32_t *value)
{
	uint64_t v;

	if (thermo_parse_u64(text, max, &v) || v < min)
		return thermo_fail(-EINVAL, "lab: %s: '%.40s' is not a number from %u to %u", what,
				   text, min, max);
	*value = (uint32_t)v;
	return 0;
}

int lab_parse_size(const char *text, const char *what, uint64_t *bytes)
{
	/* The upper limit is one that no sum of nodes overflows. */
	if (thermo_parse_bytes(text, 1ULL << 40, bytes) || *bytes == 0 || *bytes % (2 * MIB) != 0)
		return thermo_fail(
				-EINVAL,
				"lab: %s: '%.40s' is not a size such as 512M or 2G, in steps of 2M",
				what, text);
	return 0;
}

static int parse_property(const char *text, const char *what, struct lab_node *node)
{
	if (strncmp(text, "lat=", 4) == 0)
		return lab_parse_number(text + 4, "lat", 1, MAX_LATENCY_NS, &node->latency_ns);
	if (strncmp(text, "bw=", 3) == 0)
		return lab_parse_number(text + 3, "bw", 1, MAX_BANDWIDTH_GIB_S,
					&node->bandwidth_gib_s);
	if (strncmp(text, "dist=", 5) == 0)
		return lab_parse_number(text + 5, "dist", 11, MAX_DISTANCE, &node->distance);
	if (strncmp(text, "near=", 5) == 0)
		return lab_parse_number(text + 5, "near", 0, LAB_NODES_MAX - 1, &node->near);
	return thermo_fail(-EINVAL, "lab: %s: '%.40s' is none of lat=NS, bw=GBs, dist=N, near=NODE",
			   what, text);
}

int lab_parse_node(const char *text, const char *what, struct lab_node *node)
{
	char *copy = strdup(text);
	struct lab_node parsed = *node;
	char *rest = copy;
	char *part;
	int err;

	if (!copy)
		return thermo_fail(-ENOMEM, "lab: out of memory");
	part = strsep(&rest, ",");
	err = lab_parse_size(part, what, &parsed.bytes);
	while (err == 0 && (part = strsep(&rest, ",")))
		err = parse_property(part, what, &parsed);
	free(copy);
	if (err == 0)
		*node = parsed;
	return err;
}
