/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thermocline/error.h - how every call in this library fails.
 *
 * A function that can fail returns int: 0 or a count on success, a negative
 * errno on failure.  thermo_last_error() then says why, in words an operator can
 * act on.  The library never prints.
 */
#ifndef THERMOCLINE_ERROR_H
#define THERMOCLINE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#define THERMO_API __attribute__((visibility("default")))

/**
 * thermo_last_error() - Why the last failing call on this thread failed.
 *
 * Return: a string that stays valid until the next failing call on this
 * thread.  Never NULL; "" when nothing has failed.
 */
THERMO_API const char *thermo_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
