/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd.h - the subcommands: each is one file in cli/ with one entry point. */
#ifndef CLI_CMD_H
#define CLI_CMD_H

/* Exit status of the program. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* argv[0] is the subcommand's name.  Return: an exit status. */
int cmd_sources(int argc, char **argv);
int cmd_topology(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_ctl(int argc, char **argv);
int cmd_lab(int argc, char **argv);
int cmd_bench(int argc, char **argv);

/* What `thermocline bench` can do; argv[0] is its name. */
int bench_overhead(int argc, char **argv);

#endif
