/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * error.h - leave the reason of a failure for thermo_last_error().
 *
 * Exported for libthermocline-monitor, which keeps its reasons in libthermocline too;
 * no interface for anybody else.
 */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

#include "thermocline/error.h"

/**
 * thermo_fail() - Record why a call fails.
 * @err:	Negative errno, handed back.
 * @fmt:	"where: what: what to try", without a newline.
 *
 * Only the function that knows the reason calls this; callers pass the code up.
 *
 * Return: @err.
 */
THERMO_API int thermo_fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
