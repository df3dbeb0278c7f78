#!/bin/sh
# shellcheck disable=SC2016 # scripts in quotes are for the guest
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_lab.sh - the lab's promises: streams, exit status, cleaning up, topology, truth.

# shellcheck source=tests/lab/testlib.sh
. "$(dirname "$0")/testlib.sh"

# --- what needs no virtual machine ---

# usage_error TEXT OPTION...: exit status 2 and one line that holds TEXT.
usage_error()
{
	text=$1
	shift
	"$lab" lab "$@" >"$work/out" 2>"$work/err"
	equals 2 $? && equals 1 "$(wc -l <"$work/err")" && grep -F -e "$text" "$work/err"
}

check "a size without unit is refused" usage_error "--fast: '512'" --fast 512 -- true
check "an odd size is refused" usage_error "--slow: '3M'" --slow 3M -- true
check "fast memory too small to boot is refused" usage_error "at least 256M" --fast 128M -- true
check "an unknown property is refused" usage_error "'speed=1'" --slow 1G,speed=1 -- true
check "a latency of nothing is refused" usage_error "lat: ''" --slow 1G,lat= -- true
check "a distance for fast memory is refused" usage_error "for slow nodes" --fast 1G,dist=20 -- true
check "near a node without CPUs is refused" usage_error "near=1" --slow 1G,near=1 -- true
check "no CPUs are refused" usage_error "--cpus" --cpus 0 -- true
check "a negative time-out is refused" usage_error "--timeout" --timeout -1 -- true
check "truth of CXL memory is refused" usage_error "--truth" --truth --cxl -- true
check "delays without truth are refused" usage_error "--truth" --emulate-latency -- true
check "a virtual PMU without truth is refused" usage_error "--truth" --virtual-pmu -- true
check "a setting that a virtual PMU does not have is refused" usage_error "'speed=1'" \
	--truth --virtual-pmu=speed=1 -- true
check "a virtual PMU of no period is refused" usage_error "period: '0'" \
	--truth --virtual-pmu=ops=loads,period=0 -- true
check "no command is refused" usage_error "no command" --fast 512M
check "an unknown option is refused" usage_error "bogus" --bogus -- true

no_kernel_no_network()
{
	# A proxy that nobody listens on stands for the missing network.
	XDG_CACHE_HOME=$work/empty http_proxy=http://127.0.0.1:9 "$lab" lab -- true 2>"$work/err"
	equals 1 $? && equals 1 "$(wc -l <"$work/err")" && grep "no network" "$work/err"
}

require_lab
check "no kernel and no network: one sentence" no_kernel_no_network

"$lab" lab --dry-run >"$work/dry" 2>"$work/err" || {
	skip "everything that boots" "$(tail -n 1 "$work/err")"
	finish
	exit
}
check "a dry run prints QEMU's command line" grep -q "^qemu-system-x86_64 .*-accel tcg" "$work/dry"

dry_run_leaves_nothing()
{
	equals "" "$(ls -A "$TMPDIR")"
}
check "a dry run leaves nothing behind" dry_run_leaves_nothing

# --- streams and exit status ---

head -c 1048576 /dev/urandom >"$work/random"
mkdir "$work/results"
canary=$root/canary.$$
export LAB_TEST_VARIABLE="a  b'c" TEST_NAMED=named TEST_UNNAMED=unnamed
cat >"$work/command.sh" <<EOF
cat
echo "to  stderr" >&2
printf '%s\n' "\$LAB_TEST_VARIABLE" "\$TEST_NAMED" "\${TEST_UNNAMED:-none}" "\$HOME" \
	>/lab/results/env
pwd >"\$LAB_RESULTS/pwd"
hostname >/lab/results/hostname
touch "$canary" && ls "$canary" >/lab/results/overlay
cat /proc/mounts >/lab/results/mounts
cat /sys/class/net/lo/flags >/lab/results/lo
exit 7
EOF
(cd "$work" && "$lab" lab --results results --env TEST_NAMED --timeout 120 -- \
	sh "$work/command.sh" <"$work/random" >"$work/out" 2>"$work/err")
status=$?
in_results()
{
	equals "$2" "$(cat "$work/results/$1")"
}
is_mounted()
{
	grep " $1 $2 " "$work/results/mounts"
}
check "the exit status is the command's" equals 7 $status
check "1 MiB through stdin and stdout is unchanged" cmp "$work/random" "$work/out"
check "stderr is separate and unchanged" equals "to  stderr" "$(cat "$work/err")"
check "the working folder is the same" in_results pwd "$work"
check "the guest is called thermolab" in_results hostname thermolab
check "variables: LAB_*, named ones, no others" in_results env "a  b'c
named
none
/root"
check "the guest may write to the host's files" in_results overlay "$canary"
check "the host's files stay as they were" test ! -e "$canary"
# IFF_UP, IFF_LOOPBACK
check "the loopback interface is up" in_results lo 0x9
check "the kernel's log is in console.log" grep -q "Linux version" "$work/results/console.log"
for mount in "/proc proc" "/sys sysfs" "/dev devtmpfs" "/dev/pts devpts" "/run tmpfs" \
	"/sys/kernel/debug debugfs" "/sys/kernel/tracing tracefs" "/sys/fs/cgroup cgroup2"; do
	# shellcheck disable=SC2086 # two words
	check "mounted: $mount" is_mounted $mount
done

script -qec "'$lab' lab --timeout 120 -- sh -c 'test -t 0 && test -t 1 && test -t 2 && exit 3'" \
	/dev/null </dev/null >"$work/out" 2>&1
check "a terminal is a terminal in the guest" equals 3 $?

# --- topology, and a run without results ---

topology()
{
	"$lab" lab --cpu-nodes 2 --cpus 1 --fast 384M,lat=90,bw=80 --slow 256M,lat=250,bw=30 \
		--slow 320M,lat=400,bw=10,dist=40,near=1 --timeout 120 -- sh -c '
		cd /sys/devices/system/node
		for node in 0 1 2 3; do
			cd node$node/access0/initiators
			echo "$node $(cat read_latency read_bandwidth | xargs)" \
				"$(cat ../../distance | xargs) cpus $(cat ../../cpulist)"
			cd ../../..
		done
		cat /sys/devices/virtual/memory_tiering/*/nodelist | sort | xargs' </dev/null >"$work/topology"
}
check "a topology of four nodes boots" topology
check "nodes, latencies, bandwidths and distances are as asked for" equals \
	"0 90 81920 10 20 20 50 cpus 0
1 90 81920 20 10 30 40 cpus 1
2 250 30720 20 30 10 60 cpus 
3 400 10240 50 40 60 10 cpus 
0-1 2 3" "$(cat "$work/topology")"
check "a run without results leaves nothing behind" equals "" "$(ls -A "$TMPDIR")"

# --- ends that are not the command's ---

no_trace_left()
{
	# QEMU's command line names its folders, which lie in ours.
	! grep -l -a -F "$TMPDIR" /proc/[0-9]*/cmdline 2>/dev/null && equals "" "$(ls -A "$TMPDIR")"
}

"$lab" lab --timeout 8 --results "$work/results" -- sleep 1000 </dev/null >"$work/out" 2>&1
check "--timeout gives 124" equals 124 $?
check "--timeout leaves nothing behind" no_trace_left

"$lab" lab --results "$work/results" -- sleep 1000 </dev/null >"$work/out" 2>&1 &
pid=$!
sleep 4
kill -TERM $pid
wait $pid
check "SIGTERM ends the lab" equals 143 $?
check "SIGTERM leaves nothing behind" no_trace_left

guest_dies()
{
	"$lab" lab --results "$work/results" --timeout 120 -- \
		sh -c 'echo c >/proc/sysrq-trigger' </dev/null 2>"$work/err"
	equals 1 $? && grep "died" "$work/err" && grep "sysrq triggered crash" "$work/err"
}
check "a guest that panics is reported with its log" guest_dies
check "a guest that panics leaves nothing behind" no_trace_left

# An emulator that spoils the first BOOTS boots: the guest's kernel finds no init and panics.
cat >"$work/qemu-system-x86_64" <<END
#!/bin/sh
append=
case " \$* " in *" -kernel "*) echo boot >>"$work/boots" ;; esac
[ \$(wc -l <"$work/boots") -gt "\$(cat "$work/spoil")" ] || append=rdinit=/none
for arg; do
	shift
	case \$arg in console=ttyS0*) arg="\$arg \$append" ;; esac
	set -- "\$@" "\$arg"
done
exec $(command -v qemu-system-x86_64) "\$@"
END
chmod +x "$work/qemu-system-x86_64"

# boots BOOTS_TO_SPOIL STATUS BOOTS
boots()
{
	echo "$1" >"$work/spoil"
	: >"$work/boots"
	PATH=$work:$PATH "$lab" lab --results "$work/results" --timeout 120 -- \
		true </dev/null 2>"$work/err"
	equals "$2" $? && equals "$3" "$(wc -l <"$work/boots")" &&
		equals "$(($3 - 1))" "$(grep -c "booting once more" "$work/err")"
}
check "a kernel that dies while it boots is booted once more" boots 1 0 2
check "at most three times" boots 9 1 3
check "and leaves nothing behind" no_trace_left

# --- truth ---

truth()
{
	${CC:-cc} -O2 -D_GNU_SOURCE -I "$root" "$root/tests/lab/truth/touch.c" -o "$work/touch" &&
		"$lab" lab --truth --emulate-latency=0.1 --timeout 120 --results "$work/results" -- \
			"$work/touch" 1 0 100 30 20 1 50 7 9 </dev/null &&
		"$report" --pages "$work/results/truth.bin" >"$work/pages"
}
pages_are_exact()
{
	awk -F, '
		NR == 1 { next }
		$1 != "touch" || $4 != 1 { bad++ }
		$2 >= 1 && $2 <= 100 && $3 == 0 && $5 == 30 && $6 == 20 { fast++ }
		$2 >= 101 && $2 <= 150 && $3 == 1 && $5 == 7 && $6 == 9 { slow++ }
		END { print NR - 1, fast, slow, bad + 0 }' "$work/pages"
}
check "the truth of a known program is written" truth
check "it is exact: page, node, CPU, reads, writes" equals "150 100 50 0" "$(pages_are_exact)"
# 5000 of 5800 accesses are to fast memory; (5000 * 80 + 800 * 250) / 5800 ns.
check "its hit ratio, oracle and access time are right" equals "0.8621 0.8621 103.4483" \
	"$("$report" --format json "$work/results/truth.bin" |
		sed 's/.*"hit_ratio":\([0-9.]*\),"oracle_ratio":\([0-9.]*\),"amat_ns":\([0-9.]*\).*/\1 \2 \3/')"
head -c 300 "$work/results/truth.bin" >"$work/cut.bin"
check "a truth file that was cut off is read" "$report" "$work/cut.bin"
foreign_is_refused()
{
	"$report" "$work/random" 2>"$work/err"
	equals 1 $? && grep "not a truth file" "$work/err"
}
check "a foreign file is refused" foreign_is_refused

finish
