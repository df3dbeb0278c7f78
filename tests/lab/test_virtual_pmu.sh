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

# The truth of rates is forgotten as the monitor forgets: both are slow to follow the machine's moods.
half_life=5

watch_who()
{
	acc_run "$who" threads-rw 30 virtual-pmu &&
		acc_judge "$who" --skip 18 --half-life $half_life --format json \
			--range x=0,128M --range y=128M,128M >"$who/shares"
}

# watch_flavour FLAVOUR SETTINGS
watch_flavour()
{
	acc_pmu=flavour=$1,$2
	acc_run "$who" flavours 26 virtual-pmu &&
		acc_judge "$who" --skip 14 --half-life $half_life --format json \
			--range x=0,192M --range y=192M,192M >"$who/shares"
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

# try DIR COMMAND...: runs it; a failure shows why.
try()
{
	dir=$1
	shift
	"$@" 2>"$work/err" && return
	tail -n 3 "$dir/lab.log" "$dir/daemon.log" "$work/err"
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

# seen_levels DIR COLUMN: of all accesses, slow: the percentage that slow memory served; ns: the mean.
seen_levels()
{
	awk -F, -v want="$2" '
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
		"$1/levels.csv"
}

# true_levels DIR PHASE KEY
true_levels()
{
	"$report" --by phase --format json "$1/truth.bin" 2>/dev/null |
		sed -n "s/.*\"phase\":\"$2\".*\"$3\":\([0-9.]*\).*/\1/p"
}

# by_level DIR PHASE
by_level()
{
	near "$(seen_levels "$1" slow)" \
		"$(true_levels "$1" "$2" hit_ratio | awk '{ print 100 - 100 * $1 }')" 3
}

# by_latency DIR PHASE
by_latency()
{
	near "$(seen_levels "$1" ns)" "$(true_levels "$1" "$2" amat_ns)" 6
}

# level_is NAME: as the flavour calls slow memory.
level_is()
{
	cut -d, -f"$(head -n 1 "$who/levels.csv" | tr , '\n' | grep -n '^level$' | cut -d: -f1)" \
		"$who/levels.csv" | sort | uniq -c
	grep -q ",$1," "$who/levels.csv"
}

# Of all records, those of operations that access no memory, in percent.
useless()
{
	seen=$(sed -n 's/.*"records_seen":\([0-9]*\).*/\1/p' "$who/status.json")
	none=$(sed -n 's/.*"records_useless":\([0-9]*\).*/\1/p' "$who/status.json")
	near "$((100 * none / (seen + 1)))" "$1" 2
}

# flavour_is_right NAME LEVEL USELESS
flavour_is_right()
{
	check "$1: reads and writes of a region are within 3 points of the truth" by_direction
	check "$1: so are its CPUs" by_cpu
	check "$1: rates are within a tenth of the truth" rates
	check "$1: slow memory's share is within 3 points of the truth" by_level "$who" steady
	check "$1: slow memory is told as $2" level_is "$2"
	check "$1: latency of loads is within 6 ns of the truth" by_latency "$who" steady
	check "$1: $3 % of the records are of no access" useless "$3"
}

require_lab
check "the daemon watches two threads with the virtual PMU" try "$who" watch_who
check "the truth tells the two apart" truth_knows
check "reads and writes of a region are within 3 points of the truth" by_direction
check "the CPUs of a region are" by_cpu
check "the threads of a region are" by_thread
check "rates are within a tenth of the truth" rates
check "the daemon watches slow memory with the virtual PMU" try "$levels" watch_levels
check "the samples stand for as many accesses as there were, within 1 %" all_counted
check "slow memory's share of all accesses is within 3 points of the truth" by_level "$levels" moved
check "the mean latency is within 6 ns of the truth" by_latency "$levels" moved
check "the daemon watches with a PMU like IBS" try "$who" watch_flavour ibs period=8000
flavour_is_right IBS cxl 80
check "the daemon watches with a PMU like PEBS" try "$who" watch_flavour pebs period=1999,store-period=997
flavour_is_right PEBS remote_dram 0
finish
