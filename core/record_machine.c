// SPDX-License-Identifier: GPL-2.0-or-later
/* record_machine.c - the facts without which a recording cannot be understood elsewhere. */
#include "core/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/proc.h"

static int by_cpu(const void *a, const void *b)
{
	const struct record_cpu *x = a, *y = b;

	return x->cpu < y->cpu ? -1 : x->cpu > y->cpu;
}

static int add_cpus(struct record_machine *m, hwloc_const_bitmap_t set, int node)
{
	int weight = hwloc_bitmap_weight(set);

	/* A cpulist that goes on for ever is nothing to believe. */
	if (weight <= 0 || (uint32_t)weight > RECORD_MAX_CPUS - m->nr_cpus)
		return 0;
	struct record_cpu *grown =
			realloc(m->cpus, (m->nr_cpus + (size_t)weight) * sizeof(*m->cpus));

	if (!grown)
		return thermo_fail(-ENOMEM, "record: no memory for %d CPUs", weight);
	m->cpus = grown;
	for (int cpu = hwloc_bitmap_first(set); cpu >= 0; cpu = hwloc_bitmap_next(set, cpu))
		m->cpus[m->nr_cpus++] = (struct record_cpu){ (uint32_t)cpu, node };
	return 0;
}

static int read_cpus(struct record_machine *m, const struct thermo_host *host)
{
	hwloc_bitmap_t nodes = hwloc_bitmap_alloc(), cpus = hwloc_bitmap_alloc();
	int err = nodes && cpus ? 0 : -ENOMEM;

	if (!err && thermo_host_read_list(host, nodes, "sys/devices/system/node/online") == 0 &&
	    hwloc_bitmap_weight(nodes) > 0)
		for (int n = hwloc_bitmap_first(nodes); n >= 0 && n < 1024 && !err;
		     n = hwloc_bitmap_next(nodes, n))
			if (thermo_host_read_list(host, cpus,
						  "sys/devices/system/node/node%d/cpulist", n) == 0)
				err = add_cpus(m, cpus, n);
	hwloc_bitmap_free(nodes);
	hwloc_bitmap_free(cpus);
	if (m->nr_cpus)
		qsort(m->cpus, m->nr_cpus, sizeof(*m->cpus), by_cpu);
	return err;
}

/* A CPU that two nodes name, which cannot be, belongs to neither more than once. */
static void drop_doubles(struct record_machine *m)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < m->nr_cpus; i++)
		if (nr == 0 || m->cpus[i].cpu != m->cpus[nr - 1].cpu)
			m->cpus[nr++] = m->cpus[i];
	m->nr_cpus = nr;
}

static void copy_nodes(struct record_machine *m, const struct thermo_topology *t)
{
	for (size_t i = 0; i < t->nr_nodes; i++)
		m->nodes[m->nr_nodes++] = (struct record_node){
			.node = t->nodes[i].id,
			.tier = t->nodes[i].tier,
			.total_bytes = t->nodes[i].total_bytes,
			.read_latency_ns = t->nodes[i].read_latency_ns,
			.write_latency_ns = t->nodes[i].write_latency_ns,
		};
}

static void read_text(const struct thermo_host *host, char *text, size_t size, const char *path)
{
	if (thermo_host_read(host, text, size, "%s", path) < 0)
		text[0] = '\0';
}

int record_machine_read(struct record_machine *m, const struct thermo_host *host,
			const struct thermo_topology *topology, const char *what)
{
	*m = (struct record_machine){ .start_time_ns = thermo_host_now_ns(host),
				      .start_realtime_ns = thermo_host_realtime_ns(host),
				      .page_bytes = THERMO_PAGE_BYTES };
	(void)snprintf(m->version, sizeof(m->version), "%s", THERMO_VERSION);
	(void)snprintf(m->what, sizeof(m->what), "%s", what);
	read_text(host, m->kernel, sizeof(m->kernel), "proc/sys/kernel/osrelease");
	read_text(host, m->hostname, sizeof(m->hostname), "proc/sys/kernel/hostname");
	read_text(host, m->boot_id, sizeof(m->boot_id), "proc/sys/kernel/random/boot_id");
	if (topology)
		copy_nodes(m, topology);
	int err = read_cpus(m, host);

	drop_doubles(m);
	return err;
}

void record_machine_fini(struct record_machine *m)
{
	free(m->cpus);
	*m = (struct record_machine){ 0 };
}

int record_machine_node_of_cpu(const struct record_machine *m, uint32_t cpu)
{
	struct record_cpu key = { .cpu = cpu };
	const struct record_cpu *found =
			m->nr_cpus ? bsearch(&key, m->cpus, m->nr_cpus, sizeof(key), by_cpu) : NULL;

	return found ? found->node : RECORD_NODE_UNKNOWN;
}
