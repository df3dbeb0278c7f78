/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock.h - how a truth file says what the guest's clock reads. */
#ifndef ACCURACY_CLOCK_H
#define ACCURACY_CLOCK_H

/* The start of a phase's name; the nanoseconds of CLOCK_BOOTTIME follow. */
#define CLOCK_PHASE "guest-clock "

#endif
