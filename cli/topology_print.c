// SPDX-License-Identifier: GPL-2.0-or-later
/* topology_print.c - tiers, nodes, devices, regions, windows, and what is odd, for people. */
#include "cli/topology_print.h"

#include <inttypes.h>
#include <string.h>

#include "cli/units.h"

const char *topology_mode(enum cxl_mode mode)
{
	static const char *const names[] = { "none", "ram", "pmem", "other" };

	return names[mode];
}

const char *topology_arithmetic(enum cxl_arithmetic arithmetic)
{
	static const char *const names[] = { "unknown", "modulo", "xor" };

	return names[arithmetic];
}

/* --- tiers and nodes --- */

static void print_tiers(FILE *out, const struct thermo_topology *t)
{
	fprintf(out, "tiers, from %s:\n", t->tiers_from);
	for (size_t tier = 0; tier < t->nr_tiers; tier++) {
		const char *before = "";

		fprintf(out, "  %zu  node ", tier);
		for (size_t i = 0; i < t->nr_nodes; i++) {
			if (t->nodes[i].tier != (int)tier)
				continue;
			fprintf(out, "%s%d", before, t->nodes[i].id);
			before = ",";
		}
		fprintf(out, "\n");
	}
}

static void print_known(FILE *out, int width, uint32_t value)
{
	if (value)
		fprintf(out, " %*u", width, value);
	else
		fprintf(out, " %*s", width, "-");
}

static void print_access(FILE *out, const struct machine_access *a)
{
	print_known(out, 7, a->read_latency_ns);
	print_known(out, 8, a->write_latency_ns);
	print_known(out, 10, a->read_bandwidth_mib_s);
	print_known(out, 11, a->write_bandwidth_mib_s);
}

/* The regions that became this node. */
static void print_memory_of(FILE *out, const struct cxl *cxl, int node)
{
	for (size_t r = 0; r < cxl->nr_regions; r++)
		if (cxl_region_node(cxl, (int)r) == node)
			fprintf(out, "  %s", cxl->regions[r].name);
}

static void print_node(FILE *out, const struct machine *m, size_t index)
{
	const struct thermo_topology *t = &m->topology;
	const struct thermo_node *n = &t->nodes[index];
	const struct machine_node *more = &m->nodes[index];

	fprintf(out, "%-4d %4d  %-8s %6s %6s", n->id, n->tier, more->cpus[0] ? more->cpus : "-",
		unit_bytes((double)n->total_bytes), unit_bytes((double)n->free_bytes));
	print_access(out, &more->access[0]);
	fprintf(out, "  ");
	for (size_t i = 0; i < t->nr_nodes; i++)
		fprintf(out, "%s%d:%u", i ? " " : "", t->nodes[i].id, n->distance[i]);
	print_memory_of(out, &m->cxl, n->id);
	fprintf(out, "\n");
	/* The nearest initiator may be a device: for CPUs, it is then another line. */
	if (more->access[1].read_latency_ns &&
	    memcmp(&more->access[0], &more->access[1], sizeof(more->access[0])) != 0) {
		fprintf(out, "%-33s", "       from CPUs");
		print_access(out, &more->access[1]);
		fprintf(out, "\n");
	}
}

static void print_nodes(FILE *out, const struct machine *m)
{
	fprintf(out, "\nnode tier  cpus      total   free read-ns write-ns read-MiB/s write-MiB/s  "
		     "distances\n");
	for (size_t i = 0; i < m->topology.nr_nodes; i++)
		print_node(out, m, i);
}

/* --- CXL --- */

static void print_memdev(FILE *out, const struct cxl_memdev *m)
{
	fprintf(out, "%-11s %s, %s volatile, %s persistent", m->name,
		m->address[0] ? m->address : "?", unit_bytes((double)m->ram_bytes),
		unit_bytes((double)m->pmem_bytes));
	if (m->serial != CXL_UNKNOWN)
		fprintf(out, ", serial 0x%" PRIx64, m->serial);
	if (m->node >= 0)
		fprintf(out, ", at node %d", m->node);
	if (m->qos_class >= 0)
		fprintf(out, ", QoS class %d", m->qos_class);
	fprintf(out, "%s\n", m->endpoint[0] ? "" : ", no driver");
}

static void print_ways(FILE *out, uint32_t ways, uint32_t granularity_bytes)
{
	if (ways == 1)
		fprintf(out, ", not interleaved");
	else
		fprintf(out, ", %u ways of %u bytes", ways, granularity_bytes);
}

static void print_endpoint(FILE *out, const struct cxl *cxl, const struct cxl_decoder *d)
{
	if (!d->dpa_bytes && d->region < 0)
		return; /* in no use */
	fprintf(out, "  %-11s device addresses 0x%" PRIx64 "+%s, %s, %s\n", d->name, d->dpa_start,
		unit_bytes((double)d->dpa_bytes), topology_mode(d->mode),
		d->region < 0 ? "in no region" : cxl->regions[d->region].name);
}

static void print_memdevs(FILE *out, const struct cxl *cxl)
{
	for (size_t i = 0; i < cxl->nr_memdevs; i++) {
		print_memdev(out, &cxl->memdevs[i]);
		for (size_t d = 0; d < cxl->nr_decoders; d++)
			if (cxl->decoders[d].memdev == (int)i)
				print_endpoint(out, cxl, &cxl->decoders[d]);
	}
}

static void print_targets(FILE *out, const struct cxl *cxl, const struct cxl_region *r)
{
	for (uint32_t p = 0; p < r->ways && p < CXL_MAX_WAYS; p++) {
		int d = r->targets[p];

		if (d < 0)
			fprintf(out, "  %-11s missing\n", "target");
		else
			fprintf(out, "  %-11s %s, at position %u\n", cxl->decoders[d].name,
				cxl->decoders[d].memdev < 0
						? "?"
						: cxl->memdevs[cxl->decoders[d].memdev].name,
				p);
	}
}

static void print_dax(FILE *out, const struct machine *m, const struct cxl_dax *dax)
{
	fprintf(out, "  %-11s %s, driver %s", dax->name, unit_bytes((double)dax->bytes),
		dax->driver[0] ? dax->driver : "none");
	if (dax->node >= 0)
		fprintf(out, ", node %d", dax->node);
	if (dax->start)
		fprintf(out, ", %s online",
			unit_bytes((double)machine_online_bytes(m, dax->start, dax->bytes)));
	fprintf(out, "\n");
}

static void print_region(FILE *out, const struct machine *m, size_t index)
{
	const struct cxl *cxl = &m->cxl;
	const struct cxl_region *r = &cxl->regions[index];

	fprintf(out, "%-11s %s, %s at 0x%" PRIx64, r->name, topology_mode(r->mode),
		unit_bytes((double)r->bytes), r->start);
	print_ways(out, r->ways, r->granularity_bytes);
	if (r->cache_bytes)
		fprintf(out, ", %s of it DRAM that caches the rest",
			unit_bytes((double)r->cache_bytes));
	fprintf(out, ", in %s%s%s\n", r->root < 0 ? "no window" : cxl->decoders[r->root].name,
		r->committed ? "" : ", not committed", r->bound ? "" : ", no driver");
	print_targets(out, cxl, r);
	for (size_t i = 0; i < cxl->nr_daxes; i++)
		if (cxl->daxes[i].region == (int)index)
			print_dax(out, m, &cxl->daxes[i]);
}

static void print_decoder(FILE *out, const struct cxl_decoder *d)
{
	fprintf(out, "%-11s %s, %s at 0x%" PRIx64, d->name,
		d->kind == CXL_DECODER_ROOT ? "window" : d->port, unit_bytes((double)d->bytes),
		d->start);
	print_ways(out, d->ways, d->granularity_bytes);
	fprintf(out, ", to %s", d->targets);
	if (d->kind == CXL_DECODER_ROOT)
		fprintf(out, ", for%s%s, host bridges by %s", d->ram ? " ram" : "",
			d->pmem ? " pmem" : "", topology_arithmetic(d->arithmetic));
	fprintf(out, "%s\n", d->locked ? ", locked" : "");
}

static void print_cxl(FILE *out, const struct machine *m)
{
	const struct cxl *cxl = &m->cxl;

	if (!cxl->nr_memdevs && !cxl->nr_decoders && !cxl->nr_daxes) {
		fprintf(out, "\nno CXL memory\n");
		return;
	}
	fprintf(out, "\n");
	print_memdevs(out, cxl);
	for (size_t i = 0; i < cxl->nr_regions; i++)
		print_region(out, m, i);
	for (size_t i = 0; i < cxl->nr_daxes; i++)
		if (cxl->daxes[i].region < 0)
			print_dax(out, m, &cxl->daxes[i]);
	for (int kind = CXL_DECODER_ROOT; kind <= CXL_DECODER_SWITCH; kind++)
		for (size_t i = 0; i < cxl->nr_decoders; i++)
			if ((int)cxl->decoders[i].kind == kind &&
			    (kind == CXL_DECODER_ROOT || cxl->decoders[i].bytes))
				print_decoder(out, &cxl->decoders[i]);
}

/* --- what is odd --- */

static void print_odds(FILE *out, const struct odds *odds)
{
	fprintf(out, odds->nr ? "\n" : "\nnothing is odd\n");
	for (size_t i = 0; i < odds->nr; i++)
		fprintf(out, "%s (%s): %s\n  do: %s\n", odd_severity_name(odds->odds[i].severity),
			odds->odds[i].name, odds->odds[i].what, odds->odds[i].todo);
	if (odds->nr_left_out)
		fprintf(out, "and %zu more\n", odds->nr_left_out);
}

void topology_print_text(FILE *out, const struct machine *m, const struct odds *odds)
{
	print_tiers(out, &m->topology);
	print_nodes(out, m);
	print_cxl(out, m);
	print_odds(out, odds);
}

/* "mem0 ... -> region0 -> node 1". */
void topology_print_devices(FILE *out, const struct cxl *cxl)
{
	for (size_t i = 0; i < cxl->nr_memdevs; i++) {
		const char *before = "";

		fprintf(out, "%-10s %s, %s:", cxl->memdevs[i].name, cxl->memdevs[i].address,
			unit_bytes((double)(cxl->memdevs[i].ram_bytes +
					    cxl->memdevs[i].pmem_bytes)));
		for (size_t d = 0; d < cxl->nr_decoders; d++) {
			int region = cxl->decoders[d].region, node;

			if (cxl->decoders[d].memdev != (int)i || region < 0)
				continue;
			node = cxl_region_node(cxl, region);
			fprintf(out, "%s %s, ", before, cxl->regions[region].name);
			if (node < 0)
				fprintf(out, "no node");
			else
				fprintf(out, "node %d", node);
			before = ";";
		}
		fprintf(out, "%s\n", *before ? "" : " in no region, see thermocline topology");
	}
}
