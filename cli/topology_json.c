// SPDX-License-Identifier: GPL-2.0-or-later
/* topology_json.c - the same for programs: what is unknown is missing, never 0. */
#include <inttypes.h>
#include <string.h>

#include "cli/table.h"
#include "cli/topology_print.h"

/* Hand @row's object to @list. */
static struct json_object *add_row(struct json_object *list, const struct table_row *row)
{
	struct json_object *object = row_json(row);

	json_object_array_add(list, object);
	return object;
}

static void row_bool(struct json_object *object, const char *name, bool value)
{
	json_object_object_add(object, name, json_object_new_boolean(value));
}

/* --- nodes --- */

static struct json_object *access_classes(const struct machine_node *node)
{
	struct json_object *list = json_object_new_array();

	for (int c = 0; c < MACHINE_ACCESS_CLASSES; c++) {
		const struct machine_access *a = &node->access[c];
		struct table_row row = { 0 };

		row_u64_if(&row, a->read_latency_ns, "read_latency_ns", a->read_latency_ns);
		row_u64_if(&row, a->write_latency_ns, "write_latency_ns", a->write_latency_ns);
		row_u64_if(&row, a->read_bandwidth_mib_s, "read_bandwidth_mib_s",
			   a->read_bandwidth_mib_s);
		row_u64_if(&row, a->write_bandwidth_mib_s, "write_bandwidth_mib_s",
			   a->write_bandwidth_mib_s);
		(void)add_row(list, &row);
	}
	return list;
}

static struct json_object *nodes(const struct machine *m)
{
	const struct thermo_topology *t = &m->topology;
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < t->nr_nodes; i++) {
		const struct thermo_node *n = &t->nodes[i];
		struct json_object *object, *distances = json_object_new_object();
		struct table_row row = { 0 };

		row_i64(&row, "node", n->id);
		row_i64(&row, "tier", n->tier);
		row_text(&row, "cpus", m->nodes[i].cpus);
		row_u64(&row, "total_bytes", n->total_bytes);
		row_u64(&row, "free_bytes", n->free_bytes);
		object = add_row(list, &row);
		json_object_object_add(object, "access_classes", access_classes(&m->nodes[i]));
		for (size_t j = 0; j < t->nr_nodes; j++) {
			char id[16];

			(void)snprintf(id, sizeof(id), "%d", t->nodes[j].id);
			json_object_object_add(distances, id,
					       json_object_new_int64(n->distance[j]));
		}
		json_object_object_add(object, "distances", distances);
	}
	return list;
}

/* --- CXL --- */

static struct json_object *memory_devices(const struct cxl *cxl)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < cxl->nr_memdevs; i++) {
		const struct cxl_memdev *d = &cxl->memdevs[i];
		struct table_row row = { 0 };

		row_text(&row, "name", d->name);
		row_text(&row, "address", d->address);
		row_text(&row, "endpoint", d->endpoint);
		row_u64(&row, "volatile_bytes", d->ram_bytes);
		row_u64(&row, "persistent_bytes", d->pmem_bytes);
		row_u64_if(&row, d->serial != CXL_UNKNOWN, "serial", d->serial);
		row_i64_if(&row, d->node >= 0, "attached_to_node", d->node);
		row_i64_if(&row, d->qos_class >= 0, "qos_class", d->qos_class);
		(void)add_row(list, &row);
	}
	return list;
}

static const char *kind_name(enum cxl_decoder_kind kind)
{
	static const char *const names[] = { "root", "switch", "endpoint" };

	return names[kind];
}

static struct json_object *decoders(const struct cxl *cxl)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < cxl->nr_decoders; i++) {
		const struct cxl_decoder *d = &cxl->decoders[i];
		bool root = d->kind == CXL_DECODER_ROOT, endpoint = d->kind == CXL_DECODER_ENDPOINT;
		struct json_object *object;
		struct table_row row = { 0 };

		row_text(&row, "name", d->name);
		row_text(&row, "kind", kind_name(d->kind));
		row_text(&row, "port", d->port);
		row_u64(&row, "start", d->start);
		row_u64(&row, "bytes", d->bytes);
		row_u64_if(&row, endpoint, "device_start", d->dpa_start);
		row_u64_if(&row, endpoint, "device_bytes", d->dpa_bytes);
		row_text(&row, "mode", endpoint ? topology_mode(d->mode) : "");
		row_u64_if(&row, d->ways, "ways", d->ways);
		row_u64_if(&row, d->granularity_bytes, "granularity_bytes", d->granularity_bytes);
		row_text(&row, "memory_device", d->memdev < 0 ? "" : cxl->memdevs[d->memdev].name);
		row_text(&row, "region", d->region < 0 ? "" : cxl->regions[d->region].name);
		row_text(&row, "targets", d->targets);
		row_text(&row, "arithmetic", root ? topology_arithmetic(d->arithmetic) : "");
		object = add_row(list, &row);
		row_bool(object, "locked", d->locked);
		if (root) {
			row_bool(object, "takes_ram", d->ram);
			row_bool(object, "takes_pmem", d->pmem);
		}
	}
	return list;
}

/* By position; null for one that is missing. */
static struct json_object *targets_of(const struct cxl *cxl, const struct cxl_region *r)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t p = 0; p < r->ways && p < CXL_MAX_WAYS; p++)
		json_object_array_add(list,
				      r->targets[p] < 0
						      ? NULL
						      : json_object_new_string(
									cxl->decoders[r->targets[p]]
											.name));
	return list;
}

static struct json_object *regions(const struct cxl *cxl)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < cxl->nr_regions; i++) {
		const struct cxl_region *r = &cxl->regions[i];
		int node = cxl_region_node(cxl, (int)i);
		struct json_object *object;
		struct table_row row = { 0 };

		row_text(&row, "name", r->name);
		row_text(&row, "mode", topology_mode(r->mode));
		row_u64(&row, "start", r->start);
		row_u64(&row, "bytes", r->bytes);
		row_u64(&row, "cache_bytes", r->cache_bytes);
		row_u64_if(&row, r->ways, "ways", r->ways);
		row_u64_if(&row, r->granularity_bytes, "granularity_bytes", r->granularity_bytes);
		row_text(&row, "window", r->root < 0 ? "" : cxl->decoders[r->root].name);
		row_i64_if(&row, node >= 0, "node", node);
		object = add_row(list, &row);
		row_bool(object, "committed", r->committed);
		row_bool(object, "has_driver", r->bound);
		json_object_object_add(object, "targets", targets_of(cxl, r));
	}
	return list;
}

static struct json_object *dax_devices(const struct machine *m)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < m->cxl.nr_daxes; i++) {
		const struct cxl_dax *d = &m->cxl.daxes[i];
		struct table_row row = { 0 };

		row_text(&row, "name", d->name);
		row_text(&row, "driver", d->driver);
		row_text(&row, "region", d->region < 0 ? "" : m->cxl.regions[d->region].name);
		row_u64_if(&row, d->start, "start", d->start);
		row_u64(&row, "bytes", d->bytes);
		row_i64_if(&row, d->node >= 0, "node", d->node);
		row_u64_if(&row, d->start, "online_bytes",
			   d->start ? machine_online_bytes(m, d->start, d->bytes) : 0);
		(void)add_row(list, &row);
	}
	return list;
}

static struct json_object *odd_list(const struct odds *odds)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < odds->nr; i++) {
		struct table_row row = { 0 };

		row_text(&row, "name", odds->odds[i].name);
		row_text(&row, "severity", odd_severity_name(odds->odds[i].severity));
		row_text(&row, "what", odds->odds[i].what);
		row_text(&row, "do", odds->odds[i].todo);
		(void)add_row(list, &row);
	}
	return list;
}

void topology_print_json(FILE *out, const struct machine *m, const struct odds *odds)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "nr_tiers", json_object_new_uint64(m->topology.nr_tiers));
	json_object_object_add(o, "tiers_from", json_object_new_string(m->topology.tiers_from));
	if (m->demotion >= 0)
		row_bool(o, "kernel_demotes", m->demotion);
	if (m->libcxl >= 0)
		row_bool(o, "libcxl_agrees", m->libcxl == 0);
	json_object_object_add(o, "offline_bytes", json_object_new_uint64(m->offline_bytes));
	json_object_object_add(o, "nodes", nodes(m));
	json_object_object_add(o, "memory_devices", memory_devices(&m->cxl));
	json_object_object_add(o, "regions", regions(&m->cxl));
	json_object_object_add(o, "dax_devices", dax_devices(m));
	json_object_object_add(o, "decoders", decoders(&m->cxl));
	json_object_object_add(o, "odd", odd_list(odds));
	json_object_object_add(o, "odd_left_out", json_object_new_uint64(odds->nr_left_out));
	fprintf(out, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	json_object_put(o);
}
