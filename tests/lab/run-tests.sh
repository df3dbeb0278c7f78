#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run-tests.sh - all tests that boot the virtual machine, and one line at the end.
#
# Needs root (the kernel is fetched by apt, and its modules are unpacked) and QEMU; without, it
# says loudly what was not tested and ends well.
set -u

here=$(dirname "$0")
passed=0
failed=0
skipped=0

if [ "$(id -u)" -ne 0 ]; then
	echo "SKIPPED: the lab tests: not root"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
# Checks come without QEMU, too; then this installs it, or says why it cannot.
if ! command -v qemu-system-x86_64 >/dev/null && ! sh "$here/../../packaging/deps.sh" install lab; then
	echo "SKIPPED: the lab tests: QEMU is not installed and cannot be: see above"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
for test in "$here"/test_*.sh; do
	echo "# $(basename "$test")"
	sh "$test" | tee "$log"
	# "N passed, N failed, N skipped"
	last=$(tail -n 1 "$log")
	case $last in
	*" passed, "*" failed, "*)
		# shellcheck disable=SC2086 # words
		set -- $last
		passed=$((passed + $1))
		failed=$((failed + $3))
		skipped=$((skipped + $5))
		;;
	*)
		echo "not ok - $(basename "$test") ended early"
		failed=$((failed + 1))
		;;
	esac
done
[ "$skipped" -eq 0 ] || echo "SKIPPED: $skipped of the lab's tests, see above"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
