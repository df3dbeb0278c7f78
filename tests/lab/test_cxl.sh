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

# --- what thermocline topology makes of it ---

states=$work/states
"$lab" lab --cxl --timeout 300 --results "$states" -- \
	sh "$root/tests/lab/cxl-guest.sh" "$lab" </dev/null >"$work/out" 2>"$work/err"
check "the machine can be taken apart" equals 0 $?

# shows STATE LINE: a basic regular expression.
shows()
{
	cat "$states/$1.txt"
	grep -q -x -e "$2" "$states/$1.txt"
}
# problems STATE NAME...: these and no others.
problems()
{
	found=$(sed -n 's/^problem (\([a-z-]*\)).*/\1/p' "$states/$1.txt" | sort | xargs)
	shift
	equals "$*" "$found"
}
check "the device is found" shows whole 'mem0  *0000:0d:00.0, 256M volatile, 0 persistent, serial 0x1'
check "its decoder is found" shows whole '  decoder2.0  device addresses 0x0+256M, ram, region0'
check "its region is found" shows whole \
	'region0  *ram, 256M at 0x[0-9a-f]*, not interleaved, in decoder0.0'
check "its dax device is found, online" shows whole '  dax0.0  *256M, driver kmem, node 1, 256M online'
check "its node and tier are found" shows whole '1  *1  -  *256M .* region0'
check "its window goes by modulo" shows whole 'decoder0.0  *window, 4.00G .*, host bridges by modulo'
check "nothing is a problem" problems whole
for state in whole offline unbound disabled uncommitted no-region; do
	if grep -q libcxl_agrees "$states/$state.json"; then
		check "libcxl sees the same: $state" grep -q '"libcxl_agrees": *true' "$states/$state.json"
	else
		skip "libcxl sees the same: $state" "built without libcxl"
	fi
done
check "sources show the device" grep -q '^mem0 .*region0, node 1' "$states/sources.txt"

check "equal tiers are told" problems equal one-tier
check "memory that is not online is told" problems offline not-online one-node
check "all of it" shows offline 'problem (not-online): .*: 256 of its 256 MiB are not online.*'
check "memory that no driver has is told" problems unbound dax-not-memory one-node
check "a region without driver is told" problems disabled one-node region-disabled
check "a region that is not committed is told" problems uncommitted not-committed one-node
check "a device without region is told" problems no-region no-region one-node
check "and what to do" shows no-region \
	'  do: cxl create-region -m -t ram -d decoder0.0 -w 1 mem0 .*'

# --- addresses ---

start=$(cat "$states/region-start")
expected=$(for dpa in 0x0 0x1040 0xfffffc0; do
	printf '0x%x 0x%x\n' $dpa $((start + dpa))
done)
check "device addresses are where the region is" equals "$expected" \
	"$(sed -n 's/^mem0:\(0x[0-9a-f]*\) is \(0x[0-9a-f]*\), 1 x 64 bytes.*/\1 \2/p' "$states/dpa")"
check "and back" equals "$(printf '0x%x is mem0:0x1040' $((start + 0x1040)))" "$(cat "$states/hpa")"
if [ -s "$states/kernel" ]; then
	check "the kernel translates them the same" equals "$expected" "$(cat "$states/kernel")"
else
	skip "the kernel translates them the same" "this kernel cannot list poison"
fi

# --- the trap: slow memory that firmware presents like any other ---

"$lab" lab --slow 256M,dist=11 --no-hmat --timeout 300 --results "$states" -- \
	sh -c '"$1" topology >"$LAB_RESULTS/trap.txt" 2>&1' sh "$lab" </dev/null >"$work/out" 2>"$work/err"
check "a machine without tables boots" equals 0 $?
check "that nothing will ever move is told" problems trap one-tier
check "and how to change it" shows trap '  do: .*: thermocline run --tiers 0/1'

finish
