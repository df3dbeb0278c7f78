// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * qemu.c - the emulator: its command line, its start and its end.
 *
 * QEMU gets our end of the agent's port as an open socket, so there is no name in the file system
 * that somebody else could connect to or that would be left behind.
 */
#include "tests/lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"
#include "sources/virtual_chmu.h"
#include "sources/virtual_pmu.h"

#define QEMU "qemu-system-x86_64"

/* QEMU sees the socket under this number. */
enum { QEMU_SOCKET_FD = 3, STOP_GRACE_MS = 10000 };

/* "," ends a value in QEMU's options, ",," is a comma. */
static void double_commas(const char *path, char *out, size_t out_bytes)
{
	size_t n = 0;

	for (; *path && n + 3 < out_bytes; path++) {
		out[n++] = *path;
		if (*path == ',')
			out[n++] = ',';
	}
	out[n] = '\0';
}

static void add_pair(struct lab_argv *argv, const char *option, const char *value)
{
	lab_argv_add(argv, "%s", option);
	lab_argv_add(argv, "%s", value);
}

static void add_folder(struct lab_argv *argv, const char *tag, const char *path, bool writable)
{
	char quoted[2 * PATH_MAX];

	double_commas(path, quoted, sizeof(quoted));
	/* remap: inode numbers of the host's several file systems must not collide. */
	lab_argv_add(argv, "-fsdev");
	lab_argv_add(argv, "local,id=%s,path=%s,security_model=none,readonly=%s,multidevs=remap",
		     tag, quoted, writable ? "off" : "on");
	lab_argv_add(argv, "-device");
	lab_argv_add(argv, "virtio-9p-pci,bus=pcie.0,fsdev=%s,mount_tag=%s", tag, tag);
}

/* The plugin writes samples into a file, which the guest sees as a device's memory. */
static void add_pmu_args(const struct lab_run *run, struct lab_argv *args)
{
	const struct lab_pmu *pmu = &run->config->pmu;
	char quoted[2 * PATH_MAX];

	if (!pmu->wanted)
		return;
	double_commas(run->run_dir, quoted, sizeof(quoted));
	lab_argv_add(args, "pmu=%s/" LAB_PMU_FILE, quoted);
	lab_argv_add(args, "pmu-cpus-per-node=%u", run->config->topology.cpus_per_node);
	lab_argv_add(args, "pmu-flavour=%u", pmu->flavour);
	lab_argv_add(args, "pmu-ops=%u", pmu->ops);
	lab_argv_add(args, "pmu-jitter=%u", pmu->jitter_permille);
	lab_argv_add(args, "pmu-other=%u", pmu->other_ops);
	for (uint32_t event = 0; event < VPMU_EVENTS_MAX; event++)
		lab_argv_add(args, "pmu-period=%u:%u", event, pmu->period[event]);
	for (uint32_t node = 0; node < run->config->topology.nr_nodes; node++)
		lab_argv_add(args, "pmu-latency=%u:%u", node, pmu->min_latency_ns[node]);
}

/* A file in the private folder that the guest sees as memory of a PCI device. */
static void add_shared_device(const struct lab_run *run, const char *file, uint64_t bytes,
			      struct lab_argv *argv)
{
	char quoted[2 * PATH_MAX];

	double_commas(run->run_dir, quoted, sizeof(quoted));
	lab_argv_add(argv, "-object");
	lab_argv_add(argv, "memory-backend-file,id=%s,share=on,mem-path=%s/%s,size=%ju", file,
		     quoted, file, (uintmax_t)bytes);
	lab_argv_add(argv, "-device");
	lab_argv_add(argv, "ivshmem-plain,bus=pcie.0,memdev=%s", file);
}

static void add_chmu_args(const struct lab_run *run, struct lab_argv *args)
{
	const struct lab_chmu *chmu = &run->config->chmu;
	char quoted[2 * PATH_MAX];

	if (!chmu->wanted)
		return;
	double_commas(run->run_dir, quoted, sizeof(quoted));
	lab_argv_add(args, "chmu=%s/" LAB_CHMU_FILE, quoted);
	lab_argv_add(args, "chmu-entries=%u", chmu->nr_entries);
	lab_argv_add(args, "chmu-counters=%u", chmu->nr_counters);
	lab_argv_add(args, "chmu-loss=%u", chmu->loss_permille);
	lab_argv_add(args, "chmu-width=%u", chmu->counter_bits);
	lab_argv_add(args, "chmu-epoch=%u", chmu->min_epoch_ms);
}

static int add_truth(struct lab_run *run, struct lab_argv *argv)
{
	const struct lab_topology *topology = &run->config->topology;
	struct lab_range ranges[LAB_RANGES_MAX];
	size_t nr_ranges = lab_topology_ranges(topology, ranges);
	char plugin[PATH_MAX];
	char quoted[2 * PATH_MAX];
	struct lab_argv args = { 0 };
	int err = lab_find_file(run, "truth.so", plugin);

	if (err < 0)
		return err;
	double_commas(plugin, quoted, sizeof(quoted));
	lab_argv_add(&args, "%s", quoted);
	double_commas(run->results_dir, quoted, sizeof(quoted));
	lab_argv_add(&args, "out=%s/truth.bin", quoted);
	for (uint32_t i = 0; i < topology->nr_nodes; i++)
		lab_argv_add(&args, "node=%u:%u:%d", i, topology->nodes[i].latency_ns,
			     i < topology->nr_cpu_nodes);
	for (size_t i = 0; i < nr_ranges; i++)
		lab_argv_add(&args, "range=%#jx:%#jx:%u", (uintmax_t)ranges[i].start,
			     (uintmax_t)ranges[i].end, ranges[i].node);
	if (run->config->delay_percent)
		lab_argv_add(&args, "delay=%u", run->config->delay_percent);
	add_pmu_args(run, &args);
	add_chmu_args(run, &args);

	char *joined = NULL;
	for (size_t i = 0; i < args.nr && !argv->failed; i++) {
		char *longer = NULL;

		if (asprintf(&longer, "%s%s%s", joined ? joined : "", i ? "," : "", args.items[i]) <
		    0)
			argv->failed = true;
		free(joined);
		joined = longer;
	}
	if (joined)
		add_pair(argv, "-plugin", joined);
	free(joined);
	argv->failed |= args.failed;
	lab_argv_fini(&args);
	return 0;
}

/*
 * The console is the only thing that the kernel writes to; the agent's port is not a console.
 * panic=-1 with -no-reboot: a guest that panics ends QEMU; by a triple fault, as the ACPI way
 * hangs after a panic.  bus=pcie.0 elsewhere: a CXL host bridge would claim what has no bus.
 * mitigations=off: they protect nothing
 * here, and cost the emulator a fifth of its speed.
 */
static void add_kernel(const struct lab_run *run, struct lab_argv *argv)
{
	lab_argv_add(argv, "-kernel");
	lab_argv_add(argv, "%s/vmlinuz", run->kernel_dir);
	add_pair(argv, "-initrd", run->initramfs);
	lab_argv_add(argv, "-append");
	lab_argv_add(argv, "console=ttyS0 rdinit=/init panic=-1 reboot=t mitigations=off%s%s",
		     run->config->append ? " " : "",
		     run->config->append ? run->config->append : "");
}

int lab_build_qemu_argv(struct lab_run *run)
{
	struct lab_argv *argv = &run->qemu_argv;
	char console[2 * PATH_MAX];
	int err = 0;

	lab_argv_add(argv, QEMU);
	add_pair(argv, "-name", "thermolab");
	lab_argv_add(argv, "-nodefaults");
	lab_argv_add(argv, "-no-user-config");
	lab_argv_add(argv, "-no-reboot");
	add_pair(argv, "-display", "none");
	add_pair(argv, "-accel", "tcg,thread=multi");
	lab_topology_qemu_args(&run->config->topology, argv);
	add_kernel(run, argv);

	double_commas(run->results_dir, console, sizeof(console));
	lab_argv_add(argv, "-chardev");
	lab_argv_add(argv, "file,id=console,path=%s/console.log", console);
	add_pair(argv, "-serial", "chardev:console");
	add_pair(argv, "-device", "virtio-serial-pci,bus=pcie.0");
	lab_argv_add(argv, "-chardev");
	lab_argv_add(argv, "socket,id=agent,fd=%d", QEMU_SOCKET_FD);
	add_pair(argv, "-device", "virtserialport,chardev=agent,name=thermocline.agent");

	add_folder(argv, "host", "/", false);
	add_folder(argv, "lab", run->run_dir, false);
	add_folder(argv, "results", run->results_dir, true);
	if (run->config->pmu.wanted)
		add_shared_device(run, LAB_PMU_FILE,
				  vpmu_bytes(lab_topology_nr_cpus(&run->config->topology)), argv);
	if (run->config->chmu.wanted)
		add_shared_device(run, LAB_CHMU_FILE, VCHMU_BAR_BYTES, argv);
	if (run->config->truth)
		err = add_truth(run, argv);
	if (err == 0 && argv->failed)
		err = thermo_fail(-ENOMEM, "lab: out of memory");
	return err;
}

/* In the child; never returns. */
static void exec_qemu(struct lab_run *run, int socket_fd, pid_t parent)
{
	sigset_t none;
	int log;

	/* A session of its own: Ctrl-C is for us, and we end QEMU in order. */
	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);

	(void)chdir(run->run_dir);
	log = open("qemu.log", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	(void)dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
	(void)dup2(log, STDOUT_FILENO);
	(void)dup2(log, STDERR_FILENO);
	(void)dup2(socket_fd, QEMU_SOCKET_FD);
	(void)close_range(QEMU_SOCKET_FD + 1, ~0U, 0);
	execvp(QEMU, run->qemu_argv.items);
	_exit(127);
}

int lab_start_qemu(struct lab_run *run)
{
	pid_t parent = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return thermo_fail(-errno, "lab: socketpair: %s", strerror(errno));
	/* Keep off the number that the child uses. */
	if (pair[1] == QEMU_SOCKET_FD)
		pair[1] = fcntl(pair[1], F_DUPFD, 10);
	run->socket_fd = pair[0];
	(void)fcntl(run->socket_fd, F_SETFD, FD_CLOEXEC);
	run->qemu_pid = fork();
	if (run->qemu_pid == 0)
		exec_qemu(run, pair[1], parent);
	(void)close(pair[1]);
	if (run->qemu_pid < 0) {
		run->qemu_pid = 0;
		return thermo_fail(-errno, "lab: fork: %s", strerror(errno));
	}
	run->qemu_fd = pidfd_open(run->qemu_pid, 0);
	if (run->qemu_fd < 0)
		return thermo_fail(-errno, "lab: pidfd_open: %s", strerror(errno));
	return 0;
}

void lab_stop_qemu(struct lab_run *run)
{
	struct pollfd ended = { .fd = run->qemu_fd, .events = POLLIN };

	if (run->qemu_pid > 0) {
		(void)kill(run->qemu_pid, SIGTERM);
		if (run->qemu_fd < 0 || poll(&ended, 1, STOP_GRACE_MS) <= 0)
			(void)kill(run->qemu_pid, SIGKILL);
		(void)waitpid(run->qemu_pid, NULL, 0);
	}
	if (run->qemu_fd >= 0)
		(void)close(run->qemu_fd);
	if (run->socket_fd >= 0)
		(void)close(run->socket_fd);
	run->qemu_pid = 0;
	run->qemu_fd = run->socket_fd = -1;
}
