// SPDX-License-Identifier: GPL-2.0-or-later
/* log.c - see log.h. */
#include "cli/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void log_line(int level, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>%s\n", level, text);
	else
		fprintf(stderr, "thermocline: %s\n", text);
}
