// SPDX-License-Identifier: GPL-2.0-or-later
/* gauges.c - see gauges.h. */
#include "cli/gauges.h"

#include <errno.h>
#include <stdlib.h>

#include "cli/log.h"
#include "core/error.h"

#define INTERVAL_NS 5000000000ull
/* Reading generations of thousands of cgroups takes its time: at most so large a part of ours. */
#define READ_SHARE 0.005
/* What the kernel moves of its own to be worth a warning: 1 MiB a second. */
#define COMPETING_PAGES_PER_S 256

void gauges_fini(struct gauges *g)
{
	free(g->ages);
	*g = (struct gauges){ 0 };
}

static void keep_error(char *text)
{
	(void)snprintf(text, GAUGES_ERROR_BYTES, "%s", thermo_last_error());
}

/* A kernel that cannot tell will not be able to in five seconds: looked at again all the same,
 * because debugfs may be mounted, but that costs next to nothing. */
static void read_ages(struct gauges *g, const struct thermo_host *host, uint64_t now_ns)
{
	uint64_t wait_ns = INTERVAL_NS;
	int err = idle_ages_probe(host, "idle ages");

	if (!err && !g->ages)
		g->ages = calloc(1, sizeof(*g->ages));
	if (!err)
		err = g->ages ? idle_ages_read(g->ages, host)
			      : thermo_fail(-ENOMEM, "idle ages: no memory");
	if (g->ages && (uint64_t)((double)g->ages->read_ns / READ_SHARE) > wait_ns)
		wait_ns = (uint64_t)((double)g->ages->read_ns / READ_SHARE);
	g->ages_error[0] = '\0';
	if (err)
		keep_error(g->ages_error);
	g->ages_at_ns = now_ns + wait_ns;
}

static bool competes(bool *told, const struct vmstat_change *c)
{
	if (*told || !c->known || c->per_s < COMPETING_PAGES_PER_S)
		return false;
	*told = true;
	return true;
}

/* Once each: whoever reads it either stops the kernel or wants it so. */
static void warn_of_rival(struct gauges *g)
{
	struct vmstat_change up = vmstat_change(&g->vmstat, &g->vmstat.all, VMSTAT_PROMOTED);
	struct vmstat_change down = vmstat_demoted(&g->vmstat, &g->vmstat.all);

	if (competes(&g->told_promotion, &up))
		log_warning("the kernel itself promotes too, %.0f pages a second: two policies "
			    "move the same memory; "
			    "kernel.numa_balancing_promote_rate_limit_MBps=0 leaves it to "
			    "Thermocline",
			    up.per_s);
	if (competes(&g->told_demotion, &down))
		log_warning("the kernel itself demotes too, %.0f pages a second, because memory "
			    "of an upper node is short: it goes by its own order; "
			    "/sys/kernel/mm/numa/demotion_enabled",
			    down.per_s);
}

static void read_vmstat(struct gauges *g, const struct thermo_host *host,
			const struct thermo_topology *t, uint64_t ours_pages, uint64_t now_ns)
{
	g->vmstat_at_ns = now_ns + INTERVAL_NS;
	g->vmstat_error[0] = '\0';
	if (vmstat_read(&g->vmstat, host, t))
		keep_error(g->vmstat_error);
	else
		g->ours_pages = ours_pages;
}

void gauges_step(struct gauges *g, const struct thermo_host *host, const struct thermo_topology *t,
		 uint64_t ours_pages, bool is_moving, uint64_t now_ns)
{
	if (now_ns >= g->ages_at_ns)
		read_ages(g, host, now_ns);
	if (now_ns < g->vmstat_at_ns)
		return;
	read_vmstat(g, host, t, ours_pages, now_ns);
	if (is_moving && !g->vmstat_error[0])
		warn_of_rival(g);
}
