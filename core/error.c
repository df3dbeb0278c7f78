// SPDX-License-Identifier: LGPL-2.1-or-later
/* error.c - the text behind the last failure, one a thread. */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char last_error[512];

const char *thermo_last_error(void)
{
	return last_error;
}

int thermo_fail(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(last_error, sizeof(last_error), fmt, ap);
	va_end(ap);
	return err;
}
