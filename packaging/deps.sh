#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# deps.sh - what Thermocline needs from Debian, and its installation.
#
#	deps.sh list GROUP...		name what is missing
#	deps.sh install GROUP...	install it (as root)
#
# Groups: build (the program), bench (what it is compared with), check (unit tests), lab (the virtual
# machine), kernel (tests/lab/build-kernel.sh alone), lint.
# Package lists are fetched into a temporary folder and thrown away: the machine's own apt sources
# and lists stay as they are, also where QEMU has to come from the release's backports.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lab/debian.sh
. "$here/../tests/lab/debian.sh"

# The oldest QEMU that has volatile CXL memory and version 4 of the plugin interface.
qemu_major=10

die()
{
	echo "deps: $*" >&2
	exit 1
}

packages_of()
{
	case $1 in
	build) echo gcc make pkg-config libjson-c-dev libhwloc-dev libtraceevent-dev libpfm4-dev libzstd-dev \
		libxxhash-dev libcxl-dev ;;
	bench) echo libck-dev ;;
	check) echo libcmocka-dev g++ ;;
	lab) echo qemu-system-x86 busybox-static cpio kmod xz-utils zstd ;;
	kernel) echo gcc make bison flex bc libelf-dev libssl-dev kmod xz-utils ;;
	lint) echo clang-format clang-tidy cppcheck groff shellcheck ;;
	*) die "'$1' is no group: build, bench, check, lab, kernel or lint" ;;
	esac
}

installed_version()
{
	# "ii" only: a removed package may still have its configuration.  ${...} is dpkg's.
	# shellcheck disable=SC2016
	dpkg-query -W -f '${db:Status-Abbrev} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^ii *//p'
}

# Upstream major version of a Debian version: "1:10.0.2+ds-2" is 10.
major_of()
{
	echo "$1" | sed 's/^[0-9]*://; s/[^0-9].*//'
}

is_missing()
{
	version=$(installed_version "$1")
	[ "$version" ] || return 0
	[ "$1" = qemu-system-x86 ] && [ "$(major_of "$version")" -lt "$qemu_major" ]
}

# Sets $missing.  Not printed by a function in $(...): die() must end the script.
find_missing()
{
	missing=
	for group; do
		packages=$(packages_of "$group")
		for package in $packages; do
			if is_missing "$package"; then missing="$missing $package"; fi
		done
	done
	missing=${missing# }
}

# apt's machine-readable progress on stdin, one line that is rewritten on stderr.
show_progress()
{
	while IFS=: read -r kind _ percent text; do
		case $kind in
		dlstatus | pmstatus) ;;
		exit) return "$percent" ;;
		*) continue ;;
		esac
		[ ! -t 2 ] || printf '\r\033[Kdeps: %3d %% %.60s' "${percent%.*}" "$text" >&2
	done
}

# apt_install SUITE PACKAGE...: the descriptor 3 carries the progress, the log everything else.
apt_install()
{
	suite=$1
	shift
	{
		status=0
		DEBIAN_FRONTEND=noninteractive apt_private apt-get -y -t "$suite" \
			-o APT::Status-Fd=3 -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
			--no-install-recommends install "$@" 3>&1 >>"$apt_dir/log" 2>&1 </dev/null ||
			status=$?
		echo "exit::$status:"
	} | show_progress || {
		[ ! -t 2 ] || printf '\r\033[K' >&2
		tail -n 20 "$apt_dir/log" >&2
		die "apt-get could not install $*"
	}
	[ ! -t 2 ] || printf '\r\033[K' >&2
}

# The machine's own sources, in the private folder.
copy_sources()
{
	[ ! -s /etc/apt/sources.list ] || cp /etc/apt/sources.list "$apt_dir/sources/machine.list"
	for file in /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
		[ ! -e "$file" ] || cp "$file" "$apt_dir/sources/"
	done
}

update_lists()
{
	# One source of the machine may be broken without any harm to us: what counts is
	# whether the packages can then be installed.
	apt_private apt-get update >>"$apt_dir/log" 2>&1 || true
}

# Prints the release to take QEMU from: the machine's own, or its backports.
qemu_suite()
{
	stock=$(apt_private apt-cache policy qemu-system-x86 | sed -n 's/^ *Candidate: //p')
	stock=$(major_of "$stock")
	if [ "${stock:-0}" -ge "$qemu_major" ]; then echo "$1"; else echo "$1-backports"; fi
}

install_missing()
{
	codename=$(debian_codename)
	[ "$codename" ] || die "this is not Debian: please install what these packages hold: $missing"
	[ "$(id -u)" -eq 0 ] || {
		echo "deps: missing: $missing" >&2
		die "installing needs root; run: sudo sh $here/deps.sh install $*"
	}

	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM HUP
	apt_private_init "$work"
	copy_sources
	echo "deps: installing $missing" >&2
	update_lists

	# QEMU by itself: with -t, apt would take everything it can from backports.
	case " $missing " in
	*" qemu-system-x86 "*)
		suite=$(qemu_suite "$codename")
		[ "$suite" = "$codename" ] || {
			apt_private_add "$suite"
			update_lists
		}
		apt_install "$suite" qemu-system-x86
		;;
	esac
	others=$(echo " $missing " | sed 's/ qemu-system-x86 / /')
	# shellcheck disable=SC2086 # a list of names
	[ -z "${others# }" ] || apt_install "$codename" $others

	find_missing "$@"
	[ -z "$missing" ] || die "still missing after the installation: $missing"
	echo "deps: all there" >&2
}

command=${1:-}
[ $# -ge 2 ] || {
	echo "usage: deps.sh list|install build|bench|check|lab|kernel|lint..." >&2
	exit 2
}
shift
command -v dpkg-query >/dev/null || die "this is not Debian: no dpkg-query here"
find_missing "$@"
case $command in
list) echo "${missing:-nothing is missing}" ;;
install) [ -z "$missing" ] || install_missing "$@" ;;
*) die "'$command' is neither list nor install" ;;
esac
