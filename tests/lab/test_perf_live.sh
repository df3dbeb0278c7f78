#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_perf_live.sh - the unit test of live perf rings on the guest's kernel, where nothing is refused
# and breakpoints fire: all of it has to run.
# shellcheck source=tests/lab/testlib.sh
. "$(dirname "$0")/testlib.sh"

test=$build/tests/unit/sources/test_perf_live

run()
{
	"$lab" lab --timeout 300 -- "$test" >"$work/live.log" 2>&1 && return
	tail -n 20 "$work/live.log"
	return 1
}

nothing_was_skipped()
{
	! grep SKIPPED "$work/live.log"
}

require_lab
if [ -x "$test" ]; then
	check "each access of a live perf event is seen or counted as lost" run
	check "page faults, breakpoints and many threads are all tried there" nothing_was_skipped
else
	skip "live perf events" "$test is not built: make lab-check does it"
fi
finish
