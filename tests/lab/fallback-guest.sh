#!/bin/sh
# shellcheck disable=SC2317,SC2086 # functions are called through check
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fallback-guest.sh BUILD SOURCE_TREE - in the lab's guest: sources are taken away one by one while
# the daemon tiers, and given back.  Prints "ok - fact" or "not ok - fact" lines.
set -u

thermocline=$1/thermocline
generator=$1/bench/workload-gen
balancing=/proc/sys/kernel/numa_balancing
limit=/proc/sys/kernel/numa_balancing_promote_rate_limit_MBps
scan=/sys/kernel/debug/sched/numa_balancing
kdamonds=/sys/kernel/mm/damon/admin/kdamonds
damon_stat=/sys/module/damon_stat/parameters/enabled
state=/run/thermocline/settings.json
control=/run/thermocline/control
out=/tmp/out

say()
{
	if [ "$1" -eq 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		tail -n 20 $out | sed 's/^/#   /'
		tail -n 20 /tmp/daemon | sed 's/^/#   daemon: /'
	fi
}

# check FACT COMMAND...
check()
{
	fact=$1
	shift
	"$@" >>$out 2>&1
	say $? "$fact"
}

ask()
{
	"$thermocline" ctl status >$out 2>&1
}

# becomes PATTERN: the status says so within a minute.
becomes()
{
	tries=0
	while [ $tries -lt 120 ]; do
		ask
		grep -q -- "$1" $out && return 0
		sleep 0.5
		tries=$((tries + 1))
	done
	return 1
}

# Pages that were really moved up so far.
promoted()
{
	ask
	# "moved" also begins what the kernel moved by itself.
	awk '$1 == "moved" && $2 ~ /^[0-9]+$/ { print $2; exit }' $out
}

# goes_on: more pages are moved up, within a minute.
goes_on()
{
	before=$(promoted)
	tries=0
	while [ $tries -lt 120 ]; do
		[ "$(promoted)" -gt $((before + 100)) ] && return 0
		sleep 0.5
		tries=$((tries + 1))
	done
	echo "no more than $before pages were promoted"
	return 1
}

# What the daemon may change.
settings()
{
	grep -H . $balancing $limit $scan/scan_size_mb $scan/scan_period_min_ms \
		$scan/scan_period_max_ms $kdamonds/nr_kdamonds $damon_stat
}

reads() # FILE VALUE
{
	echo "$1 reads '$(cat "$1")', wanted '$2'"
	[ "$(cat "$1")" = "$2" ]
}

# The hot 48 MiB are somewhere else every eight seconds, so that there is always something to move.
{
	printf 'memory, 416M, none\n\nthread a cpu=0\n'
	for turn in 1 2 3 4; do
		for place in 352 64 304 112 256 160 0 208; do
			printf '\nat-%s-%s\n8000\nmemory, 1, 0, 1, rw=70, hot=48M@%sM, share=95\n' \
				$place $turn $place
		done
	done
} >/tmp/rotate.cfg

settings >/tmp/before
"$generator" --thp never --duration 250 /tmp/rotate.cfg >/tmp/work 2>&1 &
workload=$!
"$thermocline" run --pid $workload --status-interval 0 --pause-damon-stat >/tmp/daemon 2>&1 &
daemon=$!
tries=0
until [ -S $control ] || [ $tries -gt 100 ]; do
	sleep 0.1
	tries=$((tries + 1))
done

check "hintfault and damon run by default" becomes '^hintfault  *running'
check "both of them" grep -q '^damon  *running' $out
check "and pages are promoted" goes_on

echo off >$kdamonds/0/state
check "its kdamond turned off: damon is told as failed" becomes '^damon  *failed'
check "with the reason" grep -q 'turned our kdamond off' $out
# At once: it is tried again after five seconds.
echo 1 >$kdamonds/nr_kdamonds
check "what it had changed is as before" reads $damon_stat "$(sed -n "s|^$damon_stat:||p" /tmp/before)"
check "hintfault goes on" grep -q '^hintfault  *running' $out
check "and pages are still promoted" goes_on
check "DAMON set up by somebody else: it is left to him" becomes 'somebody has set up 1 kdamond'

# debugfs would mount tracefs again by itself.
umount /sys/kernel/debug/tracing 2>/dev/null
umount /sys/kernel/tracing /sys/kernel/debug
echo 0 >$balancing
check "NUMA balancing turned off: hintfault is told as failed" becomes '^hintfault  *failed'
check "with the reason" grep -q "somebody set $balancing to 0, where it was 3" $out
check "NUMA balancing stays off" reads $balancing 0
check "the limit of the kernel's promotion is as before" \
	reads $limit "$(sed -n "s|^$limit:||p" /tmp/before)"
if grep -q '^[a-z-]*  *running' $out; then
	check "another source runs, and pages are still promoted" goes_on
else
	check "with nothing left the daemon waits and says so" \
		becomes '^no source of access information is left'
	sleep 1
	before=$(promoted)
	sleep 3
	check "then nothing is moved" test "$(promoted)" = "$before"
fi
check "without tracefs hintfault cannot come back, and that is said" becomes 'tracefs mounted'

mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
# Whatever it was: 0 is what it must not read, to be given back.
echo 1 >$balancing
check "both given back: hintfault is used again" becomes '^hintfault  *running'
check "and pages are promoted again" goes_on
echo 0 >$kdamonds/nr_kdamonds

kill $daemon
wait $daemon
say $? "it ends with status 0"
sed -n "s|^$balancing:||p" /tmp/before >$balancing
settings >/tmp/after
check "in the end all settings are as before" cmp /tmp/before /tmp/after
check "and no state is left" test ! -e $state
# Not waited for: the shell's wait for it did not always return, though it had exited.
kill $workload
cp /tmp/daemon $out
# shellcheck disable=SC2016
check "the log tells each change once" sh -c '
	[ "$(grep -c "source hintfault failed" /tmp/daemon)" = 1 ] &&
	[ "$(grep -c "source damon failed" /tmp/daemon)" = 1 ] &&
	[ "$(grep -c "source hintfault is back" /tmp/daemon)" = 1 ]'
exit 0
