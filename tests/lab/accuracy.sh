#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# accuracy.sh [WORKLOAD...] - how well thermocline and the kernel's DAMON see what is hot, in the
# virtual machine, judged by what the emulator counted.
#
# Each observer alone watches the same workload, with the same random numbers.  ACCURACY_KEEP=DIR
# keeps the results; ACCURACY_OBSERVERS="hintfault damon" runs these only; ACCURACY_KERNEL=DIR is
# another kernel, as that of build-kernel.sh for idlepage.
set -u

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$root" && cd "${O:-build}" && pwd) || exit 1
# shellcheck source=tests/lab/accuracy-lib.sh
. "$root/tests/lab/accuracy-lib.sh"

observers=${ACCURACY_OBSERVERS:-hintfault damon damon-auto}
ours=${observers%% *}
rivals=${observers#"$ours"}
skip=12 # seconds of a phase until an observer should have found its way

work=${ACCURACY_KEEP:-$(mktemp -d)} || exit 1
lab=
stop()
{
	[ -n "$lab" ] && kill -TERM "$lab" 2>/dev/null
	wait
	[ -n "${ACCURACY_KEEP:-}" ] || rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

# Seconds of all phases together.
seconds_of()
{
	case $1 in
	hot-move | zipf) echo 70 ;;
	*) echo 45 ;;
	esac
}

# The truth of so many seconds before a snapshot is what it is judged by.  Where nothing changes
# within a phase, all of it: the more accesses, the less chance is in their counts.
last_of()
{
	case $1 in
	moving) echo 2 ;;
	*) echo 0 ;;
	esac
}

# run DIR CONFIG SECONDS OBSERVER [cost]
run()
{
	acc_run "$@" &
	lab=$!
	wait $lab
	status=$?
	lab=
	[ $status -eq 0 ] && return
	echo "accuracy: the lab failed with $4 watching $2 (exit status $status):"
	tail -n 3 "$1/lab.log"
	exit 1
}

# Lines of numbers for verdict(): phase, observer, captured at four points, miss.
collect() # DIR OBSERVER
{
	sed 's/[{}"]//g' "$1/judged.json" | awk -F, -v who="$2" '{
		for (i = 1; i <= NF; i++) {
			split($i, pair, ":")
			value[pair[1]] = pair[2]
		}
		print value["phase"], who, value["captured_5_pct"], value["captured_10_pct"],
			value["captured_20_pct"], value["captured_40_pct"], value["mean_miss_pct"]
	}' >>"$work/numbers"
}

watch_all() # WORKLOAD
{
	for observer in $observers; do
		dir=$work/$1.$observer
		run "$dir" "$1" "$(seconds_of "$1")" "$observer"
		acc_judge "$dir" --last "$(last_of "$1")" --skip $skip --format json >"$dir/judged.json" || exit 1
		collect "$dir" "$observer"
		acc_judge "$dir" --last "$(last_of "$1")" --skip $skip | sed "s/^/$1 $observer: /"
		echo "$1 $observer: CPU of the observer $(acc_pct "$dir" 2) %"
	done
}

cost_all()
{
	echo
	echo "CPU in percent of one guest CPU, hot-move; the difference to none is the observer's"
	printf '%-12s %10s %18s %14s %14s\n' observer itself "workload's kernel" "all kernel" "accesses/s"
	for observer in none $observers; do
		dir=$work/cost.$observer
		run "$dir" hot-move 60 "$observer" cost
		printf '%-12s %10s %18s %14s %14s\n' "$observer" "$(acc_pct "$dir" 2)" \
			"$(acc_pct "$dir" 3)" "$(acc_pct "$dir" 4)" "$(acc_rate "$dir")"
	done
}

attribution()
{
	dir=$work/threads-rw
	run "$dir" threads-rw 30 "$ours"
	echo
	echo "attribution: thread $(acc_thread "$dir" 0) on CPU 0 only reads x," \
		"thread $(acc_thread "$dir" 1) on CPU 1 only writes y"
	acc_judge "$dir" --skip $skip --range x=0,128M --range y=128M,128M
}

# The best rival at each number.  Half a point is what chance makes of equals.
verdict()
{
	awk -v ours="$ours" '
		!($1 in seen) { seen[$1] = 1; phase[++n] = $1 }
		$2 == ours { for (i = 3; i <= 7; i++) own[$1, i] = $i; next }
		{
			for (i = 3; i <= 6; i++)
				if ($i > best[$1, i]) best[$1, i] = $i
			if (!(($1, 7) in best) || $7 < best[$1, 7]) best[$1, 7] = $7
		}
		END {
			printf "%-14s %-36s %s\n", "phase", "captured: as much (to half a point)", "mean miss: ours / the rival'"'"'s best"
			for (j = 1; j <= n; j++) {
				p = phase[j]
				text = ""
				for (i = 3; i <= 6; i++)
					text = text sprintf(" %d%%:%s", 5 * 2 ^ (i - 3), own[p, i] >= best[p, i] - 0.5 ? "yes" : "NO")
				ratio = (best[p, 7] > 0 ? own[p, 7] / best[p, 7] : 1)
				printf "%-14s %-36s %.2f / %.2f = %.2f (at most 0.50: %s)\n", p, text,
					own[p, 7], best[p, 7], ratio, ratio <= 0.5 ? "yes" : "NO"
			}
		}' "$work/numbers"
}

mkdir -p "$work"
: >"$work/numbers"
named=$#
[ $# -gt 0 ] || set -- hot-move zipf hotspot-4m moving
for workload in "$@"; do
	watch_all "$workload"
done
if [ "$rivals" ]; then
	echo
	echo "$ours beside the best of$rivals, by medians from $skip s into each phase on"
	verdict
fi
[ "$named" -gt 0 ] || cost_all
[ "$named" -gt 0 ] || attribution
