#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# build-kernel.sh - a kernel for the lab with what Debian's lacks: the page_idle bitmap.
#
#	build-kernel.sh [VERSION]	print the kernel's folder; build it when it is not there yet
#
# From Debian's own source package (linux-source-VERSION, "6.12"; without VERSION the newest of
# the backports), with a small configuration in which all that the lab needs is built in, so that
# it takes minutes, not hours.  What a run needs lies in the user's cache:
#
#	built-VERSION/{vmlinuz,config,lib/modules/RELEASE}
#
# and is for `thermocline lab --kernel DIR`.  Nothing else uses it: results that must hold on
# Debian's kernel come from Debian's kernel.  MAKEFLAGS and CC are the caller's to set.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lab/debian.sh
. "$here/debian.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/thermocline
wanted=${1:-}

# Each of these must be in the final configuration: check_config says which is not.
options="
64BIT SMP PRINTK MULTIUSER MODULES TTY SERIAL_8250 SERIAL_8250_CONSOLE UNIX98_PTYS
PCI PCI_MSI ACPI HYPERVISOR_GUEST NUMA ACPI_NUMA X86_64_ACPI_NUMA ACPI_HMAT HIGH_RES_TIMERS
BLK_DEV_INITRD BINFMT_ELF BINFMT_SCRIPT DEVTMPFS TMPFS TMPFS_XATTR PROC_FS SYSCTL SYSFS SHMEM
FUTEX EPOLL EVENTFD SIGNALFD TIMERFD POSIX_TIMERS FILE_LOCKING INOTIFY_USER MEMFD_CREATE
MEMBARRIER ADVISE_SYSCALLS AIO FHANDLE CROSS_MEMORY_ATTACH KALLSYMS
NET INET UNIX NETWORK_FILESYSTEMS NET_9P NET_9P_VIRTIO 9P_FS OVERLAY_FS
VIRTIO_MENU VIRTIO_PCI VIRTIO_CONSOLE
CGROUPS MEMCG CPUSETS PSI DEBUG_FS
MEMORY_HOTPLUG MEMORY_HOTREMOVE SPARSEMEM_VMEMMAP MIGRATION COMPACTION TRANSPARENT_HUGEPAGE
TRANSPARENT_HUGEPAGE_ALWAYS NUMA_BALANCING LRU_GEN LRU_GEN_ENABLED
PROC_PAGE_MONITOR CHECKPOINT_RESTORE MEM_SOFT_DIRTY IDLE_PAGE_TRACKING
PERF_EVENTS FTRACE KPROBES KPROBE_EVENTS
DAMON DAMON_VADDR DAMON_PADDR DAMON_SYSFS
"

die()
{
	echo "lab: $*" >&2
	exit 1
}

find_cached()
{
	found=$(find "$cache" -maxdepth 1 -name "built-${wanted:-[0-9]}*" -printf '%f\n' \
		2>/dev/null | sort -V | tail -n 1)
	[ "$found" ] && [ -e "$cache/$found/vmlinuz" ] && echo "$cache/$found"
}

# Sets $package: the newest linux-source of the first suite that has one.
find_source()
{
	for suite in trixie-backports bookworm-backports "$(debian_codename)"; do
		rm -f "$apt_dir"/sources/*
		apt_private_add "$suite"
		apt_private apt-get update >>"$apt_dir/log" 2>&1 || continue
		package=$(apt_private apt-cache pkgnames linux-source- |
			grep -E "^linux-source-${wanted:-[0-9]+\\.[0-9]+}\$" | sort -V | tail -n 1)
		[ -z "$package" ] || return 0
	done
	tail -n 3 "$apt_dir/log" >&2
	die "$(debian_uri) has no kernel source ${wanted:+\"$wanted\" }for the lab"
}

fetch_source()
{
	echo "lab: fetching Debian's $package (once)" >&2
	mkdir "$work/deb" "$work/source"
	(cd "$work/deb" && apt_private apt-get download "$package" >>"$apt_dir/log" 2>&1) || {
		tail -n 5 "$apt_dir/log" >&2
		die "the download of $package failed; try again, it starts anew"
	}
	dpkg -x "$work"/deb/*.deb "$work/unpacked"
	tar -C "$work/source" --strip-components=1 -xf "$work/unpacked/usr/src/$package".tar.xz
	rm -rf "$work/deb" "$work/unpacked"
}

kernel_make()
{
	nice -n 15 make -s -C "$work/source" -j"$(nproc)" CC="${CC:-gcc}" LOCALVERSION=-lab "$@" \
		>>"$work/log" 2>&1 </dev/null || {
		tail -n 20 "$work/log" >&2
		die "the kernel could not be built"
	}
}

# Nothing can be asked for that the kernel does not have: what is missing at the end is told.
check_config()
{
	for option in $options; do
		grep -qx "CONFIG_$option=y" "$work/source/.config" ||
			die "$package has no CONFIG_$option, or it needs something that is not set"
	done
}

configure()
{
	kernel_make tinyconfig
	for option in $options; do
		echo "CONFIG_$option=y"
	done >>"$work/source/.config"
	# Nobody attacks the guest, and emulated mitigations cost real time.
	cat >>"$work/source/.config" <<-EOF
		# CONFIG_CPU_MITIGATIONS is not set
		# CONFIG_CC_OPTIMIZE_FOR_SIZE is not set
		CONFIG_CC_OPTIMIZE_FOR_PERFORMANCE=y
		CONFIG_NODES_SHIFT=6
		CONFIG_NR_CPUS=64
		CONFIG_HZ_250=y
		CONFIG_PROC_SYSCTL=y
	EOF
	kernel_make olddefconfig
	check_config
}

if find_cached; then exit 0; fi
for tool in make bison flex bc depmod flock xz; do
	PATH=$PATH:/usr/sbin:/sbin command -v $tool >/dev/null ||
		die "$tool is missing: run 'sh packaging/deps.sh install kernel'"
done
PATH=$PATH:/usr/sbin:/sbin

mkdir -p "$cache"
exec 9>"$cache/build-lock"
flock 9
# Somebody else may have built it while we waited.
if find_cached; then exit 0; fi

work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
apt_private_init "$work"
find_source
fetch_source
configure
echo "lab: building it (minutes)" >&2
kernel_make bzImage modules
kernel_make modules_install INSTALL_MOD_PATH="$work/kernel"
cp "$work/source/arch/x86/boot/bzImage" "$work/kernel/vmlinuz"
cp "$work/source/.config" "$work/kernel/config"
target=$cache/built-${package#linux-source-}
rm -rf "$target"
mv "$work/kernel" "$target"
echo "$target"
