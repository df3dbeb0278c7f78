#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# accuracy-guest.sh BUILD CONFIG SECONDS OBSERVER [cost|writes] - in the lab's guest: a workload, and one
# observer of it, or none.
#
# OBSERVER is none, hintfault, virtual-pmu, virtual-pmu-pa, idlepage, softdirty,
# damon-source, damon-pa, both (thermocline with these sources), damon (the
# kernel's, at 5 ms / 100 ms / 1 s) or damon-auto (the same, tuning its own intervals).
#
# "cost" is for its price alone: nobody asks what it saw, and the TLB is not flushed, because the
# emulator's flushes take more time in the kernel than all else.
#
# "writes" lets the source softdirty look besides, for ten seconds, on its own: writes.csv.
#
# Leaves in $LAB_RESULTS: cpu (uptime, CPU seconds of: the observer, the workload's threads in the
# kernel, all tasks in the kernel, interrupts), threads (tid and CPU of the workload's), and what
# the observer saw: snapshots.json, or trace; of virtual-pmu also levels.csv.
set -u

build=$1
config=$2
seconds=$3
observer=$4
cost=${5:-}
writes=
[ "$cost" != writes ] || {
	cost=
	writes=wanted
}
results=$LAB_RESULTS
tracing=/sys/kernel/tracing
kdamond=/sys/kernel/mm/damon/admin/kdamonds/0
context=$kdamond/contexts/0
scheme=$context/schemes/0
populate_s=4     # from populated memory to the first phase
interval_s=2     # between two snapshots of ours
flush=4096       # the TLB after so many accesses of a thread: DAMON sees nothing that stays in it
[ -z "$cost" ] || flush=0
watcher=
recorder=

die()
{
	echo "accuracy-guest: $*" >&2
	exit 1
}

put() # VALUE FILE
{
	echo "$1" >"$2" || die "cannot write $1 to $2"
}

now()
{
	cut -d' ' -f1 /proc/uptime
}

# --- observers ---

start_ours() # SOURCES [OPTION...]
{
	sources=$1
	shift
	"$build/thermocline" run --monitor --pid "$workload" --source "$sources" --format json \
		--status-interval 5 "$@" >"$results/daemon.json" 2>"$results/daemon.log" &
	watcher=$!
	until [ -S /run/thermocline/control ]; do
		kill -0 $watcher || die "the daemon ended: $(tail -n 1 "$results/daemon.log")"
		sleep 0.1
	done
}

# A scheme that does nothing but tell, once a second, through its tracepoint: costs it least.
trace_damon()
{
	mount -t tracefs tracefs $tracing 2>/dev/null
	put mono $tracing/trace_clock
	put 24576 $tracing/buffer_size_kb
	put 1 $tracing/events/damon/damos_before_apply/enable
	put 1 $tracing/events/damon/damon_monitor_intervals_tune/enable
	put 1 $context/schemes/nr_schemes
	put stat $scheme/action
	put 18446744073709551615 $scheme/access_pattern/sz/max
	put 4294967295 $scheme/access_pattern/nr_accesses/max
	put 4294967295 $scheme/access_pattern/age/max
	put 1000000 $scheme/apply_interval_us
}

start_damon() # TUNED
{
	put 1 /sys/kernel/mm/damon/admin/kdamonds/nr_kdamonds
	put 1 $kdamond/contexts/nr_contexts
	put vaddr $context/operations
	put 5000 $context/monitoring_attrs/intervals/sample_us
	put 100000 $context/monitoring_attrs/intervals/aggr_us
	put 1000000 $context/monitoring_attrs/intervals/update_us
	put 10 $context/monitoring_attrs/nr_regions/min
	put 1000 $context/monitoring_attrs/nr_regions/max
	if [ "$1" = tuned ]; then
		goal=$context/monitoring_attrs/intervals/intervals_goal
		put 400 $goal/access_bp
		put 3 $goal/aggrs
		put 5000 $goal/min_sample_us
		put 10000000 $goal/max_sample_us
	fi
	put 1 $context/targets/nr_targets
	put "$workload" $context/targets/0/pid_target
	[ "$cost" ] || trace_damon
	put on $kdamond/state
	watcher=$(cat $kdamond/pid)
}

start_observer()
{
	case $observer in
	none) ;;
	hintfault | virtual-pmu) start_ours "$observer" ;;
	idlepage | softdirty) start_ours "$observer" --cpu-budget 20 ;;
	# The emulator's CPU is some twenty times slower than one that the budget is meant for.
	virtual-pmu-pa | damon-pa) start_ours "$observer" --cpu-budget 20 ;;
	damon-source) start_ours damon ;;
	both) start_ours hintfault,damon ;;
	damon) start_damon own ;;
	damon-auto) start_damon tuned ;;
	*) die "no such observer: $observer" ;;
	esac
}

# --- what it costs ---

# On a CPU, all threads: to the nanosecond, or, where the kernel does not tell, to the hundredth of a
# second a thread; user and system time, which ticks only guess at, add up to that.
run_seconds() # PID
{
	if grep -qv '^0 ' "/proc/$1/task/$1/schedstat" 2>/dev/null; then
		cat "/proc/$1/task"/*/schedstat | awk '{ n += $1 } END { print n / 1e9 + 0 }'
	else
		cat "/proc/$1/task"/*/stat 2>/dev/null | sed 's/.*) //' |
			awk '{ n += $12 + $13 } END { print n / 100 + 0 }'
	fi 2>/dev/null
}

kernel_seconds() # PID
{
	cat "/proc/$1/task"/*/stat 2>/dev/null | sed 's/.*) //' |
		awk '{ n += $13 } END { print n / 100 }'
}

# A kdamond of the daemon's is part of what it costs.
observer_seconds()
{
	sum=0
	[ -z "$watcher" ] || sum=$(run_seconds "$watcher")
	case $observer in
	damon-source | damon-pa | both) sum="$sum + $(run_seconds "$(cat $kdamond/pid)")" ;;
	esac
	awk "BEGIN { print $sum }"
}

tell_cpu()
{
	echo "$(now) $(observer_seconds) $(kernel_seconds "$workload")" \
		"$(awk '$1 == "cpu" { print $4 / 100, ($7 + $8) / 100 }' /proc/stat)" >>"$results/cpu"
}

tell_snapshot()
{
	echo "{\"uptime_s\": $(now), \"snapshot\":"
	"$build/thermocline" ctl --format json regions || echo null
	echo "}"
}

# A recording costs the daemon far less than JSON does; who accessed what is only in the latter.
start_recording()
{
	case $config:$observer in
	*/threads-rw.cfg:* | */flavours.cfg:* | *:damon | *:damon-auto | *:none) return ;;
	esac
	"$build/thermocline" record --live --interval $interval_s --duration 3600 \
		-o "$results/record.data" 2>"$results/record.log" &
	recorder=$!
}

stop_recording()
{
	[ "$recorder" ] || return
	kill -INT "$recorder" 2>/dev/null
	wait "$recorder"
}

# Where accesses were served from, and how long they took: the last time that there were any.
tell_levels()
{
	"$build/thermocline" report --live --format csv >"$results/levels.new" 2>/dev/null &&
		[ "$(wc -l <"$results/levels.new")" -gt 1 ] &&
		mv "$results/levels.new" "$results/levels.csv"
}

[ ! -e /sys/module/damon_stat ] || put N /sys/module/damon_stat/parameters/enabled
put 0 /proc/sys/kernel/numa_balancing
"$build/lab/truth-clock" || die "the truth's clock cannot be set"
case $(grep -c '^thread ' "$config") in
0) threads="--threads 2" ;;
*) threads= ;;
esac
# shellcheck disable=SC2086 # words
"$build/bench/workload-gen" --window --thp never --tlb-flush-accesses "$flush" --quiet $threads \
	--populate-delay $populate_s --duration "$seconds" "$config" &
workload=$!
sleep 4 # it populates
start_observer
# Before the first phase there is the main thread alone.
until [ "$(echo /proc/$workload/task/* | wc -w)" -gt 1 ]; do
	kill -0 $workload || die "the workload ended"
	sleep 0.2
done
sleep 1
for task in /proc/"$workload"/task/*; do
	# The CPU is field 39; the name may hold blanks.
	echo "${task##*/} $(sed 's/.*) //' "$task/stat" | cut -d' ' -f37)"
done >"$results/threads"
[ "$cost" ] || start_recording
[ -z "$writes" ] ||
	"$build/lab/source-reports" --pid $workload softdirty 10 >"$results/writes.csv" \
		2>"$results/writes.log" &
while kill -0 $workload 2>/dev/null; do
	tell_cpu
	if [ -S /run/thermocline/control ] && [ -z "$cost" ]; then
		[ "$recorder" ] || tell_snapshot >>"$results/snapshots.json"
		[ "$observer" != virtual-pmu ] || tell_levels
	fi
	sleep $interval_s
done
wait $workload
status=$?
stop_recording
grep -E '^(numa_|pgmigrate|pgpromote|pgdemote)' /proc/vmstat >"$results/vmstat"
case $observer in
damon | damon-auto)
	# The kdamond ends by itself when its target does.
	echo off 2>/dev/null >$kdamond/state
	[ "$cost" ] || cat $tracing/trace >"$results/trace"
	;;
none) ;;
*)
	"$build/thermocline" ctl --format json status >"$results/status.json"
	kill -TERM "$watcher"
	wait "$watcher" || status=$?
	;;
esac
exit $status
