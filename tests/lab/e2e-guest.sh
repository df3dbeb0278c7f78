#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# e2e-guest.sh BUILD CONFIG SECONDS DAEMON_AT [RUN_OPTION...] - in the lab's guest: a workload
# and, from DAEMON_AT seconds on ("never": not at all, "before": before the workload), the daemon.
#
# Leaves in $LAB_RESULTS: work.csv and daemon.json (a line each interval), cpu (seconds of uptime
# and the daemon's CPU seconds), vmstat.before, vmstat.after, status.json, daemon.log, settings.
set -u

build=$1
config=$2
seconds=$3
daemon_at=$4
shift 4
results=$LAB_RESULTS
daemon=

settings()
{
	for file in /proc/sys/kernel/numa_balancing* /sys/kernel/debug/sched/numa_balancing/* \
		/sys/module/damon_stat/parameters/enabled \
		/sys/kernel/mm/damon/admin/kdamonds/nr_kdamonds; do
		echo "$file $(cat "$file")"
	done
}

# The kernel balances by itself until the daemon has taken over: count from then on.
start_daemon()
{
	"$build/thermocline" run --format json --status-interval 5 "$@" \
		>"$results/daemon.json" 2>"$results/daemon.log" &
	daemon=$!
	until [ -S /run/thermocline/control ] || ! kill -0 $daemon; do
		sleep 0.1
	done
	grep -E '^(pgmigrate|pgpromote|pgdemote)' /proc/vmstat >"$results/vmstat.before"
}

# utime + stime of /proc/PID/stat, in seconds.
cpu_seconds()
{
	sed 's/.*) //' "/proc/$daemon/stat" 2>/dev/null | awk '{ print ($12 + $13) / 100 }'
}

# The source hintfault takes the kernel's own balancing over; beside another source it would go on,
# fill the room that the daemon makes, and nobody could tell whose pages moved.
case " $* " in
*" --source "*hintfault*) ;;
*" --source "*) echo 0 >/proc/sys/kernel/numa_balancing ;;
esac
settings >"$results/settings.before"
[ "$daemon_at" = before ] && start_daemon "$@" && sleep 2
"$build/bench/workload-gen" --window --thp never --duration "$seconds" --interval 5 \
	--format csv --output "$results/work.csv" "$config" &
workload=$!

now=0
while kill -0 $workload 2>/dev/null; do
	[ "$daemon_at" = "$now" ] && start_daemon "$@"
	[ -n "$daemon" ] &&
		echo "$(cut -d' ' -f1 /proc/uptime) $(cpu_seconds)" >>"$results/cpu"
	sleep 1
	now=$((now + 1))
done
wait $workload
status=$?

if [ -n "$daemon" ]; then
	"$build/thermocline" ctl --format json status >"$results/status.json"
	kill -TERM $daemon
	wait $daemon || status=$?
	grep -E '^(pgmigrate|pgpromote|pgdemote)' /proc/vmstat >"$results/vmstat.after"
fi
settings >"$results/settings.after"
exit $status
