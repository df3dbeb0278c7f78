#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_virtual_pmu.sh - the whole product on samples of the virtual PMU in all its flavours, beside
# what the emulator counted: rates, who accesses which memory and how, where it was served from and
# how long it took.
#
# Nothing here depends on how fast the machine is: truth and samples are of the same accesses, and
# the truth of rates is forgotten as the monitor forgets.
# shellcheck source=tests/lab/testlib.sh
. "$(dirname "$0")/testlib.sh"
# shellcheck source=tests/lab/accuracy-lib.sh
. "$(dirname "$0")/accuracy-lib.sh"

run=$work/run
half_life=5 # seconds, the monitor's
seconds=26
skip=14 # until regions have found their ends

# watch FLAVOUR SETTINGS [writes]: periods are fixed, so that how often the daemon wants samples does not
# matter.  A failure shows why.
watch()
{
	acc_pmu=flavour=$1,$2
	acc_run "$run" flavours $seconds virtual-pmu ${3:+"$3"} &&
		acc_judge "$run" --skip $skip --half-life $half_life --format json \
			--range x=0,192M --range y=192M,192M >"$run/shares" && return
	tail -n 3 "$run/lab.log" "$run/daemon.log"
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
	near "$(acc_share "$run/shares" "$1" "$2" seen)" \
		"$(acc_share "$run/shares" "$1" "$2" truth)" 3
}

by_direction()
{
	share x reads && share x writes && share y reads && share y writes
}

by_cpu()
{
	share x "cpu 0" && share x "cpu 1" && share y "cpu 0" && share y "cpu 1"
}

# Each thread is bound to a CPU of its own: its truth is the CPU's.
by_thread()
{
	a=$(acc_thread "$run" 0)
	b=$(acc_thread "$run" 1)
	[ "$a" ] && [ "$b" ] || return 1
	near "$(acc_share "$run/shares" x "thread $a" seen)" 100 3 &&
		near "$(acc_share "$run/shares" y "thread $b" seen)" 100 3
}

truth_knows()
{
	[ "$(acc_share "$run/shares" x reads truth)" = 100 ] &&
		[ "$(acc_share "$run/shares" x "cpu 0" truth)" = 100 ] &&
		[ "$(acc_share "$run/shares" y "cpu 1" truth)" = 100 ] &&
		near "$(acc_share "$run/shares" y writes truth)" 50 1
}

# rate_of RANGE truth|seen
rate_of()
{
	sed -n "s/.*\"range\":\"$1\",\"share\":\"accesses.s\".*\"$2_per_s\":\([0-9]*\).*/\1/p" "$run/shares"
}

rates()
{
	for range in x y; do
		true=$(rate_of $range truth)
		near "$(rate_of $range seen)" "$true" "$((true / 10))" || return 1
	done
}

# seen_levels COLUMN: of all accesses, slow: the percentage that slow memory served; ns: the mean.
seen_levels()
{
	awk -F, -v want="$1" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		$at["level_share"] != "" {
			n = $at["accesses_per_s"]
			all += n
			# Two levels are all that there are.
			share = $at["level_share"]
			slow += n * ($at["level"] == "local_dram" ? 1 - share : share)
			ns += n * $at["latency_mean_ns"]
		}
		END { if (all) printf "%.2f\n", want == "slow" ? 100 * slow / all : ns / all }' \
		"$run/levels.csv"
}

# true_levels KEY: mean over all accesses, those of half_life seconds ago at half weight.  The two
# threads serve themselves from different memory, and how fast each runs is the machine's mood.
true_levels()
{
	"$report" --by second --format json "$run/truth.bin" 2>/dev/null | awk -v key="$1" \
		-v half_life=$half_life '
		function value(name) {
			if (!match($0, "\"" name "\":[0-9.]*"))
				return 0
			return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) + 0
		}
		/"phase":"steady"/ {
			older = 0.5 ^ (value("length_s") / half_life)
			n = value("reads") + value("writes")
			all = all * older + n
			sum = sum * older + n * value(key)
		}
		END { if (all) printf "%.4f\n", sum / all }'
}

by_level()
{
	near "$(seen_levels slow)" "$(true_levels hit_ratio | awk '{ print 100 - 100 * $1 }')" 3
}

by_latency()
{
	near "$(seen_levels ns)" "$(true_levels amat_ns)" 6
}

# level_is NAME: as the flavour calls slow memory.
level_is()
{
	grep -q ",$1," "$run/levels.csv"
}

# records KEY: of the daemon's status.
records()
{
	sed -n "s/.*\"records_$1\":\([0-9]*\).*/\1/p" "$run/status.json"
}

# Of all records, those of operations that access no memory, in percent.
useless()
{
	near "$((100 * $(records useless) / ($(records seen) + 1)))" "$1" 2
}

# Each sample stands for so many accesses, on average, and none is missed from the first phase on.
all_counted()
{
	true=$("$report" --by phase --format json "$run/truth.bin" 2>/dev/null |
		sed -n '/guest-clock/d; s/.*"reads":\([0-9]*\),"writes":\([0-9]*\).*/\1 \2/p' |
		awk '{ n += $1 + $2 } END { print n }')
	near "$(($(records seen) * $1))" "$true" "$((true / 100))"
}

# flavour_is_right NAME LEVEL USELESS
flavour_is_right()
{
	check "$1: the truth tells the two threads apart" truth_knows
	check "$1: reads and writes of a region are within 3 points of the truth" by_direction
	check "$1: so are its CPUs" by_cpu
	check "$1: so are its threads" by_thread
	check "$1: rates are within a tenth of the truth" rates
	check "$1: slow memory's share is within 3 points of the truth" by_level
	check "$1: slow memory is told as $2" level_is "$2"
	check "$1: the mean latency is within 6 ns of the truth" by_latency
	check "$1: $3 % of the records are of no access" useless "$3"
}

# What the source softdirty said of ranges, in pages: written in x, in y, not written in x.  The
# first region begins 2 MiB into the window.
soft_dirty()
{
	awk -F, -v base=17592186044416 '
		function number(hex,    i, n) {
			for (i = 3; i <= length(hex); i++)
				n = 16 * n + index("0123456789abcdef", substr(hex, i, 1)) - 1
			return n
		}
		NR == 1 { next }
		{ at = (number($1) - base) / 1048576 - 2 }
		at < 0 || at >= 384 { next }
		$3 == "at-least" { written[at < 192 ? "x" : "y"] += $6 }
		$3 == "exact" && at < 192 { clean += $2 / 4096 * $5 }
		END { printf "%d %d %d\n", written["x"], written["y"], clean }' "$run/writes.csv"
}

# y has 49152 pages, which are written some ten times a second each.
finds_writes()
{
	soft_dirty
	cat "$run/writes.log"
	soft_dirty | awk '{ exit !($2 >= 12000 && $1 <= $2 / 1000 && $3 >= 49152) }'
}

require_lab
check "the daemon watches two threads with the virtual PMU" watch plain period=499 writes
flavour_is_right plain cxl 0
check "plain: the samples stand for as many accesses as there were, within 1 %" all_counted 499
check "soft-dirty bits tell the pages that are written from those that are read" finds_writes
check "the daemon watches with a PMU like IBS" watch ibs period=8000
flavour_is_right IBS cxl 80
check "the daemon watches with a PMU like PEBS" watch pebs period=1999,store-period=997
flavour_is_right PEBS remote_dram 0
finish
