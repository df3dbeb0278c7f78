#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_monitor.sh - what the monitor says about a workload in the virtual machine, beside what the
# emulator counted: who accesses which memory and how, and which memory is hot.
# shellcheck source=tests/lab/testlib.sh
. "$(dirname "$0")/testlib.sh"
# shellcheck source=tests/lab/accuracy-lib.sh
. "$(dirname "$0")/accuracy-lib.sh"

who=$work/who
hot=$work/hot

watch_who()
{
	acc_run "$who" threads-rw 16 hintfault && acc_judge "$who" --skip 6 --format json \
		--range x=0,128M --range y=128M,128M >"$who/shares"
}

watch_hot()
{
	acc_run "$hot" hot-move 40 hintfault &&
		acc_judge "$hot" --skip 10 --format json >"$hot/judged"
}

# try DIR COMMAND: runs it; a failure shows why.
try()
{
	"$2" 2>"$work/err" && return
	tail -n 3 "$1/lab.log" "$work/err"
	return 1
}

# share RANGE SHARE WHAT_THE_TRUTH_IS: within 5 points.
share()
{
	seen=$(acc_share "$who/shares" "$1" "$2" seen)
	echo "$1, $2: seen $seen %, true $3 %"
	awk -v seen="$seen" -v true="$3" 'BEGIN { exit !(seen - true <= 5 && true - seen <= 5) }'
}

true_share()
{
	acc_share "$who/shares" "$1" "$2" truth
}

by_direction()
{
	share x reads "$(true_share x reads)" && share x writes "$(true_share x writes)" &&
		share y reads "$(true_share y reads)" && share y writes "$(true_share y writes)"
}

by_cpu()
{
	share x "cpu 0" "$(true_share x "cpu 0")" && share x "cpu 1" "$(true_share x "cpu 1")" &&
		share y "cpu 0" "$(true_share y "cpu 0")" &&
		share y "cpu 1" "$(true_share y "cpu 1")"
}

# A thread's accesses are those of the CPU that it is bound to.
by_thread()
{
	for cpu in 0 1; do
		thread=$(acc_thread "$who" $cpu)
		[ "$thread" ] || return 1
		share x "thread $thread" "$(true_share x "cpu $cpu")" &&
			share y "thread $thread" "$(true_share y "cpu $cpu")" || return 1
	done
}

truth_knows()
{
	# Else the numbers above agree by being all nothing.
	[ "$(true_share x reads)" = 100 ] && [ "$(true_share y writes)" = 100 ] &&
		[ "$(true_share x "cpu 0")" = 100 ] && [ "$(true_share y "cpu 1")" = 100 ]
}

# finds PHASE: the hottest 20 % of bytes, as the monitor says, have most of what they could have.
finds()
{
	captured=$(acc_json "$hot/judged" "$1" captured_20_pct)
	best=$(acc_json "$hot/judged" "$1" best_20_pct)
	echo "phase $1: captured $captured % of all accesses, at best $best %"
	awk -v captured="$captured" -v best="$best" \
		'BEGIN { exit !(best > 80 && captured >= 0.75 * best) }'
}

# again COMMAND NAME FACT...: a shared machine may starve the guest for a while: once more, and it is said.
again()
{
	command=$1
	name=$2
	shift 2
	for fact in "$@"; do
		# shellcheck disable=SC2086 # a fact is words
		$fact >"$work/try.log" 2>&1 && continue
		echo "# first try: $(tail -n 1 "$work/try.log"): trying once more"
		check "$name, a second try" try "$work" "$command"
		return
	done
}

require_lab
check "the monitor watches two threads" try "$who" watch_who
[ "$failed" -gt 0 ] || again watch_who "the monitor watches two threads" by_direction by_cpu by_thread
check "the truth tells the two apart" truth_knows
check "reads and writes of a region are within 5 points of the truth" by_direction
check "the CPUs of a region are" by_cpu
check "the threads of a region are" by_thread
check "the monitor watches a hot set that moves" try "$hot" watch_hot
[ "$failed" -gt 0 ] || again watch_hot "the monitor watches a hot set that moves" "finds first" "finds moved"
check "it finds the hot set" finds first
check "and where it moved to" finds moved
finish
