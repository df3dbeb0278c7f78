// SPDX-License-Identifier: GPL-2.0-or-later
/* selection.c - a role for each source, a rule for each role. */
#include "sources/selection.h"

#include <stdio.h>
#include <string.h>

#include "thermocline/error.h"

enum role {
	ROLE_SCAN,   /* whoever is not in the table */
	ROLE_PMU,    /* the processor's own sampling */
	ROLE_DEVICE, /* a hotness unit */
};

static const struct {
	const char *source;
	enum role role;
} roles[] = {
	{ "ibs", ROLE_PMU },
	{ "pebs", ROLE_PMU },
	{ "spe", ROLE_PMU },
	{ "chmu", ROLE_DEVICE },
};

static enum role role_of(const struct thermo_source *source)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(roles[i].source, source->name) == 0)
			return roles[i].role;
	return ROLE_SCAN;
}

static bool may_run(const struct source_choice *c)
{
	return !c->err && !c->source->by_name_only;
}

static void say(struct source_choice *c, bool chosen, const char *why, const char *who)
{
	c->chosen = chosen;
	(void)snprintf(c->why, sizeof(c->why), "%s%s", who, why);
}

/* @pmu: the one that runs, or NULL. */
static void choose(struct source_choice *c, const struct thermo_source *pmu)
{
	switch (role_of(c->source)) {
	case ROLE_PMU:
		if (c->source == pmu)
			say(c, true, "the processor itself samples all memory", "");
		else if (pmu)
			say(c, false, " samples the same", pmu->name);
		return;
	case ROLE_DEVICE:
		say(c, true, "sees what no processor sees: in addition to others", "");
		return;
	default:
		if (pmu)
			say(c, false, " sees all memory all the time: nothing need be scanned",
			    pmu->name);
		else
			say(c, true, "no PMU samples here: memory is scanned", "");
	}
}

static void probe(struct source_choice *c, const struct thermo_source *source,
		  const struct thermo_source_opts *opts)
{
	*c = (struct source_choice){ .source = source, .err = source->probe(opts) };
	if (c->err)
		say(c, false, thermo_last_error(), "");
	else if (source->by_name_only)
		say(c, false, "only when it is named", "");
}

size_t thermo_sources_choose(const struct thermo_source_opts *opts, uint32_t failed,
			     struct source_choice choices[SELECT_MAX])
{
	const struct thermo_source *pmu = NULL;
	size_t nr = 0;

	for (; nr < SELECT_MAX && thermo_sources[nr]; nr++) {
		struct source_choice *c = &choices[nr];

		probe(c, thermo_sources[nr], opts);
		if (failed >> nr & 1)
			say(c, false, "it failed", "");
		else if (may_run(c) && !pmu && role_of(c->source) == ROLE_PMU)
			pmu = c->source;
	}
	for (size_t i = 0; i < nr; i++)
		if (may_run(&choices[i]) && !(failed >> i & 1))
			choose(&choices[i], pmu);
	return nr;
}
