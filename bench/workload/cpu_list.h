/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu_list.h - "0-3,8" as people write it.  Pure; says nothing, only the caller knows why. */
#ifndef BENCH_WORKLOAD_CPU_LIST_H
#define BENCH_WORKLOAD_CPU_LIST_H

#include <sched.h>

/* CPU numbers and ranges.  Never an empty set.  Return: 0, -EINVAL or -ERANGE. */
int workload_parse_cpus(const char *text, cpu_set_t *cpus);

#endif
