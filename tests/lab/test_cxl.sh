#!/bin/sh
# shellcheck disable=SC2016 # scripts in quotes are for the guest
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_cxl.sh - the lab's CXL type-3 device: region, node, tier, memory.

# shellcheck source=tests/lab/testlib.sh
. "$(dirname "$0")/testlib.sh"

require_lab
"$lab" lab --dry-run >/dev/null 2>"$work/err" || {
	skip "CXL" "$(tail -n 1 "$work/err")"
	finish
	exit
}

"$lab" lab --cxl --timeout 300 --results "$work/results" -- sh -c '
	cd /sys/bus/cxl/devices
	echo "region $(cat region*/commit) $(cat region*/size) $(cat region*/target0)"
	echo "online $(cat /sys/devices/system/node/has_memory)"
	echo "cpus of node 1: $(cat /sys/devices/system/node/node1/cpulist)"
	awk "/^Node/ { node = \$2 + 0; zone = \$4 }
		/present/ && node == 1 && \$2 { print \"zone\", zone }" /proc/zoneinfo
	for tier in /sys/devices/virtual/memory_tiering/memory_tier*; do
		echo "$(basename $tier | tr -dc 0-9) $(cat $tier/nodelist)"
	done | sort -n | cut -d " " -f 2 | xargs echo tiers
	' </dev/null >"$work/out" 2>"$work/err"
check "a machine with a CXL device boots" equals 0 $?

says()
{
	cat "$work/out" "$work/err"
	grep -q -x -e "$1" "$work/out"
}
check "the region is committed" says "region 1 0x10000000 decoder2.0"
check "its memory is online as node 1" says "online 0-1"
check "node 1 has no CPUs" says "cpus of node 1: "
check "all of it is movable" says "zone Movable"
check "none of it is normal" equals 0 "$(grep -c "zone Normal" "$work/out")"
check "it is in a slower tier" says "tiers 0 1"

finish
