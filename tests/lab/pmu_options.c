// SPDX-License-Identifier: GPL-2.0-or-later
/* pmu_options.c - the settings of "thermocline lab --virtual-pmu". */
#include "tests/lab/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

/* So that samples do not keep step with the workload. */
enum { DEFAULT_JITTER_PERMILLE = 100 };
/* Four out of five samples of IBS are of no access. */
enum { DEFAULT_OTHER_OPS = 4 };
enum { MAX_PERIOD = 1000000000, MAX_LATENCY_NS = 1000000 };

static int parse_choice(const char *text, const char *const choices[], const char *what,
			uint32_t *value)
{
	for (uint32_t i = 0; choices[i]; i++)
		if (strcmp(text, choices[i]) == 0) {
			*value = i;
			return 0;
		}
	return thermo_fail(-EINVAL, "lab: --virtual-pmu: '%.20s' is none of %s", text, what);
}

static int parse_flavour(const char *text, struct lab_pmu *pmu)
{
	static const char *const flavours[] = {
		[VPMU_PLAIN] = "plain", [VPMU_IBS] = "ibs", [VPMU_PEBS] = "pebs", NULL
	};

	return parse_choice(text, flavours, "plain, ibs, pebs", &pmu->flavour);
}

static int parse_ops(const char *text, struct lab_pmu *pmu)
{
	static const char *const ops[] = { "", "loads", "stores", "all", NULL };

	_Static_assert(VPMU_LOADS == 1 && VPMU_STORES == 2, "the index is the set");
	return parse_choice(*text ? text : "?", ops, "loads, stores, all", &pmu->ops);
}

/* "[NODE:]NS" */
static int parse_latency(char *text, struct lab_pmu *pmu)
{
	char *colon = strchr(text, ':');
	uint32_t first = 0, last = VPMU_NODES_MAX - 1, ns;
	int err = 0;

	if (colon) {
		*colon = '\0';
		err = lab_parse_number(text, "--virtual-pmu: node of latency", 0, last, &first);
		last = first;
		text = colon + 1;
	}
	if (!err)
		err = lab_parse_number(text, "--virtual-pmu: latency", 0, MAX_LATENCY_NS, &ns);
	for (uint32_t node = first; !err && node <= last; node++)
		pmu->min_latency_ns[node] = ns;
	return err;
}

static int parse_period(const char *text, const char *what, struct lab_pmu *pmu, uint32_t first)
{
	uint32_t period;
	int err = lab_parse_number(text, what, 1, MAX_PERIOD, &period);

	for (uint32_t event = first; !err && event < VPMU_EVENTS_MAX; event++)
		pmu->period[event] = period;
	return err;
}

enum setting { FLAVOUR, PERIOD, STORE_PERIOD, OPS, LATENCY, JITTER, OTHER };

static int take_setting(enum setting name, char *value, struct lab_pmu *pmu)
{
	switch (name) {
	case FLAVOUR:
		return parse_flavour(value, pmu);
	case PERIOD:
		return parse_period(value, "--virtual-pmu: period", pmu, VPMU_LOAD_EVENT);
	case STORE_PERIOD:
		return parse_period(value, "--virtual-pmu: store-period", pmu, VPMU_STORE_EVENT);
	case OPS:
		return parse_ops(value, pmu);
	case LATENCY:
		return parse_latency(value, pmu);
	case JITTER:
		return lab_parse_number(value, "--virtual-pmu: jitter", 0, 999,
					&pmu->jitter_permille);
	case OTHER:
		return lab_parse_number(value, "--virtual-pmu: other", 0, VPMU_IBS_STEP - 1,
					&pmu->other_ops);
	}
	return -EINVAL;
}

/* What the flavour does not have. */
static int check_pmu(const struct lab_pmu *pmu, bool has_store_period, bool has_other)
{
	if (has_store_period && pmu->flavour != VPMU_PEBS)
		return thermo_fail(-EINVAL, "lab: --virtual-pmu: store-period is of flavour=pebs: "
					    "the others have one event");
	if (has_other && pmu->flavour != VPMU_IBS)
		return thermo_fail(-EINVAL, "lab: --virtual-pmu: other is of flavour=ibs: the "
					    "others count accesses only");
	if (pmu->flavour != VPMU_IBS)
		return 0;
	if (pmu->ops != (VPMU_LOADS | VPMU_STORES))
		return thermo_fail(-EINVAL, "lab: --virtual-pmu: IBS cannot choose between loads "
					    "and stores: leave ops out");
	if (pmu->period[0] % VPMU_IBS_STEP)
		return thermo_fail(-EINVAL,
				   "lab: --virtual-pmu: period %u: IBS takes multiples of "
				   "%d",
				   pmu->period[0], VPMU_IBS_STEP);
	return 0;
}

int lab_parse_pmu(const char *text, struct lab_pmu *pmu)
{
	/* getsubopt() is older than const. */
	static char flavour[] = "flavour", period[] = "period", store[] = "store-period",
		    ops[] = "ops", latency[] = "latency", jitter[] = "jitter", other[] = "other";
	static char *const names[] = { flavour, period, store, ops, latency, jitter, other, NULL };
	char copy[256];
	char *rest = copy, *value;
	bool seen[OTHER + 1] = { false };
	int err = 0;

	*pmu = (struct lab_pmu){
		.wanted = true,
		.ops = VPMU_LOADS | VPMU_STORES,
		.jitter_permille = DEFAULT_JITTER_PERMILLE,
		.other_ops = DEFAULT_OTHER_OPS,
	};
	if (snprintf(copy, sizeof(copy), "%s", text ? text : "") >= (int)sizeof(copy))
		return thermo_fail(-EINVAL, "lab: --virtual-pmu: too long");
	while (*rest && !err) {
		int name = getsubopt(&rest, names, &value);

		if (name < 0 || !value)
			return thermo_fail(-EINVAL,
					   "lab: --virtual-pmu: '%.40s': give "
					   "flavour=plain|ibs|pebs, period=N, store-period=N, "
					   "ops=loads|stores|all, latency=[NODE:]NS, "
					   "jitter=PERMILLE or other=N",
					   value ? value : names[name]);
		seen[name] = true;
		err = take_setting((enum setting)name, value, pmu);
	}
	return err ? err : check_pmu(pmu, seen[STORE_PERIOD], seen[OTHER]);
}
