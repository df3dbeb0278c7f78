#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# cxl-guest.sh - run in the lab's guest with its CXL device: takes the memory away step by step
# and keeps what `thermocline topology` says of each state.
#
#	cxl-guest.sh PROGRAM		writes files into $LAB_RESULTS

set -u

program=$1
out=$LAB_RESULTS
bus=/sys/bus/cxl/devices

# state NAME: as JSON and as text; what fails says so in its place.
state()
{
	"$program" topology --format json >"$out/$1.json" 2>&1
	"$program" topology >"$out/$1.txt" 2>&1
}

# What the kernel itself says where a device address is: it does when it lists poison.
kernel_translates()
{
	mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
	mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
	events=/sys/kernel/tracing/events/cxl/cxl_poison
	inject=/sys/kernel/debug/cxl/mem0/inject_poison
	[ -w $events/enable ] && [ -w $inject ] && [ -w $bus/mem0/trigger_poison_list ] || return
	echo 1 >$events/enable
	for dpa in "$@"; do echo "$dpa" >$inject || return; done
	echo 1 >$bus/mem0/trigger_poison_list
	sed -n 's/.* hpa=\(0x[0-9a-f]*\) .* dpa=\(0x[0-9a-f]*\) .*/\2 \1/p; s/.* dpa=\(0x[0-9a-f]*\) .* hpa=\(0x[0-9a-f]*\) .*/\1 \2/p' \
		/sys/kernel/tracing/trace | sort -u
	grep -o 'cxl_poison: .*' /sys/kernel/tracing/trace >"$out/trace"
}

"$program" sources >"$out/sources.txt" 2>&1
state whole
sed -n 's/^ *\([0-9a-f]*\)-[0-9a-f]* : region0$/0x\1/p' /proc/iomem >"$out/region-start"
addresses="0x0 0x1040 0xfffffc0"
for dpa in $addresses; do
	"$program" topology --dpa "mem0:$dpa+64"
done >"$out/dpa" 2>&1
start=$(cat "$out/region-start")
"$program" topology --hpa "$(printf '0x%x' $((start + 0x1040)))" >"$out/hpa" 2>&1
"$program" topology --tiers 0,1 >"$out/equal.txt" 2>&1
# shellcheck disable=SC2086 # a list
kernel_translates $addresses >"$out/kernel"
cat "$out/trace" 2>/dev/null >&2

for block in /sys/devices/system/node/node1/memory[0-9]*; do echo offline >"$block/state"; done
state offline
echo dax0.0 >/sys/bus/dax/drivers/kmem/unbind
state unbound
echo region0 >/sys/bus/cxl/drivers/cxl_region/unbind
state disabled
echo 0 >$bus/region0/commit
state uncommitted
echo region0 >$bus/decoder0.0/delete_region
state no-region
