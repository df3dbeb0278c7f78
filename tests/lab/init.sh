#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
#
# init.sh - process 1 of the lab's guest, in two stages.
#
# First stage, in the initramfs: loads the modules, mounts the host's files (read-only, over
# virtio-9p) under a tmpfs overlay, and makes that the root.  Second stage, as "init.sh second":
# mounts what a system has, sets up CXL memory when asked for, compares the memory layout with
# what the host computed, and starts the agent, which talks to the host from there on.
#
# All output goes to the console, which the host writes to console.log.  A line that starts with
# "lab: failed:" is shown to the user as the reason.

lab=/run/lab
bb=/bin/busybox
[ "${1:-}" = second ] && bb=$lab/busybox

# The tools of this script are busybox's, never the host's: they must work with any host.
for tool in mount umount mkdir cat cp ls ln sleep poweroff sync switch_root insmod hostname uname \
	grep awk ip chmod sed; do
	# shellcheck disable=SC2139 # $bb must be expanded now
	alias $tool="$bb $tool"
done

fail()
{
	echo "lab: failed: $*"
	sync
	poweroff -f
	sleep 60
}

first_stage()
{
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t devtmpfs dev /dev
	while read -r module; do
		insmod "/modules/$module" || fail "module $module does not load"
	done </modules/order

	mkdir -p /host /over /newroot
	mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose host /host ||
		fail "cannot mount the host's files"
	mount -t tmpfs -o size=75%,mode=755 over /over
	mkdir /over/upper /over/work
	mount -t overlay -o lowerdir=/host,upperdir=/over/upper,workdir=/over/work overlay /newroot ||
		fail "cannot mount the overlay"

	# The host may lack some of these when it is a container.
	for dir in proc sys dev run tmp lab root; do
		[ -d "/newroot/$dir" ] || mkdir "/newroot/$dir"
	done
	mount -t tmpfs -o mode=755 run /newroot/run
	mkdir -p /newroot$lab/host
	cp /bin/busybox /newroot$lab/busybox
	cp /init /newroot$lab/init.sh
	for dir in proc sys dev; do
		mount -o move /$dir /newroot/$dir
	done
	exec $bb switch_root /newroot $lab/busybox sh $lab/init.sh second
}

mount_system()
{
	mkdir -p /dev/pts /dev/shm
	mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
	mount -t tmpfs -o mode=1777 shm /dev/shm
	mount -t debugfs debugfs /sys/kernel/debug
	mount -t tracefs tracefs /sys/kernel/tracing
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	# devtmpfs has no /dev/fd, which "<(command)" of a shell needs.
	ln -sf /proc/self/fd /dev/fd
	ln -sf /proc/self/fd/0 /dev/stdin
	ln -sf /proc/self/fd/1 /dev/stdout
	ln -sf /proc/self/fd/2 /dev/stderr
	# /tmp stays the host's below the overlay: it is writable, and the command may lie there.
	chmod 1777 /tmp
	mkdir -p /run/lock /run/user

	mount -t 9p -o ro,trans=virtio,version=9p2000.L lab $lab/host ||
		fail "cannot mount the lab's folder"
	mkdir -p /lab/results
	mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=none results /lab/results ||
		fail "cannot mount the results folder"
	hostname thermolab
	ip link set lo up
}

# Modules of this kernel, where modprobe looks for them.
link_modules()
{
	mkdir -p /lib/modules
	ln -sfn "$LAB_KERNEL/lib/modules/$(uname -r)" "/lib/modules/$(uname -r)"
}

# The host computed where each node's memory lies, and the truth plugin believes it.  One line of
# "nodes" is: NODE FIRST_PFN END_PFN.  Every zone must lie within its node's lines.
check_nodes()
{
	awk '
		FNR == NR { node[NR] = $1; first[NR] = $2; end[NR] = $3; n = NR; next }
		/^Node/ { now = $2 + 0 }
		/spanned/ { spanned = $2 }
		/present/ { present = $2 }
		/start_pfn:/ && present > 0 {
			ok = 0
			for (i = 1; i <= n; i++)
				if (node[i] == now && $2 >= first[i] && $2 < end[i])
					ok = 1
			if (!ok) {
				printf "node %d has memory at page %s\n", now, $2
				exit 1
			}
			seen[now] += present
		}
		END {
			for (i = 1; i <= n; i++)
				if (!(node[i] in seen)) {
					printf "node %d has no memory\n", node[i]
					exit 1
				}
		}' $lab/host/nodes /proc/zoneinfo
}

cxl_wait()
{
	tries=0
	until [ -e "$1" ]; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || fail "CXL: $1 did not appear"
		sleep 0.1
	done
}

cxl_write()
{
	echo "$1" >"$2" || fail "CXL: cannot write '$1' to $2"
}

# The tool "cxl" of Debian 12 cannot create regions of volatile memory; sysfs can.
make_cxl_region()
{
	bus=/sys/bus/cxl/devices
	cxl_wait $bus/decoder0.0/create_ram_region
	cxl_wait $bus/endpoint2/decoder2.0
	region=$(cat $bus/decoder0.0/create_ram_region)
	cxl_write "$region" $bus/decoder0.0/create_ram_region
	cxl_write 256 "$bus/$region/interleave_granularity"
	cxl_write 1 "$bus/$region/interleave_ways"
	cxl_write "$LAB_CXL_BYTES" "$bus/$region/size"
	cxl_write ram $bus/decoder2.0/mode
	cxl_write "$LAB_CXL_BYTES" $bus/decoder2.0/dpa_size
	cxl_write decoder2.0 "$bus/$region/target0"
	cxl_write 1 "$bus/$region/commit"
	[ -e "$bus/$region/driver" ] || cxl_write "$region" /sys/bus/cxl/drivers/cxl_region/bind
}

setup_cxl()
{
	# With page tables or program text on this memory the emulator crawls: movable only.
	echo offline >/sys/devices/system/memory/auto_online_blocks
	before=" $(echo /sys/devices/system/memory/memory*) "
	# -C: a rule that the package ndctl installs for modprobe would break the loading.  The
	# path, because busybox's shell prefers its own modprobe, which has no -C.
	for module in cxl_acpi cxl_pci cxl_mem dax_cxl device_dax kmem; do
		/sbin/modprobe -C /dev/null $module || fail "CXL: module $module does not load"
	done
	make_cxl_region
	cxl_wait /sys/bus/dax/devices/dax0.0
	[ -e /sys/bus/dax/drivers/kmem/dax0.0 ] || {
		echo dax0.0 >/sys/bus/dax/drivers/device_dax/unbind
		echo dax0.0 >/sys/bus/dax/drivers/kmem/new_id
	}
	cxl_wait /sys/bus/dax/drivers/kmem/dax0.0
	for block in /sys/devices/system/memory/memory*; do
		case $before in
		*" $block "*) ;;
		*) cxl_write online_movable "$block/state" ;;
		esac
	done
}

second_stage()
{
	mount_system
	# shellcheck disable=SC1091 # written by the host, for this boot
	. $lab/host/params
	link_modules
	why=$(check_nodes) || fail "memory is not where the lab computed it: $why"
	[ -z "${LAB_CXL_BYTES:-}" ] || setup_cxl

	port=
	for name in /sys/class/virtio-ports/*; do
		[ "$(cat "$name/name")" = thermocline.agent ] && port=/dev/${name##*/}
	done
	[ "$port" ] || fail "no virtio port for the agent"
	echo "lab: ready"
	"$LAB_AGENT" lab --agent "$port" || fail "the agent $LAB_AGENT ended with status $?"
	sync
	poweroff -f
}

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
case ${1:-} in
second) second_stage ;;
*) first_stage ;;
esac
fail "init came to its end"
