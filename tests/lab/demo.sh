#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# demo.sh - boot a virtual CXL machine, let the daemon tier a workload in it, judge the result.
#
# The hit ratio is measured by the emulator, access by access; the daemon cannot see it.
#
# DEMO_SOURCE: the daemon's sources, such as virtual-pmu, instead of what it chooses; chmu: the
# virtual hotness unit, with hintfault for what is cold.  DEMO_PMU: the virtual PMU's settings, as
# flavour=ibs; DEMO_CHMU: the virtual CHMU's, as entries=1024; DEMO_KEEP: where the results stay.
set -u

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$root" && cd "${O:-build}" && pwd) || exit 1
# shellcheck source=tests/lab/e2e.sh
. "$root/tests/lab/e2e.sh"

e2e_source=${DEMO_SOURCE:-}
e2e_pmu=${DEMO_PMU:-}
e2e_chmu=${DEMO_CHMU:-}
# A hotness unit sees slow memory only.
[ "$e2e_source" != chmu ] || e2e_source=chmu,hintfault
# Of the oracle, in percent, that it must reach: samples and counters tell more than faults.
case ",$e2e_source," in
*,virtual-pmu,* | *,chmu,*) least=95 ;;
*) least=90 ;;
esac

seconds=120      # of the workload with the daemon; its hot set moves half way
daemon_at=8      # seconds into it
base_seconds=40  # of the same workload without the daemon
steady_first=40  # seconds into the first phase that count as steady
steady_moved=20  # ... and into the second: it has so long to recover

work=$(mktemp -d) || exit 1
lab=
follow=
stop()
{
	[ -n "$lab" ] && kill -TERM "$lab" 2>/dev/null
	[ -n "$follow" ] && kill -TERM "$follow" 2>/dev/null
	wait
	rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

# The mean of the last seconds that the truth told.
last_hits()
{
	tail -n 5 "$1/truth.txt" 2>/dev/null | awk '
		$1 ~ /^[0-9]/ { n = $3 + $4; all += n; hits += n * $5 / 100; phase = $2 }
		END { if (all) printf "%-7s %6.1f %%", phase, 100 * hits / all }'
}

last_rate()
{
	grep '^interval,' "$1/work.csv" 2>/dev/null | awk -F, '$3 == "\"all\"" { rate = $9 }
		END { printf "%6.2f M", rate / 1e6 }'
}

mib_moved()
{
	pages=$(e2e_json "$1/daemon.json" migration "$2" moved)
	awk -v pages="${pages:-0}" 'BEGIN { printf "%6.0f MiB", pages / 256 }'
}

last_cpu()
{
	[ -s "$1/cpu" ] && printf '%5s %%' "$(e2e_cpu "$1" 5)"
}

# watch DIR: a line every 5 seconds until the lab ends.
watch()
{
	printf '\n%6s  %-7s %8s  %10s  %10s  %10s  %7s\n' \
		"time s" "phase" "true hit" "accesses/s" "promoted" "demoted" "daemon"
	now=0
	while kill -0 "$lab" 2>/dev/null; do
		sleep 5
		now=$((now + 5))
		if [ -z "$follow" ] && [ -s "$1/truth.bin" ]; then
			"$build/lab/truth-report" --follow --by second "$1/truth.bin" \
				>"$1/truth.txt" 2>/dev/null &
			follow=$!
			continue
		fi
		hits=$(last_hits "$1")
		[ -n "$hits" ] || continue
		printf '%6d  %s  %s  %s  %s  %s\n' "$now" "$hits" "$(last_rate "$1")" \
			"$(mib_moved "$1" promotion)" "$(mib_moved "$1" demotion)" "$(last_cpu "$1")"
	done
	[ -n "$follow" ] && kill "$follow" 2>/dev/null
	follow=
}

# lab_run DIR SECONDS DAEMON_AT
lab_run()
{
	mkdir -p "$1"
	e2e_run "$1" "$2" "$3" --emulate-latency=4 >"$1/lab.log" 2>&1 &
	lab=$!
	watch "$1"
	wait "$lab"
	status=$?
	lab=
	if [ $status -ne 0 ]; then
		echo "demo: the lab failed (exit status $status):"
		tail -n 5 "$1/lab.log" "$1/daemon.log" 2>/dev/null
		exit 1
	fi
}

echo "A virtual machine with $e2e_fast of fast and $e2e_slow of slow memory (80 and 250 ns), stock kernel."
echo "The workload: 416 MiB, 90 % of the accesses to 64 MiB that lie in slow memory; half way to"
echo "another 64 MiB there.  The daemon starts $daemon_at s into it, with" \
	"${e2e_source:+the source $e2e_source${e2e_pmu:+ ($e2e_pmu)}${e2e_chmu:+ ($e2e_chmu)} and otherwise }its defaults."
lab_run "$work/with" $seconds $daemon_at

echo
echo "The same workload without the daemon:"
lab_run "$work/without" $base_seconds never

first=$(e2e_steady "$work/with" first $steady_first)
moved=$(e2e_steady "$work/with" moved $steady_moved)
base_first=$(e2e_steady "$work/without" first 5)
base_moved=$(e2e_steady "$work/without" moved 5)
oracle_first=$(e2e_oracle "$work/with" first)
oracle_moved=$(e2e_oracle "$work/with" moved)
# shellcheck disable=SC2046 # two words
set -- $(e2e_moved "$work/with")

cat <<END

true hit ratio of fast memory      without     with   oracle
  steady, before the move         ${base_first} %   ${first} %   ${oracle_first} %
  from $steady_moved s after the move        ${base_moved} %   ${moved} %   ${oracle_moved} %
daemon's CPU in the last 20 s: $(e2e_cpu "$work/with" 20) % of one guest CPU (emulated: some 20 times slower than hardware)
pages moved: $1 by the daemon's count, $2 by the kernel's
after the move at least 90 % of the oracle again in: $(e2e_recovery "$work/with" moved) s
END
[ -z "${DEMO_KEEP:-}" ] || { rm -rf "$DEMO_KEEP"; cp -r "$work" "$DEMO_KEEP"; }

awk -v f="$first" -v m="$moved" -v bf="$base_first" -v bm="$base_moved" \
	-v of="$oracle_first" -v om="$oracle_moved" -v least="$least" 'BEGIN {
	if (f < bf + 10 || m < bm + 10) {
		print "The daemon did not help."
		exit 1
	}
	if (f < least / 100 * of || m < least / 100 * om) {
		printf "The daemon helped, but stayed below %d %% of the oracle.\n", least
		exit 1
	}
	printf "The daemon helped: %.0f and %.0f %% of the best possible placement.\n", \
		100 * f / of, 100 * m / om
}'
