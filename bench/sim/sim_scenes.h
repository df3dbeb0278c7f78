/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_scenes.h - loads that memory managers meet, each with what is hard about it. */
#ifndef BENCH_SIM_SIM_SCENES_H
#define BENCH_SIM_SIM_SCENES_H

#include "bench/sim/sim_load.h"

#define SIM_ACCESSES_PER_S 1e9

/**
 * struct sim_scene - A load by name.  What moves does so at whole seconds.
 * @what:	For people.
 * @make:	For sim_scene_load().
 */
struct sim_scene {
	const char *name;
	const char *what;
	void (*make)(struct sim_load *load);
};

/* Ends with one that has no name. */
extern const struct sim_scene sim_scenes[];

/* Return: 0, or -EINVAL when the scene makes no sense. */
int sim_scene_load(const struct sim_scene *scene, struct sim_load *load);

/* A @share of accesses to 4 MiB of 1 TiB, at pages that depend on @seed.  Return: 0 or -EINVAL. */
int sim_spot_load(double share, uint64_t seed, struct sim_load *load);

#endif
