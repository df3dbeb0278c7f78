/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_print.c - a config in its own format, for --dry-run. */
#include <inttypes.h>

#include "bench/workload/config.h"

#define NS_PER_MS UINT64_C(1000000)

static uint64_t round_ms(uint64_t ns)
{
	return (ns + NS_PER_MS / 2) / NS_PER_MS;
}

static void print_kind(const struct workload_pattern *p, FILE *out)
{
	if (p->kind == WORKLOAD_ZIPF)
		fprintf(out, ", zipf=%.6f, order=%s", p->zipf,
			p->contiguous ? "contiguous" : "scattered");
	if (p->kind != WORKLOAD_HOT)
		return;
	fprintf(out, ", hot=%" PRIu64 "@%" PRIu64 ", share=%.2f", p->hot_bytes, p->hot_offset_bytes,
		(double)p->hot_share_bp / WORKLOAD_PERCENT_BP);
	if (p->move_bytes)
		fprintf(out, ", move=%" PRIu64 "/%" PRIu64, p->move_bytes, round_ms(p->move_ns));
}

static void print_pattern(const struct workload_config *config, const struct workload_pattern *p,
			  FILE *out)
{
	static const char *const modes[] = { "wo", "ro", "rw" };

	fprintf(out, "%s, %d, %" PRIu64 ", %u", config->regions[p->region].name,
		p->kind != WORKLOAD_SEQUENTIAL, p->stride_bytes, p->weight);
	if (p->mode == WORKLOAD_MIXED)
		fprintf(out, ", rw=%.2f", (double)p->read_bp / WORKLOAD_PERCENT_BP);
	else
		fprintf(out, ", %s", modes[p->mode]);
	print_kind(p, out);
	fputc('\n', out);
}

static void print_cpus(const cpu_set_t *cpus, FILE *out)
{
	const char *sep = " cpus=";

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		int first = cpu;

		if (!CPU_ISSET(cpu, cpus))
			continue;
		while (cpu + 1 < CPU_SETSIZE && CPU_ISSET(cpu + 1, cpus))
			cpu++;
		fprintf(out, "%s%d", sep, first);
		if (cpu > first)
			fprintf(out, "-%d", cpu);
		sep = ",";
	}
}

void workload_config_print(const struct workload_config *config, FILE *out)
{
	for (size_t i = 0; i < config->nr_regions; i++) {
		const struct workload_region *r = &config->regions[i];

		fprintf(out, "%s, %" PRIu64 ", %s\n", r->name, r->bytes,
			r->data_path ? r->data_path : "none");
	}
	for (size_t i = 0; i < config->nr_threads; i++) {
		const struct workload_thread *t = &config->threads[i];

		fprintf(out, "\nthread %s", t->name);
		if (t->pinned)
			print_cpus(&t->cpus, out);
		fputc('\n', out);
		for (size_t j = 0; j < t->nr_phases; j++) {
			const struct workload_phase *phase = &t->phases[j];

			fprintf(out, "\n%s\n%" PRIu64 "\n", phase->name, round_ms(phase->time_ns));
			for (size_t k = 0; k < phase->nr_patterns; k++)
				print_pattern(config, &phase->patterns[k], out);
		}
	}
}
