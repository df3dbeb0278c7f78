/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chmu_device.h - the plugin's virtual CHMU: its settings, and the thread that it runs in.
 */
#ifndef TRUTH_CHMU_DEVICE_H
#define TRUTH_CHMU_DEVICE_H

#include "tests/lab/truth/vchmu.h"

/* page NULL: there is none.  For vchmu_count(). */
extern struct vchmu chmu_device;

/* chmu=PATH makes one; the rest are its settings.  Return: whether it was one of them. */
bool chmu_device_argument(const char *argument);

/* Memory that it watches; its device addresses follow each other.  Return: false: too many. */
bool chmu_device_add(uint64_t start, uint64_t end);

/* Does nothing when there is none.  Return: 0 or -errno, said. */
int chmu_device_start(void);
void chmu_device_stop(void);

#endif
