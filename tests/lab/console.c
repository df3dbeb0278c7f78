// SPDX-License-Identifier: GPL-2.0-or-later
/* console.c - shows the guest kernel's log as it grows, or its end when the machine died. */
#include "tests/lab/console.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "tests/lab/channel.h"
#include "tests/lab/lab.h"

enum { TAIL_LINES = 15 };

void lab_console_open(struct lab_console *console, const char *results_dir)
{
	char path[PATH_MAX + 16];

	(void)snprintf(path, sizeof(path), "%s/console.log", results_dir);
	console->file = fopen(path, "re");
}

void lab_console_close(struct lab_console *console)
{
	if (console->file)
		(void)fclose(console->file);
	console->file = NULL;
}

void lab_console_copy(struct lab_console *console, int fd)
{
	char data[4096];
	size_t n;

	if (!console->file)
		return;
	/* stdio remembers an end of file; the log goes on. */
	clearerr(console->file);
	while ((n = fread(data, 1, sizeof(data), console->file)) > 0)
		(void)lab_write_all(fd, data, n);
}

/* What init.sh says when it knows the reason itself. */
static const char reason[] = "lab: failed: ";

bool lab_died_booting(const struct lab_run *run)
{
	char path[PATH_MAX + 16];
	char line[256];
	bool panic = false;

	if (run->is_up)
		return false;
	(void)snprintf(path, sizeof(path), "%s/console.log", run->results_dir);
	AUTO_FCLOSE FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file)) {
		if (strstr(line, reason))
			return false;
		panic |= strstr(line, "Kernel panic") != NULL;
	}
	return panic;
}

/* Prints the last lines of a log.  init.sh's own reason, if there is one, is all that matters. */
static void print_tail(const char *dir, const char *name, const char *title)
{
	char path[PATH_MAX + 16];
	char lines[TAIL_LINES][256] = { "" };
	char panic[256] = "";
	size_t nr = 0;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	AUTO_FCLOSE FILE *file = fopen(path, "re");

	while (file && fgets(lines[nr % TAIL_LINES], sizeof(lines[0]), file)) {
		char *line = lines[nr % TAIL_LINES];

		line[strcspn(line, "\r\n")] = '\0';
		if (strncmp(line, reason, strlen(reason)) == 0) {
			fprintf(stderr, "lab: the guest says: %s\n", line + strlen(reason));
			return;
		}
		/* Its call trace would push it out. */
		if (strstr(line, "Kernel panic"))
			memcpy(panic, line, sizeof(panic));
		nr++;
	}
	if (nr > 0)
		fprintf(stderr, "lab: %s:\n", title);
	if (*panic)
		fprintf(stderr, "  %s\n  ...\n", panic);
	for (size_t i = nr > TAIL_LINES ? nr - TAIL_LINES : 0; i < nr; i++)
		fprintf(stderr, "  %s\n", lines[i % TAIL_LINES]);
}

void lab_print_post_mortem(const struct lab_run *run)
{
	print_tail(run->run_dir, "qemu.log", "QEMU said");
	print_tail(run->results_dir, "console.log", "end of the guest kernel's log");
}
