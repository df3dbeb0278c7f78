#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# build-initramfs.sh - the lab's first file system: busybox, init.sh and the few modules that are
# needed to reach the host's files.  All the rest of the guest's programs are the host's.
#
#	build-initramfs.sh KERNEL_DIR	print the path of the image; build it when an input changed
#
# The image is not compressed: unpacking costs the emulator more than reading.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
kernel=$1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/thermocline
modules="virtio_pci virtio_console 9pnet_virtio 9p overlay"
PATH=$PATH:/usr/sbin:/sbin

die()
{
	echo "lab: $*" >&2
	exit 1
}

command -v busybox >/dev/null || die "busybox is missing: run 'make deps'"
# A busybox that needs shared libraries would not start in an empty file system.
! ldd "$(command -v busybox)" >/dev/null 2>&1 ||
	die "$(command -v busybox) is not static: run 'make deps' (package busybox-static)"

version=$(ls "$kernel/lib/modules")
inputs=$(cat "$here/init.sh" "$0" "$(command -v busybox)" \
	"$kernel/lib/modules/$version/modules.dep" | sha256sum | cut -c 1-16)
image=$cache/initramfs-$version-$inputs.cpio
[ ! -e "$image" ] || {
	echo "$image"
	exit 0
}

for tool in cpio modprobe xz zstd; do
	command -v $tool >/dev/null || die "$tool is missing: run 'make deps'"
done
mkdir -p "$cache"
work=$(mktemp -d "$cache/initramfs.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
root=$work/root
mkdir -p "$root/bin" "$root/modules" "$root/proc" "$root/sys" "$root/dev" "$root/root"
cp "$(command -v busybox)" "$root/bin/busybox"
cp "$here/init.sh" "$root/init"
chmod 755 "$root/init"

# modprobe names each module after those that it needs; what is built in has no file.
for module in $modules; do
	modprobe -C /dev/null -d "$kernel" -S "$version" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$work/list"
# A kernel that has all of it built in needs none.
: >"$root/modules/order"
while read -r file; do
	name=$(basename "$file" | sed 's/\.ko.*/.ko/')
	case $file in
	*.xz) xz -dc "$file" >"$root/modules/$name" ;;
	*.zst) zstd -qdc "$file" >"$root/modules/$name" ;;
	*) cp "$file" "$root/modules/$name" ;;
	esac
	echo "$name" >>"$root/modules/order"
done <"$work/list"

(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/image"
# Images of earlier versions of the inputs are of no use any more.
rm -f "$cache/initramfs-$version"-*.cpio
mv "$work/image" "$image"
echo "$image"
