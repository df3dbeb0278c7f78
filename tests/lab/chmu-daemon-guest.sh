#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# chmu-daemon-guest.sh BUILD CONFIG - in the lab's guest: a workload on slow memory, the daemon on
# physical memory with the source chmu; then the daemon is killed, and one without the source comes.
#
# Leaves in $LAB_RESULTS: sources.without, sources.with, regions.json, status.json, killed.log,
# notes.killed, next.log, notes.next.
set -u

build=$1
config=$2
results=$LAB_RESULTS
group=/sys/fs/cgroup/slow
thermocline=$build/thermocline

# run LOG OPTION...: the daemon, until it answers.
start()
{
	log=$1
	shift
	"$thermocline" run --monitor --physical --status-interval 0 "$@" >"$log" 2>&1 &
	daemon=$!
	until "$thermocline" ctl ping >/dev/null 2>&1 || ! kill -0 $daemon; do
		sleep 0.2
	done
}

notes()
{
	find /run/thermocline -name 'chmu-*'
}

echo 0 >/proc/sys/kernel/numa_balancing
mkdir -p $group
echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
echo 1 >$group/cpuset.mems
"$thermocline" sources >"$results/sources.without"
"$thermocline" sources --chmu-registers >"$results/sources.with"

(
	echo 0 >$group/cgroup.procs
	exec "$build/bench/workload-gen" --window --thp never --duration 60 --interval 0 "$config"
) >/dev/null 2>&1 &
workload=$!
sleep 3
start "$results/killed.log" --source chmu --chmu-registers
sleep 30
"$thermocline" ctl regions >"$results/regions.json"
"$thermocline" ctl status >"$results/status.json"
kill -9 $daemon
wait $daemon
notes >"$results/notes.killed"
start "$results/next.log" --source none
sleep 1
kill $daemon
wait $daemon
notes >"$results/notes.next"
kill $workload
wait $workload
exit 0
