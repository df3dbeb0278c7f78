/* SPDX-License-Identifier: GPL-2.0-or-later */
/* console.h - the guest kernel's log, a file that QEMU writes. */
#ifndef LAB_CONSOLE_H
#define LAB_CONSOLE_H

#include <stdio.h>

/* Zeroed is closed. */
struct lab_console {
	FILE *file;
};

/* A log that cannot be read is an empty one. */
void lab_console_open(struct lab_console *console, const char *results_dir);
void lab_console_close(struct lab_console *console);

/* Copies what is new. */
void lab_console_copy(struct lab_console *console, int fd);

#endif
