# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# e2e.sh - run a workload in the lab, with or without the daemon, and judge it by the truth.
#
# Sourced by demo.sh and test_e2e.sh.  Needs: $build, $root.

# shellcheck disable=SC2154 # build and root are the caller's
e2e_config=$root/bench/workload/configs/hot-move.cfg

# Memory: what is left of fast memory holds the hot set and a part of the rest.
e2e_fast=320M
e2e_slow=1G

# The daemon's sources; none: what it chooses.  Settings of the virtual PMU, of the virtual CHMU.
e2e_source=
e2e_pmu=
e2e_chmu=

# e2e_run DIR SECONDS DAEMON_AT LAB_OPTIONS [RUN_OPTION...]: results in DIR; the lab's exit status.
e2e_run()
{
	dir=$1
	seconds=$2
	daemon_at=$3
	lab_options=$4
	shift 4
	mkdir -p "$dir"
	[ -z "$e2e_source" ] || set -- --source "$e2e_source" "$@"
	case ",$e2e_source," in
	*,virtual-pmu,*) lab_options="$lab_options --virtual-pmu${e2e_pmu:+=$e2e_pmu}" ;;
	*,chmu,*)
		lab_options="$lab_options --virtual-chmu${e2e_chmu:+=$e2e_chmu}"
		set -- "$@" --chmu-registers
		;;
	esac
	# shellcheck disable=SC2086 # options are words
	"$build/thermocline" lab --fast $e2e_fast --slow $e2e_slow --truth --results "$dir" \
		--timeout $((seconds + 120)) $lab_options -- \
		sh "$root/tests/lab/e2e-guest.sh" "$build" "$e2e_config" "$seconds" "$daemon_at" "$@"
}

# e2e_steady DIR PHASE SKIP: true hit ratio in percent, from SKIP seconds into the phase to its end.
e2e_steady()
{
	"$build/lab/truth-report" --by second "$1/truth.bin" | awk -v phase="$2" -v skip="$3" '
		$2 != phase { next }
		!begun { begun = 1; start = $1 }
		$1 - start >= skip { n = $3 + $4; all += n; hits += n * $5 / 100 }
		END { printf "%.1f\n", (all ? 100 * hits / all : 0) }'
}

# e2e_oracle DIR PHASE: the best possible hit ratio with the same fast memory, in percent.
e2e_oracle()
{
	"$build/lab/truth-report" "$1/truth.bin" |
		awk -v phase="$2" '$1 == phase { printf "%.1f\n", $7 }'
}

# e2e_recovery DIR PHASE: seconds until every second's hit ratio is at least 90 % of the oracle's.
e2e_recovery()
{
	"$build/lab/truth-report" "$1/truth.bin" |
		awk -v phase="$2" '$1 == phase { print $NF }'
}

# e2e_cpu DIR SECONDS: CPU of the daemon over the last SECONDS, in percent of one CPU.
e2e_cpu()
{
	awk -v window="$2" '
		NF == 2 { time[++n] = $1; cpu[n] = $2 }
		END {
			for (i = n; i > 1 && time[n] - time[i] < window; i--)
				;
			d = time[n] - time[i]
			printf "%.1f\n", (d > 0 ? 100 * (cpu[n] - cpu[i]) / d : 0)
		}' "$1/cpu"
}

# e2e_cpu_calm DIR: the least of any 10 s in the last minute, in percent of one CPU: moving pages has
# a budget of its own, and a burst may fall anywhere.
e2e_cpu_calm()
{
	awk '
		NF == 2 { time[++n] = $1; cpu[n] = $2 }
		END {
			for (last = n; last > 1 && time[n] - time[last] < 50; last--) {
				for (i = last; i > 1 && time[last] - time[i] < 10; i--)
					;
				d = time[last] - time[i]
				used = 100 * (cpu[last] - cpu[i]) / d
				if (d >= 10 && (least == "" || used < least))
					least = used
			}
			printf "%.1f\n", least
		}' "$1/cpu"
}

# e2e_json FILE KEY...: a number of the last line of a file of JSON lines, by nested keys.
e2e_json()
{
	file=$1
	shift
	tail -n 1 "$file" 2>/dev/null | tr -d ' \n' | awk -v keys="$*" '
		{
			n = split(keys, key, " ")
			text = $0
			for (i = 1; i <= n; i++) {
				at = index(text, "\"" key[i] "\":")
				if (!at)
					exit
				text = substr(text, at + length(key[i]) + 3)
			}
			if (match(text, /^-?[0-9.]+/))
				print substr(text, 1, RLENGTH)
		}'
}

# e2e_moved DIR: pages that the daemon says it moved, and those that the kernel counted.
e2e_moved()
{
	up=$(e2e_json "$1/daemon.json" migration promotion moved)
	down=$(e2e_json "$1/daemon.json" migration demotion moved)
	kernel=$(awk '/^pgmigrate_success/ { n = $2 - n } END { print n }' \
		"$1/vmstat.before" "$1/vmstat.after")
	echo "$((up + down)) $kernel"
}
