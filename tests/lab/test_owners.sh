#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_owners.sh - a source that knows physical addresses only, in the virtual machine: what it reports
# becomes evidence of the workload's virtual addresses, beside what the emulator counted there.
# shellcheck source=tests/lab/testlib.sh
. "$(dirname "$0")/testlib.sh"
# shellcheck source=tests/lab/accuracy-lib.sh
. "$(dirname "$0")/accuracy-lib.sh"

seen=$work/seen
# Fixed, so that how often the daemon wants samples does not matter.
acc_pmu=period=499

watch()
{
	acc_run "$seen" hot-move 40 virtual-pmu-pa && acc_judge "$seen" --skip 10 --format json \
		>"$seen/judged"
}

# A failure shows why.
try_watch()
{
	watch 2>"$work/err" && return
	tail -n 3 "$seen/lab.log" "$seen/daemon.log" "$work/err"
	return 1
}

# count KEY: of the status.
count()
{
	sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$seen/status.json"
}

# finds PHASE: the hottest 20 % of bytes have nearly all of what they could have.
finds()
{
	captured=$(acc_json "$seen/judged" "$1" captured_20_pct)
	best=$(acc_json "$seen/judged" "$1" best_20_pct)
	echo "phase $1: captured $captured % of all accesses, at best $best %"
	awk -v captured="$captured" -v best="$best" \
		'BEGIN { exit !(best > 80 && captured >= 0.95 * best) }'
}

# All of the window is the workload's: what is not attributed came before anybody had looked, which
# takes the emulator some seconds of a pass.
attributed()
{
	echo "$(count reports_ingested) of $(count records_seen) attributed;" \
		"$(count reports_unsearched) too early, $(count reports_unowned) without owner," \
		"$(count reports_no_region) without region"
	awk -v in_all="$(count records_seen)" -v good="$(count reports_ingested)" \
		-v unowned="$(count reports_unowned)" \
		'BEGIN { exit !(in_all > 1000 && good >= 0.5 * in_all && unowned <= 0.05 * in_all) }'
}

require_lab
check "the daemon watches a hot set by its physical addresses" try_watch
check "the samples are attributed to the process that owns the memory" attributed
check "the hot set is found at its virtual addresses" finds first
check "and where it moved to" finds moved
finish
