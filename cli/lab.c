// SPDX-License-Identifier: GPL-2.0-or-later
/* lab.c - "thermocline lab": boots the virtual machine and runs a command in it. */
#include "cli/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "tests/lab/agent.h"
#include "tests/lab/lab.h"
#include "tests/lab/options.h"

#define BOOTS_MAX 3

/* One line here is one line there. */
/* clang-format off */
static const char usage[] =
	"usage: thermocline lab [OPTION...] -- COMMAND [ARG...]\n"
	"\n"
	"Boots a virtual machine with tiered memory and runs COMMAND in it as root, in this folder,\n"
	"with this machine's files (changes to them are lost) and this terminal.\n"
	"\n"
	"Memory:\n"
	"  --fast SIZE[,lat=NS][,bw=GBs]  fast memory of each CPU node (512M,lat=80,bw=100)\n"
	"  --slow SIZE[,lat=NS][,bw=GBs][,dist=N][,near=NODE]\n"
	"                       a node of slow memory; several make several (1G,lat=250,bw=30,dist=20)\n"
	"  --cpu-nodes N        nodes with CPUs (1)\n"
	"  --cpus N             CPUs of each of them (2)\n"
	"  --no-hmat            no latency tables: the guest's kernel sees a single tier\n"
	"  --cxl[=SIZE]         a CXL type-3 device instead of slow nodes (256M); for discovery,\n"
	"                       it is far too slow to measure on\n"
	"Truth:\n"
	"  --truth              count every access to the workload's window: DIR/truth.bin\n"
	"  --virtual-pmu[=flavour=plain|ibs|pebs,period=N,store-period=N,ops=loads|stores|all,\n"
	"                latency=[NODE:]NS,jitter=PERMILLE,other=N]\n"
	"                       with --truth: a PMU that samples these accesses, for the source\n"
	"                       virtual-pmu in the guest\n"
	"  --virtual-chmu[=entries=N,counters=N,loss=PERMILLE,width=BITS,epoch=MS]\n"
	"                       with --truth: a CXL hotness unit that counts those to slow memory, for\n"
	"                       the source chmu in the guest, with its option --chmu-registers\n"
	"  --emulate-latency[=FACTOR]\n"
	"                       with --truth: make slow memory slow, by FACTOR (1) times its extra\n"
	"                       latency\n"
	"Run:\n"
	"  --results DIR        the guest's /lab/results and $LAB_RESULTS (a fresh folder)\n"
	"  --timeout SECONDS    stop everything after that long; exit status 124\n"
	"  --env NAME           pass this variable as well (always: TERM, PATH, LAB_*)\n"
	"  --kernel VERSION|DIR another kernel than the newest of Debian's\n"
	"  --append ARGS        more arguments for the kernel\n"
	"  --keep               keep temporary folders\n"
	"  --verbose            show the kernel's log on standard error\n"
	"  --dry-run            print QEMU's command line only\n"
	"  --help               this text\n"
	"\n"
	"The exit status is COMMAND's; 1 when the machine failed, 2 for a wrong option.\n"
	"The kernel's log is DIR/console.log.\n";
/* clang-format on */

static void print_command_line(const struct lab_run *run)
{
	for (size_t i = 0; i < run->qemu_argv.nr; i++)
		printf(strchr(run->qemu_argv.items[i], ' ') ? "'%s' " : "%s ",
		       run->qemu_argv.items[i]);
	printf("\n");
}

/* A script may have said it already: then there is no text of ours. */
static void print_error(void)
{
	if (*thermo_last_error())
		fprintf(stderr, "%s\n", thermo_last_error());
}

static int boot_once(struct lab_run *run)
{
	int status = lab_start_qemu(run);

	if (status == 0)
		status = lab_session_run(run);
	lab_stop_qemu(run);
	return status;
}

static int boot_and_run(struct lab_run *run)
{
	int status = boot_once(run);

	for (int boots = 1; boots < BOOTS_MAX && status == -ECHILD && lab_died_booting(run);
	     boots++) {
		fprintf(stderr,
			"lab: the guest's kernel died while it booted: booting once more\n");
		status = boot_once(run);
	}
	if (status == LAB_EXIT_TIMEOUT && run->config->timeout_s)
		fprintf(stderr, "lab: stopped after %u s\n", run->config->timeout_s);
	return status;
}

static int run_lab(const struct lab_config *config)
{
	static struct lab_run run;
	int status = lab_prepare(&run, config);

	if (status == 0 && config->dry_run)
		print_command_line(&run);
	else if (status == 0)
		status = boot_and_run(&run);
	if (status < 0)
		print_error();
	if (status == -ECHILD)
		lab_print_post_mortem(&run);
	lab_cleanup(&run, status < 0);
	return status < 0 ? EXIT_FAILED : status;
}

static int run_agent(const char *port)
{
	if (lab_agent_run(port) == 0)
		return EXIT_OK;
	print_error();
	return EXIT_FAILED;
}

int cmd_lab(int argc, char **argv)
{
	static struct lab_options options;
	int status = EXIT_USAGE;

	if (lab_options_parse(argc, argv, &options) < 0)
		print_error();
	else if (options.help)
		status = fputs(usage, stdout) < 0 ? EXIT_FAILED : EXIT_OK;
	else if (options.agent_port)
		status = run_agent(options.agent_port);
	else
		status = run_lab(&options.config);
	lab_argv_fini(&options.config.env_names);
	return status;
}
