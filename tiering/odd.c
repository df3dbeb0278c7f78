// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * odd.c - from the device up: has it a driver, a region, is that committed, is there a dax
 * device, is that the kernel's memory, is the memory online, is its node in a slower tier?
 *
 * What stands in the way is told once, where it begins: a device without a region has no dax
 * device either, and nobody needs to hear that.
 */
#include "tiering/odd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/cxl_dpa.h"
#include "thermocline/error.h"

#define MIB(bytes) ((bytes) >> 20)

static struct odd *add(struct odds *odds, enum odd_severity severity, const char *name)
{
	struct odd *odd = &odds->odds[odds->nr];

	if (odds->nr == ODD_MAX) {
		odds->nr_left_out++;
		return NULL;
	}
	odds->nr++;
	*odd = (struct odd){ .name = name, .severity = severity };
	return odd;
}

#define WHAT(odd, ...) ((void)((odd) ? snprintf((odd)->what, sizeof((odd)->what), __VA_ARGS__) : 0))
#define TODO(odd, ...) ((void)((odd) ? snprintf((odd)->todo, sizeof((odd)->todo), __VA_ARGS__) : 0))

/* --- memory devices --- */

static uint64_t volatile_bytes_in_regions(const struct cxl *cxl, int memdev)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < cxl->nr_decoders; i++)
		if (cxl->decoders[i].memdev == memdev && cxl->decoders[i].region >= 0 &&
		    cxl->decoders[i].mode != CXL_MODE_PMEM)
			bytes += cxl->decoders[i].dpa_bytes;
	return bytes;
}

/* A window that takes volatile memory, for the command that is shown. */
static const char *ram_window(const struct cxl *cxl)
{
	for (size_t i = 0; i < cxl->nr_decoders; i++)
		if (cxl->decoders[i].kind == CXL_DECODER_ROOT && cxl->decoders[i].ram)
			return cxl->decoders[i].name;
	return NULL;
}

static void no_region(const struct cxl *cxl, const struct cxl_memdev *m, uint64_t missing,
		      struct odds *odds)
{
	bool all = missing == m->ram_bytes;
	const char *window = ram_window(cxl);
	struct odd *odd = add(odds, all ? ODD_PROBLEM : ODD_NOTE,
			      all ? "no-region" : "partly-without-region");

	WHAT(odd,
	     "%s (%s): %" PRIu64 " of %" PRIu64 " MiB of its volatile memory are in no region: "
	     "the kernel does not see them",
	     m->name, m->address, MIB(missing), MIB(m->ram_bytes));
	if (window)
		TODO(odd,
		     "cxl create-region -m -t ram -d %s -w 1 %s (ndctl 78 or newer; sysfs can, "
		     "too), or let the firmware make one",
		     window, m->name);
	else
		TODO(odd, "the firmware gives no window for volatile memory: look for CXL in its "
			  "settings, and whether the module cxl_acpi is loaded");
}

static void check_memdev(const struct cxl *cxl, int index, struct odds *odds)
{
	const struct cxl_memdev *m = &cxl->memdevs[index];
	uint64_t in_regions = volatile_bytes_in_regions(cxl, index);
	struct odd *odd;

	if (!m->endpoint[0]) {
		odd = add(odds, ODD_PROBLEM, "no-driver");
		WHAT(odd, "%s (%s): no driver has it, so that none of its memory can be used",
		     m->name, m->address);
		TODO(odd, "modprobe cxl_mem cxl_port cxl_acpi; then see what dmesg says of %s",
		     m->name);
	} else if (!m->ram_bytes && m->pmem_bytes) {
		odd = add(odds, ODD_NOTE, "persistent-only");
		WHAT(odd, "%s (%s): all of its %" PRIu64 " MiB are persistent memory", m->name,
		     m->address, MIB(m->pmem_bytes));
		TODO(odd, "if the device can be partitioned: cxl set-partition -t ram %s", m->name);
	} else if (in_regions < m->ram_bytes) {
		no_region(cxl, m, m->ram_bytes - in_regions, odds);
	}
}

/* --- regions --- */

static bool has_dax(const struct cxl *cxl, int region)
{
	for (size_t i = 0; i < cxl->nr_daxes; i++)
		if (cxl->daxes[i].region == region)
			return true;
	return false;
}

/* Whether device addresses can be translated, which counts for a hotness unit alone. */
static void check_translation(const struct cxl *cxl, const struct cxl_region *r, struct odds *odds)
{
	uint64_t dpa;
	struct odd *odd;
	int memdev, err = cxl_hpa_to_dpa(cxl, r->start + r->cache_bytes, &memdev, &dpa);

	if (!err)
		return;
	odd = add(odds, ODD_NOTE,
		  err == -EOPNOTSUPP ? "xor-window"
		  : err == -EACCES   ? "unknown-arithmetic"
				     : "no-translation");
	WHAT(odd, "%s", thermo_last_error());
	TODO(odd, err == -EACCES ? "run this as root"
				 : "nothing: its pages can be tiered, only counters in the device "
				   "(a hotness unit) are of no use");
}

static void region_without_memory(const struct cxl_region *r, struct odds *odds)
{
	struct odd *odd = add(odds, ODD_PROBLEM, r->bound ? "no-dax-device" : "region-disabled");

	WHAT(odd, "%s: committed, but %s: its %" PRIu64 " MiB are nobody's", r->name,
	     r->bound ? "without a dax device" : "no driver has it", MIB(r->bytes));
	if (r->bound)
		TODO(odd, "modprobe dax_cxl");
	else
		TODO(odd, "cxl enable-region %s, or echo %s >/sys/bus/cxl/drivers/cxl_region/bind",
		     r->name, r->name);
}

static void check_region(const struct machine *m, int index, struct odds *odds)
{
	const struct cxl_region *r = &m->cxl.regions[index];
	struct odd *odd;

	if (!r->committed) {
		uint32_t targets = 0;

		for (uint32_t i = 0; i < CXL_MAX_WAYS; i++)
			targets += r->targets[i] >= 0;
		odd = add(odds, ODD_PROBLEM, "not-committed");
		WHAT(odd, "%s: not committed: %u of %u devices attached, %" PRIu64 " MiB", r->name,
		     targets, r->ways, MIB(r->bytes));
		TODO(odd,
		     "echo 1 >/sys/bus/cxl/devices/%s/commit when all is there; cxl "
		     "destroy-region %s to begin anew",
		     r->name, r->name);
		return;
	}
	/* Memory that the firmware told the kernel of is memory without any dax device. */
	if (r->mode != CXL_MODE_PMEM && !has_dax(&m->cxl, index) &&
	    !machine_online_bytes(m, r->start, r->bytes))
		region_without_memory(r, odds);
	if (r->cache_bytes) {
		odd = add(odds, ODD_NOTE, "linear-cache");
		WHAT(odd,
		     "%s: its first %" PRIu64 " MiB are DRAM that caches the rest (extended "
		     "linear cache)",
		     r->name, MIB(r->cache_bytes));
		TODO(odd, "nothing: but counters in the device cannot tell which of two addresses "
			  "was accessed");
	}
	check_translation(&m->cxl, r, odds);
}

/* --- dax devices --- */

static void not_online(const struct machine *m, const struct cxl_dax *dax, struct odds *odds)
{
	uint64_t usable = machine_usable_bytes(m, dax);
	uint64_t online = machine_online_bytes(m, dax->start, dax->bytes);
	struct odd *odd;

	if (online >= usable)
		return;
	odd = add(odds, ODD_PROBLEM, "not-online");
	WHAT(odd,
	     "%s (node %d): %" PRIu64 " of its %" PRIu64 " MiB are not online: no program gets "
	     "them",
	     dax->name, dax->node, MIB(usable - online), MIB(usable));
	TODO(odd,
	     "daxctl online-memory %s; echo online_movable "
	     ">/sys/devices/system/memory/auto_online_blocks, for the next boot too, does it "
	     "for all that is plugged",
	     dax->name);
}

static void check_dax(const struct machine *m, const struct cxl_dax *dax, struct odds *odds)
{
	struct odd *odd;

	if (strcmp(dax->driver, "kmem") == 0) {
		/* Addresses are for root. */
		if (dax->start)
			not_online(m, dax, odds);
		return;
	}
	odd = add(odds, ODD_PROBLEM, "dax-not-memory");
	WHAT(odd, "%s (%" PRIu64 " MiB): %s: the kernel does not use it as memory", dax->name,
	     MIB(dax->bytes), dax->driver[0] ? "a device that programs map" : "no driver has it");
	TODO(odd, "daxctl reconfigure-device --mode=system-ram %s, if no program needs it as it is",
	     dax->name);
}

/* --- tiers and nodes --- */

/* "0/1": nodes with CPUs before those without; "" when that makes no two tiers. */
static void suggest_tiers(const struct thermo_topology *t, char *text, size_t size)
{
	size_t len = 0, nr[2] = { 0, 0 };

	text[0] = '\0';
	for (int with_cpu = 1; with_cpu >= 0; with_cpu--)
		for (size_t i = 0; i < t->nr_nodes; i++) {
			if (t->nodes[i].has_cpu != with_cpu || len >= size)
				continue;
			len += (size_t)snprintf(text + len, size - len, "%s%d",
						nr[with_cpu]++ ? ","
						: len          ? "/"
							       : "",
						t->nodes[i].id);
		}
	if (!nr[0] || !nr[1] || len >= size)
		text[0] = '\0';
}

static void one_node(const struct machine *m, struct odds *odds)
{
	struct odd *odd = add(odds, ODD_PROBLEM, "one-node");

	WHAT(odd, "node %d: the only one with memory: there is nothing to move between",
	     m->topology.nodes[0].id);
	if (m->cxl.nr_memdevs || m->cxl.nr_daxes || m->offline_bytes)
		TODO(odd, "bring the other memory online: see the other problems");
	else
		TODO(odd, "nothing, if this machine has one kind of memory; thermocline record "
			  "works all the same");
}

static void one_tier(const struct machine *m, struct odds *odds)
{
	struct odd *odd = add(odds, ODD_PROBLEM, "one-tier");
	char tiers[128];

	suggest_tiers(&m->topology, tiers, sizeof(tiers));
	WHAT(odd, "all %zu memory nodes are in one tier (from %s): nothing will ever move",
	     m->topology.nr_nodes, m->topology.tiers_from);
	if (tiers[0])
		TODO(odd, "if they are not equally fast, say so: thermocline run --tiers %s",
		     tiers);
	else
		TODO(odd, "if they are not equally fast, say so: thermocline run --tiers LIST, "
			  "nodes from fast to slow");
}

/* CXL memory that counts as fast as what it was to extend. */
static void check_cxl_tier(const struct machine *m, int region, struct odds *odds)
{
	const struct thermo_topology *t = &m->topology;
	int node = thermo_topology_find(t, cxl_region_node(&m->cxl, region));
	struct odd *odd;

	for (size_t i = 0; i < t->nr_nodes && node >= 0; i++) {
		if (!t->nodes[i].has_cpu || (int)i == node ||
		    t->nodes[i].tier != t->nodes[node].tier)
			continue;
		odd = add(odds, ODD_PROBLEM, "cxl-not-slower");
		WHAT(odd,
		     "node %d (%s): in the same tier as node %d, which has CPUs: nothing will "
		     "move between them",
		     t->nodes[node].id, m->cxl.regions[region].name, t->nodes[i].id);
		TODO(odd, "say what is slower: thermocline run --tiers LIST, nodes from fast to "
			  "slow");
		return;
	}
}

static void check_latencies(const struct thermo_topology *t, struct odds *odds)
{
	char nodes[128] = "";
	size_t len = 0, nr = 0;
	struct odd *odd;

	for (size_t i = 0; i < t->nr_nodes; i++) {
		if (t->nodes[i].read_latency_ns)
			continue;
		if (len < sizeof(nodes))
			len += (size_t)snprintf(nodes + len, sizeof(nodes) - len, "%s%d",
						nr ? "," : "", t->nodes[i].id);
		nr++;
	}
	if (!nr)
		return;
	odd = add(odds, ODD_NOTE, "no-latency");
	WHAT(odd, "node %s: firmware says no latency (HMAT, CDAT): what a move gains is guessed",
	     nodes);
	TODO(odd, "a newer firmware may have the tables; the order of tiers can be given with "
		  "thermocline run --tiers");
}

static void check_tiers(const struct machine *m, struct odds *odds)
{
	const struct thermo_topology *t = &m->topology;
	struct odd *odd;

	if (t->nr_nodes == 1) {
		one_node(m, odds);
		return;
	}
	if (t->nr_tiers == 1)
		one_tier(m, odds);
	for (size_t i = 0; i < m->cxl.nr_regions && t->nr_tiers > 1; i++)
		check_cxl_tier(m, (int)i, odds);
	if (t->warning[0]) {
		odd = add(odds, ODD_NOTE, "kernel-one-tier");
		WHAT(odd, "%s", t->warning);
		TODO(odd,
		     "nothing for Thermocline, which goes by %s; the kernel goes by firmware "
		     "tables alone",
		     t->tiers_from);
	}
	check_latencies(t, odds);
	if (t->nr_tiers > 1 && m->promotes) {
		odd = add(odds, ODD_NOTE, "kernel-promotes");
		WHAT(odd, "the kernel: promotes by itself, by hint faults (numa_balancing)");
		TODO(odd, "sysctl kernel.numa_balancing=0 before Thermocline runs: two policies on "
			  "the same memory undo each other");
	}
	if (t->nr_tiers > 1 && m->demotion == 0) {
		odd = add(odds, ODD_NOTE, "demotion-off");
		WHAT(odd, "the kernel: reclaims to swap and files rather than to slower nodes when "
			  "memory is short");
		TODO(odd, "echo true >/sys/kernel/mm/numa/demotion_enabled, as a net below what "
			  "Thermocline demotes");
	}
}

/* --- all --- */

static void check_seen(const struct machine *m, struct odds *odds)
{
	const struct cxl *cxl = &m->cxl;
	struct odd *odd;

	if (m->offline_bytes) {
		odd = add(odds, ODD_PROBLEM, "offline-blocks");
		WHAT(odd, "memory: %" PRIu64 " MiB are plugged and not online",
		     MIB(m->offline_bytes));
		TODO(odd, "echo online_movable >/sys/devices/system/memory/memoryN/state for those "
			  "that say offline");
	}
	for (size_t i = 0; i < cxl->nr_decoders; i++) {
		if (cxl->decoders[i].kind != CXL_DECODER_ROOT || cxl->decoders[i].bytes)
			continue;
		odd = add(odds, ODD_NOTE, "no-addresses");
		WHAT(odd, "%s: its addresses cannot be read", cxl->decoders[i].name);
		TODO(odd, "run this as root");
		break;
	}
	if (m->libcxl > 0) {
		odd = add(odds, ODD_NOTE, "libcxl-differs");
		WHAT(odd, "%s (%d differences)", m->libcxl_says, m->libcxl);
		TODO(odd, "look again, in case something changed meanwhile; if it stays, tell the "
			  "authors, with what tests/data/record-machine.sh records");
	}
	if (cxl->nr_left_out) {
		odd = add(odds, ODD_NOTE, "too-many");
		WHAT(odd, "CXL: %zu objects beyond %u of their kind are not looked at",
		     cxl->nr_left_out, CXL_MAX_OBJECTS);
		TODO(odd, "tell the authors: no such machine was known");
	}
}

/* Stable: what was found first stays first. */
static void problems_first(struct odds *odds)
{
	for (size_t i = 1; i < odds->nr; i++)
		for (size_t j = i; j > 0 && odds->odds[j].severity < odds->odds[j - 1].severity;
		     j--) {
			struct odd swapped = odds->odds[j];

			odds->odds[j] = odds->odds[j - 1];
			odds->odds[j - 1] = swapped;
		}
}

void odd_find(const struct machine *m, struct odds *odds)
{
	odds->nr = 0;
	odds->nr_left_out = 0;
	/* First, so that there is room for it: the rest may be many times the same. */
	check_tiers(m, odds);
	for (size_t i = 0; i < m->cxl.nr_memdevs; i++)
		check_memdev(&m->cxl, (int)i, odds);
	for (size_t i = 0; i < m->cxl.nr_regions; i++)
		check_region(m, (int)i, odds);
	for (size_t i = 0; i < m->cxl.nr_daxes; i++)
		check_dax(m, &m->cxl.daxes[i], odds);
	check_seen(m, odds);
	problems_first(odds);
}

const char *odd_severity_name(enum odd_severity severity)
{
	return severity == ODD_PROBLEM ? "problem" : "note";
}
