// SPDX-License-Identifier: GPL-2.0-or-later
/* argv.c - a growing list of strings. */
#include "tests/lab/argv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void lab_argv_add(struct lab_argv *argv, const char *format, ...)
{
	char **items = reallocarray(argv->items, argv->nr + 2, sizeof(*items));
	char *item = NULL;
	va_list args;

	if (!items) {
		argv->failed = true;
		return;
	}
	argv->items = items;
	argv->items[argv->nr] = NULL;

	va_start(args, format);
	if (vasprintf(&item, format, args) < 0)
		argv->failed = true;
	else
		argv->items[argv->nr++] = item;
	va_end(args);
	argv->items[argv->nr] = NULL;
}

void lab_argv_fini(struct lab_argv *argv)
{
	for (size_t i = 0; i < argv->nr; i++)
		free(argv->items[i]);
	free(argv->items);
	*argv = (struct lab_argv){ 0 };
}
