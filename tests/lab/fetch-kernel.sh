#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fetch-kernel.sh - a stock Debian kernel for the lab, in the user's cache.
#
#	fetch-kernel.sh [VERSION]	print the kernel's folder; fetch it when it is not there yet
#
# Without VERSION ("7.2", "6.12.95+deb12-amd64") it is the one in the cache, which is the newest
# that Debian's backports had when it was fetched; remove the cache for a newer one.  The packages are not installed, only unpacked:
#
#	kernel-VERSION/{vmlinuz,config,lib/modules/VERSION}
#
# apt checks the archive's signatures as always.  Two at once wait for each other.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lab/debian.sh
. "$here/debian.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/thermocline
wanted=${1:-}
arch=amd64

die()
{
	echo "lab: $*" >&2
	exit 1
}

# Prints the folder of a cached kernel.
find_cached()
{
	if [ "$wanted" ]; then
		# Versions have no blanks, and sort -V knows that 6.12.95 is newer than 6.12.9.
		found=$(find "$cache" -maxdepth 1 \( -name "kernel-$wanted" -o \
			-name "kernel-${wanted}[.+]*" \) -printf '%f\n' 2>/dev/null | sort -V | tail -n 1)
	else
		found=$(readlink "$cache/kernel" || true)
	fi
	[ "$found" ] && [ -e "$cache/$found/vmlinuz" ] && echo "$cache/$found"
}

# Prints the version of the kernel to take from the suite that was added last.
pick_version()
{
	if [ "$wanted" ]; then
		apt_private apt-cache pkgnames "linux-image-$wanted" | sed 's/^linux-image-//' |
			grep -E "^[0-9.]+\\+deb[0-9.]+-$arch\$" | sort -V | tail -n 1
	else
		apt_private apt-cache depends "linux-image-$arch" 2>>"$apt_dir/log" |
			sed -n "s/.*Depends: linux-image-\\([0-9].*-$arch\\)\$/\\1/p" | head -n 1
	fi
}

# Prints the packages that hold kernel $1: newer kernels are split in three.
packages_of()
{
	parts=
	for part in binary modules base; do
		apt_private apt-cache show "linux-$part-$1" >/dev/null 2>&1 || continue
		parts="$parts linux-$part-$1"
	done
	case $parts in
	*linux-binary-*linux-modules-*) echo "$parts" ;;
	*) echo "linux-image-$1" ;;
	esac
}

# Tries the suites in turn, newest kernel first; sets $version.
find_version()
{
	for suite in trixie-backports bookworm-backports "$(debian_codename)"; do
		rm -f "$apt_dir"/sources/*
		apt_private_add "$suite"
		apt_private apt-get update >>"$apt_dir/log" 2>&1 || continue
		version=$(pick_version)
		[ -z "$version" ] || return 0
	done
	! grep -q NO_PUBKEY "$apt_dir/log" ||
		die "Debian's key for newer releases is missing: apt-get install debian-archive-keyring"
	grep -q "^Get:" "$apt_dir/log" ||
		die "no kernel in $cache yet, and no network to fetch one from $(debian_uri)"
	die "$(debian_uri) has no kernel ${wanted:+\"$wanted\" }for the lab"
}

# download TOTAL_BYTES PACKAGE...: into the current folder, with a progress line.
download()
{
	total=$1
	shift
	apt_private apt-get download "$@" >>"$apt_dir/log" 2>&1 &
	pid=$!
	while [ -t 2 ] && kill -0 "$pid" 2>/dev/null; do
		have=$(du -sk . | cut -f 1)
		printf '\r\033[Klab: fetching Debian kernel %s: %d of %d MB' "$version" \
			$((have / 1024)) $((total / 1048576)) >&2
		sleep 0.5
	done
	[ ! -t 2 ] || printf '\r\033[K' >&2
	wait "$pid" || {
		tail -n 5 "$apt_dir/log" >&2
		die "the download of kernel $version failed; try again, it starts anew"
	}
}

fetch()
{
	packages=$(packages_of "$version")
	# shellcheck disable=SC2086 # a list of names
	total=$(apt_private apt-get download --print-uris $packages |
		awk '{ sum += $3 } END { print sum }')
	echo "lab: fetching Debian kernel $version ($((total / 1048576)) MB, once)" >&2
	mkdir "$work/deb" "$work/kernel"
	# shellcheck disable=SC2086
	(cd "$work/deb" && download "$total" $packages)
	for deb in "$work"/deb/*.deb; do
		dpkg -x "$deb" "$work/unpacked"
	done
	install_tree "$work/unpacked" "$work/kernel"
}

# install_tree UNPACKED TARGET: older packages use /boot and /lib, newer ones only /usr/lib.
install_tree()
{
	mkdir -p "$2/lib/modules"
	for dir in "$1/usr/lib/modules/$version" "$1/lib/modules/$version"; do
		[ ! -d "$dir" ] || mv "$dir" "$2/lib/modules/"
	done
	for name in vmlinuz config; do
		for file in "$2/lib/modules/$version/$name" "$1/boot/$name-$version"; do
			[ ! -f "$file" ] || mv "$file" "$2/$name"
		done
	done
	[ -e "$2/vmlinuz" ] || die "the packages of kernel $version hold no vmlinuz"
	depmod -b "$2" "$version"
}

if find_cached; then exit 0; fi
[ "$(dpkg --print-architecture 2>/dev/null)" = "$arch" ] ||
	die "the lab needs a Debian machine with $arch"
for tool in depmod xz flock; do
	PATH=$PATH:/usr/sbin:/sbin command -v $tool >/dev/null || die "$tool is missing: run 'make deps'"
done
PATH=$PATH:/usr/sbin:/sbin

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
# Somebody else may have fetched it while we waited.
if find_cached; then exit 0; fi

work=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
apt_private_init "$work"
find_version
fetch
rm -rf "$cache/kernel-$version"
mv "$work/kernel" "$cache/kernel-$version"
# What was asked for by name does not become everybody's kernel.
[ "$wanted" ] || ln -sfn "kernel-$version" "$cache/kernel"
echo "$cache/kernel-$version"
