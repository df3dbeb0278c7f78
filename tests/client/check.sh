#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check.sh - the client library as other people's programs find it: installed into a folder of its
# own, found with pkg-config, used from C and C++, linked both ways, needing the C library alone.
#
# Called by make, which sets MAKE, O, PREFIX, LIBDIR, CC and CXX.

set -eu

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
trap 'exit 130' INT TERM HUP

die()
{
	echo "client-check: $*" >&2
	exit 1
}

# "make -j" and its options come along in MAKEFLAGS; a nested make prints its own folders.
$MAKE --no-print-directory O="$O" DESTDIR="$root" install >"$root/log" 2>&1 ||
	die "make install failed: $(tail -n 5 "$root/log")"
export PKG_CONFIG_PATH="$root$LIBDIR/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
export LD_LIBRARY_PATH="$root$LIBDIR"
cflags=$(pkg-config --cflags thermocline)
libs=$(pkg-config --libs thermocline)

# The loader is part of the C library.
needed=$(readelf -d "$root$LIBDIR/libthermocline.so.0" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
for library in $needed; do
	case $library in
	libc.so.* | ld-linux*.so.* | ld64.so.*) ;;
	*) die "libthermocline.so needs $library" ;;
	esac
done
echo "client-check: libthermocline.so needs $(echo "$needed" | tr '\n' ' ')"

# What the monitor exports beyond its headers is nobody's business, but it must find it.
readelf -d "$root$LIBDIR/libthermocline-monitor.so.0" | grep -q 'NEEDED.*libthermocline\.so\.0' ||
	die "libthermocline-monitor.so does not need libthermocline.so"
pkg-config --exists thermocline-monitor || die "no thermocline-monitor.pc, or without what it requires"

# shellcheck disable=SC2086 # lists of options
$CC -std=c11 -Wall -Wextra -Werror -O2 docs/examples/report-pool.c $cflags $libs -pthread \
	-D_POSIX_C_SOURCE=200809L -o "$root/report-pool" || die "report-pool.c does not compile"
"$root/report-pool" /nonexistent/report 0 2>"$root/log" || die "report-pool failed without a daemon"
grep -q 'not reporting: /nonexistent/report: ' "$root/log" ||
	die "report-pool does not say why it does not report: $(cat "$root/log")"
echo "client-check: docs/examples/report-pool.c: fine"

if ! command -v "$CXX" >/dev/null; then
	echo "client-check: SKIPPED: no C++ compiler ($CXX): that C++ programs can use the headers is not checked"
	exit 0
fi
# shellcheck disable=SC2086
$CXX -std=c++11 -Wall -Wextra -Wpedantic -Werror tests/client/report.cc $cflags $libs -o "$root/shared" ||
	die "report.cc does not compile"
"$root/shared"
# shellcheck disable=SC2086
$CXX -std=c++17 -Wall -Wextra -Wpedantic -Werror tests/client/report.cc $cflags \
	"$root$LIBDIR/libthermocline.a" -pthread -o "$root/static" || die "report.cc does not link statically"
LD_LIBRARY_PATH='' "$root/static"
