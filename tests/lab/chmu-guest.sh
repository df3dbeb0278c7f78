#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# chmu-guest.sh BUILD CONFIG SECONDS SKIP WATCH [OPTION...] - in the lab's guest: a workload on slow
# memory alone, and after SKIP seconds for WATCH seconds what the source chmu says of it, with these
# options of source-reports.
#
# Leaves in $LAB_RESULTS: reports.csv, reports.log, work.log, left (notes of units that run).
set -u

build=$1
config=$2
seconds=$3
skip=$4
watch=$5
shift 5
results=$LAB_RESULTS
group=/sys/fs/cgroup/slow
populate_s=4

# Nobody else moves pages.
echo 0 >/proc/sys/kernel/numa_balancing
mkdir -p $group
echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
echo 1 >$group/cpuset.mems

(
	echo 0 >$group/cgroup.procs
	exec "$build/bench/workload-gen" --window --thp never --duration "$seconds" --interval 0 \
		--populate-delay $populate_s "$config"
) >"$results/work.log" 2>&1 &
workload=$!

# The hot memory is known by its heat, not by its first write.
sleep $((populate_s + 2))
"$build/lab/source-reports" --chmu-registers --skip "$skip" "$@" chmu "$watch" \
	>"$results/reports.csv" 2>"$results/reports.log"
status=$?
ls /run/thermocline >"$results/left" 2>/dev/null
wait $workload
exit $status
