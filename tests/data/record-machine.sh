#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# record-machine.sh - what /sys and /proc say of this machine's memory, as a machine for tests.
#
#	record-machine.sh DIRECTORY
#
# Records nodes, memory blocks, memory tiers, CXL and dax devices, the CEDT and the settings that
# matter, as files and links below DIRECTORY: a bug report that is a test case.  As root, for
# else addresses are missing.  It reads only, and no memory, names of programs or users are in it.

set -eu

[ $# -eq 1 ] || {
	echo "usage: record-machine.sh DIRECTORY" >&2
	exit 2
}
to=$1

# A file that cannot be read is left out, as on a machine that lacks it.
record_file()
{
	mkdir -p "$to/$(dirname "$1")"
	cat "/$1" >"$to/$1" 2>/dev/null || rm -f "$to/$1"
}

record_link()
{
	mkdir -p "$to/$(dirname "$1")"
	ln -sfn "$(readlink "/$1")" "$to/$1"
}

# record_object DIRECTORY: its files, the files of its folders for kinds of memory, its links.
record_object()
{
	for file in "/$1"/* "/$1"/ram/* "/$1"/pmem/* "/$1"/access0/initiators/*; do
		if [ -L "$file" ]; then
			case ${1##*/}/${file##*/} in
			endpoint*/uport | */driver | node*/memory[0-9]*) record_link "${file#/}" ;;
			esac
		elif [ -f "$file" ]; then
			case ${file##*/} in
			# These act, or say nothing that matters here.
			create_*_region | delete_region | trigger_* | uevent | modalias | dev | CDAT) ;;
			vmstat | numastat | cpumap) ;;
			*) record_file "${file#/}" ;;
			esac
		fi
	done
}

record_bus()
{
	for object in "/$1"/*; do
		[ -L "$object" ] || continue
		record_link "${object#/}"
		real=$(readlink -f "$object")
		record_object "${real#/}"
	done
}

record_bus sys/bus/cxl/devices
record_bus sys/bus/dax/devices
record_file sys/firmware/acpi/tables/CEDT
for node in /sys/devices/system/node/node[0-9]*; do
	record_object "${node#/}"
done
for file in has_cpu has_memory online possible; do
	record_file sys/devices/system/node/$file
done
for file in /sys/devices/system/memory/memory[0-9]*/state; do
	record_file "${file#/}"
done
record_file sys/devices/system/memory/block_size_bytes
record_file sys/devices/system/memory/auto_online_blocks
for tier in /sys/devices/virtual/memory_tiering/memory_tier*; do
	record_file "${tier#/}/nodelist"
done
record_file sys/kernel/mm/numa/demotion_enabled
record_file proc/sys/kernel/numa_balancing
record_file proc/sys/kernel/osrelease
record_file proc/iomem
record_file proc/zoneinfo
