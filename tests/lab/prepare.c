// SPDX-License-Identifier: GPL-2.0-or-later
/* prepare.c - finds or fetches what a run needs, makes its folders, and takes them away again. */
#include "tests/lab/lab.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "sources/virtual_chmu.h"
#include "sources/virtual_pmu.h"

#ifndef THERMO_LAB_DIR
#define THERMO_LAB_DIR "/usr/local/lib/thermocline/lab"
#endif

enum { QEMU_MAJOR = 10 };

static bool is_readable(const char *dir, const char *name, char path[PATH_MAX])
{
	if (snprintf(path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		return false;
	return access(path, R_OK) == 0;
}

int lab_find_file(const struct lab_run *run, const char *name, char path[PATH_MAX])
{
	if (is_readable(run->lab_dir, name, path))
		return 0;
	return thermo_fail(-ENOENT, "lab: %s/%s is missing: run 'make'", run->lab_dir, name);
}

/* The lab's folder: the environment's, the one beside this program, or the installed one. */
static int find_lab_dir(struct lab_run *run)
{
	const char *env = getenv("THERMO_LAB_DIR");
	ssize_t n = readlink("/proc/self/exe", run->self, sizeof(run->self) - 1);
	char beside[PATH_MAX];
	char file[PATH_MAX];
	const char *candidates[3] = { env, beside, THERMO_LAB_DIR };

	if (n < 0)
		return thermo_fail(-errno, "lab: /proc/self/exe: %s", strerror(errno));
	run->self[n] = '\0';
	(void)snprintf(beside, sizeof(beside), "%.*s/lab",
		       (int)(strrchr(run->self, '/') - run->self), run->self);
	for (size_t i = 0; i < 3; i++)
		if (candidates[i] && is_readable(candidates[i], "init.sh", file))
			return realpath(candidates[i], run->lab_dir) ? 0 : -errno;
	return thermo_fail(-ENOENT,
			   "lab: its files are neither in %s nor in %s: set THERMO_LAB_DIR", beside,
			   THERMO_LAB_DIR);
}

/*
 * Runs a program, and hands back the first line that it printed.  Its standard error is ours.
 * Return: its exit status, 127 when there is no such program, or -errno.
 */
static int run_program(const char *const argv[], char *line, size_t line_bytes)
{
	int out[2];
	int status = -1;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		return thermo_fail(-errno, "lab: pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		(void)dup2(out[1], STDOUT_FILENO);
		/* exec does not write to them; its prototype is older than const. */
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	(void)close(out[1]);
	AUTO_FCLOSE FILE *stream = fdopen(out[0], "r");

	if (!stream || !fgets(line, (int)line_bytes, stream))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	while (stream && fgetc(stream) != EOF)
		; /* a writer that still writes must not get SIGPIPE */
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return thermo_fail(-ECHILD, "lab: cannot run %s", argv[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int check_qemu(void)
{
	const char *argv[] = { "qemu-system-x86_64", "--version", NULL };
	char line[256];
	unsigned major = 0;
	int status = run_program(argv, line, sizeof(line));

	if (status < 0)
		return status;
	if (status != 0)
		return thermo_fail(-ENOENT,
				   "lab: qemu-system-x86_64 does not run here: run 'make deps'");
	if (sscanf(line, "QEMU emulator version %u", &major) != 1 || major < QEMU_MAJOR)
		return thermo_fail(-ENOENT,
				   "lab: QEMU %u is too old, %d is needed: run 'make deps'", major,
				   QEMU_MAJOR);
	return 0;
}

/* Runs one of the lab's scripts, which prints a path. */
static int run_script(const struct lab_run *run, const char *name, const char *argument,
		      char path[PATH_MAX])
{
	char script[PATH_MAX];
	const char *argv[] = { "sh", script, argument, NULL };
	int status = lab_find_file(run, name, script);

	if (status < 0)
		return status;
	status = run_program(argv, path, PATH_MAX);
	/* The script has told the reason; no second sentence. */
	if (status != 0 || path[0] != '/')
		return status < 0 ? status : thermo_fail(-EIO, "%s", "");
	return 0;
}

static int find_kernel(struct lab_run *run)
{
	const char *kernel = run->config->kernel;
	char image[PATH_MAX];
	int err;

	if (kernel && strchr(kernel, '/')) {
		if (!realpath(kernel, run->kernel_dir) ||
		    !is_readable(run->kernel_dir, "vmlinuz", image))
			return thermo_fail(-ENOENT, "lab: --kernel: %s/vmlinuz cannot be read",
					   kernel);
	} else {
		err = run_script(run, "fetch-kernel.sh", kernel, run->kernel_dir);
		if (err < 0)
			return err;
	}
	return run_script(run, "build-initramfs.sh", run->kernel_dir, run->initramfs);
}

static int make_temp_dir(const char *what, char path[PATH_MAX])
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(path, PATH_MAX, "%s/thermocline-%s.XXXXXX", tmp && *tmp ? tmp : "/tmp",
		       what);
	if (!mkdtemp(path)) {
		int err = -errno;

		path[0] = '\0';
		return thermo_fail(err, "lab: no temporary folder: %s", strerror(-err));
	}
	return 0;
}

static int make_results_dir(struct lab_run *run)
{
	const char *dir = run->config->results;
	char console[PATH_MAX + 16];

	if (!dir) {
		int err = make_temp_dir("results", run->results_dir);

		run->results_are_ours = err == 0;
		return err;
	}
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return thermo_fail(-errno, "lab: --results: cannot make %s: %s", dir,
				   strerror(errno));
	if (!realpath(dir, run->results_dir))
		return thermo_fail(-errno, "lab: --results: %s: %s", dir, strerror(errno));
	(void)snprintf(console, sizeof(console), "%s/console.log", run->results_dir);
	AUTO_CLOSE int fd = open(console, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return thermo_fail(-errno, "lab: --results: cannot write %s: %s", console,
				   strerror(errno));
	return 0;
}

/* 'text', as a shell reads it. */
static void print_quoted(FILE *out, const char *name, const char *text)
{
	fprintf(out, "%s='", name);
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", out);
		else
			fputc(*text, out);
	fputs("'\n", out);
}

/* What init.sh needs to know, and where the host believes that the nodes' memory is. */
static int write_params(const struct lab_run *run)
{
	const struct lab_topology *topology = &run->config->topology;
	struct lab_range ranges[LAB_RANGES_MAX];
	size_t nr_ranges = lab_topology_ranges(topology, ranges);
	char path[PATH_MAX + 16];

	(void)snprintf(path, sizeof(path), "%s/params", run->run_dir);
	AUTO_FCLOSE FILE *params = fopen(path, "we");
	(void)snprintf(path, sizeof(path), "%s/nodes", run->run_dir);
	AUTO_FCLOSE FILE *nodes = fopen(path, "we");

	if (!params || !nodes)
		return thermo_fail(-errno, "lab: %s: %s", path, strerror(errno));
	print_quoted(params, "LAB_KERNEL", run->kernel_dir);
	print_quoted(params, "LAB_AGENT", run->self);
	if (topology->cxl_bytes)
		fprintf(params, "LAB_CXL_BYTES=%" PRIu64 "\n", topology->cxl_bytes);
	for (size_t i = 0; i < nr_ranges; i++)
		fprintf(nodes, "%u %" PRIu64 " %" PRIu64 "\n", ranges[i].node,
			ranges[i].start >> 12, ranges[i].end >> 12);
	if (fflush(params) != 0 || fflush(nodes) != 0)
		return thermo_fail(-errno, "lab: %s: %s", run->run_dir, strerror(errno));
	return 0;
}

/* The size tells QEMU's device, and the plugin checks it. */
static int make_shared_file(const struct lab_run *run, const char *name, uint64_t bytes)
{
	char path[PATH_MAX + 16];

	(void)snprintf(path, sizeof(path), "%s/%s", run->run_dir, name);
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		return thermo_fail(-errno, "lab: %s: %s", path, strerror(errno));
	return 0;
}

int lab_prepare(struct lab_run *run, const struct lab_config *config)
{
	sigset_t signals;
	int err;

	*run = (struct lab_run){ .config = config, .qemu_fd = -1, .socket_fd = -1 };
	err = find_lab_dir(run);
	if (err == 0)
		err = check_qemu();
	if (err == 0)
		err = find_kernel(run);
	/* Until here Ctrl-C ends us, and the scripts clean up after themselves. */
	lab_block_signals(&signals);
	if (err == 0)
		err = make_temp_dir("lab", run->run_dir);
	if (err == 0)
		err = make_results_dir(run);
	if (err == 0)
		err = write_params(run);
	if (err == 0 && config->pmu.wanted)
		err = make_shared_file(run, LAB_PMU_FILE,
				       vpmu_bytes(lab_topology_nr_cpus(&config->topology)));
	if (err == 0 && config->chmu.wanted)
		err = make_shared_file(run, LAB_CHMU_FILE, VCHMU_BAR_BYTES);
	return err < 0 ? err : lab_build_qemu_argv(run);
}

static void remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		(void)closedir(dir);
	(void)rmdir(path);
}

/* Nobody will miss a fresh results folder with nothing but the kernel's log. */
static bool is_without_results(const char *path)
{
	AUTO_CLOSEDIR DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "console.log") != 0)
			return false;
	return true;
}

void lab_cleanup(struct lab_run *run, bool failed)
{
	lab_stop_qemu(run);
	if (run->config->keep && run->run_dir[0])
		fprintf(stderr, "lab: kept %s\n", run->run_dir);
	else if (run->run_dir[0])
		remove_dir(run->run_dir);
	if (run->results_are_ours) {
		if (!failed && !run->config->keep && is_without_results(run->results_dir))
			remove_dir(run->results_dir);
		else
			fprintf(stderr, "lab: results in %s\n", run->results_dir);
	}
	lab_argv_fini(&run->qemu_argv);
}
