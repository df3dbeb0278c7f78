# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# accuracy-lib.sh - run a workload and one observer of it in the lab; judge the observer by the truth.
#
# Sourced by accuracy.sh and test_monitor.sh.  Needs: $build, $root.

# The guest's fast node is too small for any of the workloads: all have memory on both nodes.
acc_fast=320M
acc_slow=1G
# Settings of the virtual PMU; none: its defaults.
acc_pmu=

# acc_run DIR CONFIG SECONDS OBSERVER [cost|writes]: results in DIR; the lab's exit status.
# shellcheck disable=SC2154 # build and root are the caller's
acc_run()
{
	rm -rf "$1"
	mkdir -p "$1"
	pmu=
	case $4 in
	virtual-pmu*) pmu=--virtual-pmu${acc_pmu:+=$acc_pmu} ;;
	esac
	# shellcheck disable=SC2086 # none, or an option
	"$build/thermocline" lab --fast $acc_fast --slow $acc_slow --truth $pmu --results "$1" \
		${ACCURACY_KERNEL:+--kernel "$ACCURACY_KERNEL"} \
		--timeout $(($3 + 120)) -- sh "$root/tests/lab/accuracy-guest.sh" "$build" \
		"$root/bench/workload/configs/$2.cfg" "$3" "$4" ${5:+"$5"} >"$1/lab.log" 2>&1
}

# Snapshots of a recording, from its report by region: a line each, as of `ctl regions`.  What was
# never observed comes last.
acc_from_csv()
{
	awk -F, '
		NR == 1 { next }
		$1 != time {
			if (time)
				print "]}}"
			time = $1
			printf "{\"uptime_s\": %.3f, \"snapshot\": {\"regions\": [", time / 1e9
			comma = ""
		}
		{
			printf "%s{\"pid\": %s, \"start\": %s, \"end\": %s, \"accesses_per_s\": %s}",
				comma, $2, $3, $4, ($5 == "" ? 0 : $5)
			comma = ", "
		}
		END { if (time) print "]}}" }'
}

# What the observer of DIR said.
acc_snapshots()
{
	if [ -s "$1/trace" ]; then
		echo "$1/trace"
	elif [ -s "$1/record.data" ]; then
		"$build/thermocline" report --by region --format csv "$1/record.data" |
			acc_from_csv >"$1/snapshots.json"
		echo "$1/snapshots.json"
	else
		echo "$1/snapshots.json"
	fi
}

# acc_judge DIR [OPTION...]: truth-accuracy's report of what was seen in DIR.
acc_judge()
{
	dir=$1
	shift
	"$build/lab/truth-accuracy" "$@" "$dir/truth.bin" "$(acc_snapshots "$dir")"
}

# acc_pct DIR COLUMN: CPU time in percent of one guest CPU, over the later half of the run.
# COLUMN: 2 the observer, 3 the workload in the kernel, 4 all tasks in the kernel, 5 interrupts.
acc_pct()
{
	awk -v column="$2" '
		# When a process ends its times are gone.
		NF == 5 && $column >= value[n] { time[++n] = $1; value[n] = $column }
		END {
			i = int((n + 1) / 2)
			d = time[n] - time[i]
			printf "%.2f\n", (d > 0 ? 100 * (value[n] - value[i]) / d : 0)
		}' "$1/cpu"
}

# acc_rate DIR: accesses a second that the workload made.
acc_rate()
{
	"$build/lab/truth-report" --by phase "$1/truth.bin" 2>/dev/null |
		awk 'NR > 1 && $1 != "guest-clock" { n += $4 + $5; s += $3 } END { printf "%.0f\n", (s ? n / s : 0) }'
}

# acc_json FILE PHASE KEY: of truth-accuracy's JSON lines.
acc_json()
{
	awk -v phase="\"phase\":\"$2\"" -v key="\"$3\":" '
		index($0, phase) {
			at = index($0, key)
			if (at)
				print substr($0, at + length(key)) + 0
		}' "$1"
}

# acc_share FILE RANGE SHARE truth|seen: of truth-accuracy --range in JSON, in percent.
acc_share()
{
	awk -v line="\"range\":\"$2\",\"share\":\"$3\"" -v key="\"$4_pct\":" '
		index($0, line) {
			print substr($0, index($0, key) + length(key)) + 0
			found = 1
		}
		END { if (!found) print 0 }' "$1"
}

# acc_thread DIR CPU: the workload's thread that is bound to the CPU.  The main one, which comes
# first, only waits.
acc_thread()
{
	tail -n +2 "$1/threads" | awk -v cpu="$2" '$2 == cpu { print $1 }'
}
