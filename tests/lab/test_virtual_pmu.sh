#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_virtual_pmu.sh - the whole product on samples of the virtual PMU, beside what the emulator
# counted: rates, who accesses which memory and how, where it was served from and how long it took.
# shellcheck source=tests/lab/testlib.sh
. "$(dirname "$0")/testlib.sh"
# shellcheck source=tests/lab/accuracy-lib.sh
. "$(dirname "$0")/accuracy-lib.sh"

who=$work/who
levels=$work/levels
# Fixed, so that how often the daemon wants samples does not matter.
period=499
acc_pmu=period=$period

watch_who()
{
	# Rates are means over many seconds: they need some to settle.
	acc_run "$who" threads-rw 30 virtual-pmu && acc_judge "$who" --skip 18 --last 10 \
		--format json --range x=0,128M --range y=128M,128M >"$who/shares"
}

# Most accesses go to slow memory, from both CPUs alike: the share stays what it is.
watch_levels()
{
	acc_run "$levels" hot-move 24 virtual-pmu
}

# Each sample stands for so many accesses, on average, and none is missed from the first phase on.
all_counted()
{
	true=$("$report" --by phase --format json "$levels/truth.bin" 2>/dev/null |
		sed -n '/guest-clock/d; s/.*"reads":\([0-9]*\),"writes":\([0-9]*\).*/\1 \2/p' |
		awk '{ n += $1 + $2 } END { print n }')
	samples=$(sed -n 's/.*"records_seen":\([0-9]*\).*/\1/p' "$levels/status.json")
	near "$((samples * period))" "$true" "$((true / 100))"
}

# try DIR COMMAND: runs it; a failure shows why.
try()
{
	"$2" 2>"$work/err" && return
	tail -n 3 "$1/lab.log" "$1/daemon.log" "$work/err"
	return 1
}

# near SEEN TRUTH DISTANCE
near()
{
	echo "seen $1, true $2"
	[ "$1" ] && [ "$2" ] && awk -v seen="$1" -v true="$2" -v by="$3" \
		'BEGIN { exit !(seen - true <= by && true - seen <= by) }'
}

# share RANGE SHARE: within 3 points of the truth.
share()
{
	echo "$1, $2:"
	near "$(acc_share "$who/shares" "$1" "$2" seen)" \
		"$(acc_share "$who/shares" "$1" "$2" truth)" 3
}

by_direction()
{
	share x reads && share x writes && share y reads && share y writes
}

by_cpu()
{
	share x "cpu 0" && share x "cpu 1" && share y "cpu 0" && share y "cpu 1"
}

by_thread()
{
	a=$(acc_thread "$who" 0)
	b=$(acc_thread "$who" 1)
	[ "$a" ] && [ "$b" ] || return 1
	near "$(acc_share "$who/shares" x "thread $a" seen)" 100 3 &&
		near "$(acc_share "$who/shares" y "thread $b" seen)" 100 3
}

truth_knows()
{
	[ "$(acc_share "$who/shares" x reads truth)" = 100 ] &&
		[ "$(acc_share "$who/shares" y writes truth)" = 100 ] &&
		[ "$(acc_share "$who/shares" x "cpu 0" truth)" = 100 ] &&
		[ "$(acc_share "$who/shares" y "cpu 1" truth)" = 100 ]
}

# rate_of RANGE truth|seen
rate_of()
{
	sed -n "s/.*\"range\":\"$1\",\"share\":\"accesses.s\".*\"$2_per_s\":\([0-9]*\).*/\1/p" "$who/shares"
}

rates()
{
	for range in x y; do
		true=$(rate_of $range truth)
		near "$(rate_of $range seen)" "$true" "$((true / 10))" || return 1
	done
}

# seen_levels COLUMN: of all accesses, cxl: the percentage that slow memory served; ns: the mean.
seen_levels()
{
	awk -F, -v want="$1" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		$at["level_share"] != "" {
			n = $at["accesses_per_s"]
			all += n
			# Two levels are all that there are.
			share = $at["level_share"]
			cxl += n * ($at["level"] == "cxl" ? share : 1 - share)
			ns += n * $at["latency_mean_ns"]
		}
		END { if (all) printf "%.2f\n", want == "cxl" ? 100 * cxl / all : ns / all }' \
		"$levels/levels.csv"
}

# true_levels KEY: of the last phase.
true_levels()
{
	"$report" --by phase --format json "$levels/truth.bin" 2>/dev/null |
		sed -n "s/.*\"phase\":\"moved\".*\"$1\":\([0-9.]*\).*/\1/p"
}

by_level()
{
	near "$(seen_levels cxl)" "$(true_levels hit_ratio | awk '{ print 100 - 100 * $1 }')" 3
}

by_latency()
{
	near "$(seen_levels ns)" "$(true_levels amat_ns)" 6
}

require_lab
check "the daemon watches two threads with the virtual PMU" try "$who" watch_who
# A shared machine may starve the guest of one CPU for a while: once more, and it is said.
rates >"$work/try.log" 2>&1 || [ "$failed" -gt 0 ] || {
	echo "# first try: $(tail -n 1 "$work/try.log"): trying once more"
	check "the daemon watches two threads, a second try" try "$who" watch_who
}
check "the truth tells the two apart" truth_knows
check "reads and writes of a region are within 3 points of the truth" by_direction
check "the CPUs of a region are" by_cpu
check "the threads of a region are" by_thread
check "rates are within a tenth of the truth" rates
check "the daemon watches slow memory with the virtual PMU" try "$levels" watch_levels
check "the samples stand for as many accesses as there were, within 1 %" all_counted
check "slow memory's share of all accesses is within 3 points of the truth" by_level
check "the mean latency is within 6 ns of the truth" by_latency
finish
