/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab.h - one run of the virtual machine: what the user wants, and the steps to it.
 *
 *	lab_prepare -> lab_start_qemu -> lab_session_run -> lab_stop_qemu -> lab_cleanup
 *
 * All on one thread.  lab_cleanup() accepts any state, so a failed step just goes there.
 */
#ifndef LAB_LAB_H
#define LAB_LAB_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "sources/virtual_pmu.h"
#include "tests/lab/argv.h"
#include "tests/lab/topology.h"

/* What --timeout gives, as timeout(1) does. */
enum { LAB_EXIT_TIMEOUT = 124 };

/* The virtual PMU; all but @wanted as in struct vpmu_control and struct vpmu_options. */
struct lab_pmu {
	bool wanted;
	uint32_t flavour;                 /* enum vpmu_flavour */
	uint32_t period[VPMU_EVENTS_MAX]; /* 0: as the guest wants */
	uint32_t ops;
	uint32_t min_latency_ns[VPMU_NODES_MAX];
	uint32_t jitter_permille;
	uint32_t other_ops;
};

/* The virtual CHMU. */
struct lab_chmu {
	bool wanted;
	uint32_t nr_entries;    /* of its hotlist */
	uint32_t nr_counters;   /* of its sketch; 0: it counts each granule */
	uint32_t loss_permille; /* accesses that it does not see */
	uint32_t counter_bits;
	uint32_t min_epoch_ms;
};

struct lab_config {
	struct lab_topology topology;
	char **command; /* NULL-terminated */
	struct lab_argv env_names;
	const char *results; /* NULL: a fresh folder */
	const char *kernel;  /* version, folder, or NULL for the newest */
	const char *append;
	uint32_t timeout_s;
	uint32_t delay_percent; /* emulated latency; 0: off */
	bool truth;
	struct lab_pmu pmu;
	struct lab_chmu chmu;
	bool keep;
	bool verbose;
	bool dry_run;
};

/* In run_dir. */
#define LAB_PMU_FILE "pmu"
#define LAB_CHMU_FILE "chmu"

struct lab_run {
	const struct lab_config *config;
	char lab_dir[PATH_MAX]; /* scripts and plugin */
	char self[PATH_MAX];    /* this program, which is the agent too */
	char kernel_dir[PATH_MAX];
	char initramfs[PATH_MAX];
	char run_dir[PATH_MAX]; /* private, gone afterwards; "" before it exists */
	char results_dir[PATH_MAX];
	bool results_are_ours; /* made by us: removed again when nothing is in it */
	struct lab_argv qemu_argv;
	pid_t qemu_pid; /* 0: none */
	int qemu_fd;    /* pidfd, or -1 */
	int socket_fd;  /* the agent's port, or -1 */
	bool is_up;     /* the guest took the command */
};

/* Finds or fetches all that a run needs, makes its folders and QEMU's arguments. */
int lab_prepare(struct lab_run *run, const struct lab_config *config);

/* From here on signals wait for lab_session_run(): nothing is left behind by one. */
void lab_block_signals(sigset_t *signals);

/* Return: 0 with the machine booting, or -errno. */
int lab_start_qemu(struct lab_run *run);

/**
 * lab_session_run() - Run the command in the booting machine, pass its streams.
 *
 * Return: the command's exit status, LAB_EXIT_TIMEOUT, 128 + signal, or -errno.
 */
int lab_session_run(struct lab_run *run);

/* Ask QEMU to end, so that the truth plugin can write its last counts; then insist. */
void lab_stop_qemu(struct lab_run *run);

/*
 * The guest's kernel died before it took the command.  In an emulated machine that happens now
 * and then: early in the boot interrupts and CPUs come at times that no hardware has.
 */
bool lab_died_booting(const struct lab_run *run);

/* Says on standard error why the machine went down: the end of its log. */
void lab_print_post_mortem(const struct lab_run *run);

void lab_cleanup(struct lab_run *run, bool failed);

/* QEMU's command line for @run into @run->qemu_argv. */
int lab_build_qemu_argv(struct lab_run *run);

/* The program's file @name for the lab ("init.sh", "truth.so"), or -ENOENT. */
int lab_find_file(const struct lab_run *run, const char *name, char path[PATH_MAX]);

#endif
