#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_chmu.sh - the source chmu on the lab's virtual hotness unit, beside what the emulator counted by
# physical page: what is hot, by direction, what is lost; and the unit after a daemon that was killed.
# shellcheck source=tests/lab/testlib.sh
. "$(dirname "$0")/testlib.sh"
# shellcheck source=tests/lab/chmu-lib.sh
. "$(dirname "$0")/chmu-lib.sh"

chmu_skip=6
chmu_watch=10
configs=$root/tests/lab/configs

# run NAME CONFIG SETTINGS [OPTION...]; a failure shows why.
run()
{
	case=$work/$1
	config=$configs/$2.cfg
	shift 2
	chmu_run "$case" "$config" "$@" && return
	tail -n 5 "$case/lab.log"
	tail -n 5 "$case/reports.log"
	return 1
}

# at_least NAME PHASE KIND COLUMN PERCENT: of the hottest twentieth.
at_least()
{
	chmu_judge "$work/$1" "$2" "$3" 5 >"$work/$1/judged"
	cat "$work/$1/judged" "$work/$1/reports.log"
	awk -v column="$4" -v least="$5" 'END { exit !(NF == 3 && $column >= least) }' \
		"$work/$1/judged"
}

# counter NAME WORD: as the source counted it.
counter()
{
	sed -n "s/.* $2 \([0-9]*\).*/\1/p" "$work/$1/reports.log"
}

# Nothing of the other half: its pages are not even listed.
only_pages_that_are()
{
	chmu_truth "$work/$1" halves "$2" | awk '$2 > 0 { print $1 }' | sort >"$work/$1/half"
	chmu_seen "$work/$1" | cut -d' ' -f1 | sort >"$work/$1/listed"
	[ -s "$work/$1/listed" ] && equals 0 "$(comm -13 "$work/$1/half" "$work/$1/listed" | wc -l)"
}

kill_the_daemon()
{
	mkdir -p "$work/killed"
	"$lab" lab --fast 512M --slow 512M --truth --virtual-chmu --results "$work/killed" \
		--timeout 200 -- sh "$root/tests/lab/chmu-daemon-guest.sh" "$build" \
		"$configs/chmu-spot.cfg" >"$work/killed/lab.log" 2>&1
}

says_why_not()
{
	grep -A 1 '^chmu ' "$work/killed/sources.without" | grep -q -e --chmu-registers &&
		grep -q '^chmu .* chosen' "$work/killed/sources.with"
}

unit_is_stopped()
{
	[ -s "$work/killed/notes.killed" ] && [ ! -s "$work/killed/notes.next" ] &&
		grep 'stopped 1 CXL hotness unit' "$work/killed/next.log"
}

require_lab
check "a store with scattered hot pages is watched" run zipf chmu-zipf ""
check "of the hottest twentieth by truth, 95 % are listed" at_least zipf scattered all 1 95
check "of the hottest twentieth by the reports, 95 % are" at_least zipf scattered all 2 95
check "no report was dropped" equals 0 "$(counter zipf dropped)"
check "half of the memory is read, half written: reads are counted" \
	run reads chmu-rw "" --chmu-count reads
check "the hottest twentieth of what is read is found" at_least reads halves reads 2 95
check "nothing else is listed" only_pages_that_are reads reads
check "writes are counted" run writes chmu-rw "" --chmu-count writes
check "the hottest twentieth of what is written is found" at_least writes halves writes 2 95
check "nothing else is listed either" only_pages_that_are writes writes
check "a hotlist that is far too small" run few chmu-zipf entries=128
check "loses, which is counted" test "$(counter few lost)" -gt 0
check "and lists none but the hottest" at_least few scattered all 2 95
check "a daemon with this source is killed" kill_the_daemon
check "without --chmu-registers the unit is left alone, and it says so" says_why_not
check "the next daemon stops the unit, whatever its sources" unit_is_stopped
finish
