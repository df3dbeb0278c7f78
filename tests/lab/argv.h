/* SPDX-License-Identifier: GPL-2.0-or-later */
/* argv.h - a growing, NULL-terminated list of strings that it owns. */
#ifndef LAB_ARGV_H
#define LAB_ARGV_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed is empty.  @failed: memory ran out somewhere; check it once, at the end. */
struct lab_argv {
	char **items;
	size_t nr;
	bool failed;
};

void lab_argv_add(struct lab_argv *argv, const char *format, ...)
		__attribute__((format(printf, 2, 3)));

void lab_argv_fini(struct lab_argv *argv);

#endif
