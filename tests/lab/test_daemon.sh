#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_daemon.sh - what the daemon promises about the system it runs on: settings that come back,
# other users' DAMON, processes that vanish, bad input, several nodes.

# shellcheck source=tests/lab/testlib.sh
. "$(dirname "$0")/testlib.sh"

# The guest prints the cases.
count_cases() # FILE
{
	cat "$1"
	passed=$((passed + $(grep -c '^ok - ' "$1")))
	failed=$((failed + $(grep -c '^not ok - ' "$1")))
}

# guest NAME OPTIONS SCRIPT
guest()
{
	# shellcheck disable=SC2086 # options are words
	"$lab" lab --timeout 420 $2 -- sh "$root/tests/lab/$3" "$build" "$root" >"$work/out" 2>"$work/err"
	status=$?
	count_cases "$work/out"
	check "$1 ran to its end" equals 0 "$status"
	[ "$status" -eq 0 ] || tail -n 5 "$work/err"
}

require_lab
guest "the daemon's guest" "--fast 320M --slow 1G" daemon-guest.sh
guest "the guest where sources are taken away" "--fast 320M --slow 1G" fallback-guest.sh
guest "the guest with several nodes" \
	"--cpu-nodes 2 --cpus 2 --fast 256M --slow 256M,lat=250 --slow 256M,lat=600,dist=30" nodes-guest.sh

# --- on this machine, which need not have several nodes ---
if [ "$(cat /sys/devices/system/node/has_memory 2>/dev/null)" = 0 ]; then
	check "one memory node: nothing to tier, and the remedy" sh -c "
		! '$lab' run >'$work/one' 2>&1 && grep -q 'nothing to tier.*--monitor' '$work/one'"
fi
finish
