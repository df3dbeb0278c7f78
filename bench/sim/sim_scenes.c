// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_scenes.c - what memory looks like in the benches. */
#include "bench/sim/sim_scenes.h"

#include "bench/workload/random.h"

#define PAGE 4096ull
#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define TIB (1ull << 40)
#define STEP_NS 1000000000ull
#define SPOT_BYTES (4 * MIB)

/* Threads and CPUs: what is hot is read by all, the rest is written by a few. */
static const struct sim_who hot_who = { .nr_cpus = 64,
					.first_tid = 1,
					.nr_tids = 64,
					.write_share = 0.1,
					.latency_ns = 100,
					.level = THERMO_LEVEL_LOCAL_DRAM };
static const struct sim_who cold_who = { .nr_cpus = 4,
					 .first_tid = 1,
					 .nr_tids = 4,
					 .write_share = 0.5,
					 .latency_ns = 250,
					 .level = THERMO_LEVEL_REMOTE_DRAM };

static struct sim_piece *add_piece(struct sim_load *load, enum sim_shape shape, double share,
				   uint64_t start, uint64_t bytes)
{
	struct sim_piece *p = &load->pieces[load->nr_pieces++];

	*p = (struct sim_piece){ .shape = shape,
				 .share = share,
				 .start = start,
				 .bytes = bytes,
				 .grain_bytes = 4096,
				 .exponent = 0.99,
				 .who = hot_who };
	return p;
}

static void make_uniform(struct sim_load *load)
{
	load->bytes = TIB;
}

/* Begins at no round number. */
static void make_hot_set(struct sim_load *load)
{
	load->bytes = TIB;
	add_piece(load, SIM_EVEN, 0.9, 300 * GIB + 12345 * PAGE, 64 * GIB);
}

static void make_small_hot_set(struct sim_load *load)
{
	load->bytes = 64 * GIB;
	add_piece(load, SIM_EVEN, 0.5, 17 * GIB + 12345 * PAGE, 1 * GIB);
}

static void make_zipf(struct sim_load *load)
{
	load->bytes = 64 * GIB;
	add_piece(load, SIM_ZIPF, 1, 0, 64 * GIB);
}

static void make_scattered(struct sim_load *load)
{
	load->bytes = 4 * GIB;
	add_piece(load, SIM_ZIPF_SCATTERED, 1, 0, 4 * GIB);
}

static void make_scattered_huge(struct sim_load *load)
{
	load->bytes = 64 * GIB;
	add_piece(load, SIM_ZIPF_SCATTERED, 1, 0, 64 * GIB)->grain_bytes = 2 * MIB;
}

/* Sixteen steps, each as much higher than the one before. */
static void make_stairs(struct sim_load *load)
{
	load->bytes = 64 * GIB;
	for (uint64_t i = 0; i < 16; i++)
		add_piece(load, SIM_EVEN, (double)(i + 1) / (16 * 17 / 2.0), i * 4 * GIB, 4 * GIB);
}

static void make_zigzag(struct sim_load *load)
{
	load->bytes = 64 * GIB;
	add_piece(load, SIM_STRETCHES, 0.9, 0, 64 * GIB)->grain_bytes = 512 * MIB;
}

/* As many stretches as regions. */
static void make_fine_zigzag(struct sim_load *load)
{
	load->bytes = 64 * GIB;
	add_piece(load, SIM_STRETCHES, 0.9, 0, 64 * GIB)->grain_bytes = 64 * MIB;
}

/* Jumps far away, at windows 6, 11 and 16. */
static void make_jumping(struct sim_load *load)
{
	struct sim_piece *p;

	load->bytes = 64 * GIB;
	p = add_piece(load, SIM_EVEN, 0.9, 5 * GIB + 12345 * PAGE, 4 * GIB);
	p->step_bytes = 23 * GIB + 777 * PAGE;
	p->step_ns = 5 * STEP_NS;
}

/* Goes on by an eighth of its size each window. */
static void make_crawling(struct sim_load *load)
{
	struct sim_piece *p;

	load->bytes = 64 * GIB;
	p = add_piece(load, SIM_EVEN, 0.9, 5 * GIB + 12345 * PAGE, 4 * GIB);
	p->step_bytes = 512 * MIB;
	p->step_ns = STEP_NS;
}

/* Eight tenants with eight CPUs and threads each, who write more or less. */
static void make_tenants(struct sim_load *load)
{
	load->bytes = 64 * GIB;
	load->background = (struct sim_who){ .nr_cpus = 64, .first_tid = 1, .nr_tids = 64 };
	for (unsigned int i = 0; i < 8; i++)
		add_piece(load, SIM_EVEN, 0.1, 8 * GIB * i, 8 * GIB)->who =
				(struct sim_who){ .first_cpu = 8 * i,
						  .nr_cpus = 8,
						  .first_tid = 8 * (int32_t)i + 1,
						  .nr_tids = 8,
						  .write_share = i / 8.0 };
}

const struct sim_scene sim_scenes[] = {
	{ "uniform", "1 TiB, all alike", make_uniform },
	{ "hotset", "90 % of accesses to 64 GiB of 1 TiB", make_hot_set },
	{ "hotset_small", "50 % of accesses to 1 GiB of 64 GiB", make_small_hot_set },
	{ "zipf", "zipf 0.99 over the 4 KiB pages of 64 GiB in order", make_zipf },
	{ "zipf_scattered", "zipf 0.99 over the 4 KiB pages of 4 GiB, scattered", make_scattered },
	{ "zipf_huge", "zipf 0.99 over the 2 MiB pages of 64 GiB, scattered", make_scattered_huge },
	{ "stairs", "16 steps of 4 GiB, 1 to 16 times as hot", make_stairs },
	{ "zigzag", "hot and cold by turns, 512 MiB each, of 64 GiB", make_zigzag },
	{ "zigzag_fine", "hot and cold by turns, 64 MiB each, of 64 GiB", make_fine_zigzag },
	{ "tenants", "8 GiB each for 8 groups of 8 CPUs and threads, and a fifth for all",
	  make_tenants },
	{ "jumping", "90 % to 4 GiB of 64 GiB that jump every 5 windows", make_jumping },
	{ "crawling", "90 % to 4 GiB of 64 GiB that move on by 512 MiB a window", make_crawling },
	{ 0 },
};

int sim_scene_load(const struct sim_scene *scene, struct sim_load *load)
{
	*load = (struct sim_load){ .accesses_per_s = SIM_ACCESSES_PER_S, .background = cold_who };
	scene->make(load);
	return sim_load_init(load);
}

int sim_spot_load(double share, uint64_t seed, struct sim_load *load)
{
	uint64_t random = workload_random_seed(seed, 77), rest, page;

	page = workload_random_below(workload_random(&random), (TIB - SPOT_BYTES) / PAGE, &rest);
	*load = (struct sim_load){ .bytes = TIB,
				   .accesses_per_s = SIM_ACCESSES_PER_S,
				   .background = cold_who };
	add_piece(load, SIM_EVEN, share, page * PAGE, SPOT_BYTES);
	return sim_load_init(load);
}
