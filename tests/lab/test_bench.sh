#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_bench.sh - `thermocline bench overhead` with sources that are real in the virtual machine: each
# takes samples of the workload, and settings are afterwards as they were.
# shellcheck source=tests/lab/testlib.sh
. "$(dirname "$0")/testlib.sh"

period=499

measure()
{
	"$lab" lab --fast 320M --slow 512M --truth --virtual-pmu=period=$period --results "$work/out" \
		--timeout 240 -- sh -c "
		cat /proc/sys/kernel/numa_balancing >\$LAB_RESULTS/before
		'$lab' bench overhead -s virtual-pmu,hintfault -w update --window --memory 32M \
			--seconds 1 --warmup 1 --rounds 2 --rates 1000 --format json \
			--svg \$LAB_RESULTS/plot.svg >\$LAB_RESULTS/bench.json &&
			cat /proc/sys/kernel/numa_balancing >\$LAB_RESULTS/after"
}

# value SOURCE KEY: of the result of that source.
value()
{
	sed -n "/\"source\": *\"$1\"/,/}/ s/.*\"$2\": *\"\{0,1\}\([^\",]*\).*/\1/p" \
		"$work/out/bench.json" | head -n 1
}

positive()
{
	echo "$1 $2: $(value "$1" "$2")"
	[ "$(value "$1" "$2" | cut -d. -f1)" -gt 0 ]
}

# Intervals between samples differ at random by up to a tenth.
period_is_the_devices()
{
	echo "period $(value virtual-pmu period), should be $period"
	value virtual-pmu period | awk -v p=$period '{ exit !($1 > 0.97 * p && $1 < 1.03 * p) }'
}

settings_are_back()
{
	[ -s "$work/out/before" ] && cmp "$work/out/before" "$work/out/after"
}

plot_is_there()
{
	grep -q "<svg" "$work/out/plot.svg" && grep -q "virtual-pmu, update" "$work/out/plot.svg"
}

require_lab
check "sources are measured on a workload" measure
check "the virtual PMU sampled it" positive virtual-pmu samples
check "its samples say their period" period_is_the_devices
check "hint faults were measured" positive hintfault nr_pairs
check "settings are as they were" settings_are_back
check "a plot is there" plot_is_there
finish
