# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# chmu-lib.sh - run a workload on slow memory with a virtual CHMU; judge what the source chmu reported by
# the truth.
#
# Sourced by test_chmu.sh.  Needs: $build, $root.

# What the source may take to settle, and how long it is judged, in seconds.
chmu_skip=10
chmu_watch=20

# chmu_run DIR CONFIG SETTINGS [OPTION...]: of the device, and of source-reports; results in DIR.
# shellcheck disable=SC2154 # build and root are the caller's
chmu_run()
{
	dir=$1
	config=$2
	settings=$3
	shift 3
	rm -rf "$dir"
	mkdir -p "$dir"
	"$build/thermocline" lab --fast 512M --slow 512M --truth \
		--virtual-chmu${settings:+=$settings} --results "$dir" --timeout 200 -- \
		sh "$root/tests/lab/chmu-guest.sh" "$build" "$config" \
		$((chmu_skip + chmu_watch + 4)) $chmu_skip $chmu_watch "$@" >"$dir/lab.log" 2>&1
}

# chmu_truth DIR PHASE reads|writes|all: address and accesses of each page, hottest first.
chmu_truth()
{
	"$build/lab/truth-report" --physical-pages "$1/truth.bin" 2>"$1/truth.log" |
		awk -F, -v phase="$2" -v kind="$3" '
			NR > 1 && $1 == phase {
				n = (kind == "writes" ? 0 : $4) + (kind == "reads" ? 0 : $5)
				print $2, n
			}' | sort -k2,2nr
}

# chmu_seen DIR: address and accesses of each page that was listed, hottest first.
chmu_seen()
{
	awk -F, 'NR > 1 && $3 == "exact" && $6 > 0 { n[$1] += $6 }
		END { for (a in n) print a, n[a] }' "$1/reports.csv" | sort -k2,2nr
}

# chmu_judge DIR PHASE reads|writes|all PERCENT: of the hottest PERCENT of the pages that were
# accessed: "recall precision listed", in percent.  Recall: of those by truth, which were reported.
# Precision: of as many, the hottest by the reports, which are among those by truth.
chmu_judge()
{
	chmu_truth "$1" "$2" all | wc -l >"$1/pages"
	top=$(($(cat "$1/pages") * $4 / 100))
	chmu_truth "$1" "$2" "$3" | head -n $top | cut -d' ' -f1 | sort >"$1/top.truth"
	chmu_seen "$1" | cut -d' ' -f1 | sort >"$1/listed"
	chmu_seen "$1" | head -n $top | cut -d' ' -f1 | sort >"$1/top.seen"
	both=$(comm -12 "$1/top.truth" "$1/top.seen" | wc -l)
	any=$(comm -12 "$1/top.truth" "$1/listed" | wc -l)
	awk -v both="$both" -v any="$any" -v top="$top" -v seen="$(wc -l <"$1/top.seen")" \
		-v listed="$(wc -l <"$1/listed")" 'BEGIN {
		if (top && seen)
			printf "%.1f %.1f %d\n", 100 * any / top, 100 * both / seen, listed
	}'
}
