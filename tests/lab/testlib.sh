# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# testlib.sh - what the lab's tests share: cases, a place of their own, the program under test.
#
# Sourced.  O names the build folder (build), as for make.  Sets:
#
#	$lab	the program		$work	a temporary folder, removed at the end
#	$root	the source tree		$report	the program truth-report

set -u

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$root" && cd "${O:-build}" && pwd) || exit 1
# shellcheck disable=SC2034 # for those who source this
lab=$build/thermocline
# shellcheck disable=SC2034
report=$build/lab/truth-report
passed=0
failed=0
skipped=0

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
# The lab's own temporary folders come here, so that what it leaves behind is seen.
mkdir "$work/tmp"
export TMPDIR="$work/tmp"

# check NAME COMMAND...: one case.
check()
{
	name=$1
	shift
	if "$@" >"$work/check.log" 2>&1; then
		passed=$((passed + 1))
		echo "ok - $name"
	else
		failed=$((failed + 1))
		echo "not ok - $name"
		sed 's/^/#   /' "$work/check.log" | tail -n 20
	fi
}

# skip NAME REASON
skip()
{
	skipped=$((skipped + 1))
	echo "ok - $1 # skipped: $2"
}

# Must be last: its status is the script's.
finish()
{
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
}

# equals EXPECTED ACTUAL
equals()
{
	[ "$1" = "$2" ] && return
	echo "expected: $1"
	echo "     got: $2"
	return 1
}

# Without these nothing can be tested here; says so loudly and ends well.
require_lab()
{
	for tool in qemu-system-x86_64 busybox cpio modprobe; do
		PATH=$PATH:/usr/sbin:/sbin command -v $tool >/dev/null && continue
		skip "$(basename "$0")" "$tool is not installed, run 'make deps'"
		finish
		exit
	done
}
