#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nodes-guest.sh BUILD SOURCE_TREE - in a guest with two CPU nodes (0, 1) and slow nodes 2 and 3 of
# different latency: tiers are found, and hot memory goes to the node of the CPU that uses it.
set -u

thermocline=$1/thermocline
generator=$1/bench/workload-gen
cgroup=/sys/fs/cgroup/nodes

say()
{
	if [ "$1" -eq 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		tail -n 8 /tmp/out | sed 's/^/#   /'
	fi
}

tier_of() # NODE
{
	awk -v node="$1" '$1 == node && NF == 4 { print $2 }' /tmp/out
}

# One thread on the last CPU, which is node 1's; its memory begins on node 2.
cat >/tmp/hot.cfg <<END
memory, 48M, none

thread only cpu=3

hot
60000
memory, 1, 0, 1, rw=70
END
echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
mkdir -p $cgroup
echo 2 >$cgroup/cpuset.mems
sh -c "echo \$\$ >$cgroup/cgroup.procs; exec $generator --thp never --duration 60 /tmp/hot.cfg" \
	>/tmp/work 2>&1 &
workload=$!
sleep 3
# No migration comes with this: v2 moves pages only where they would be forbidden.
echo 0-3 >$cgroup/cpuset.mems
"$thermocline" run --pid $workload --status-interval 5 >/tmp/daemon 2>&1 &
daemon=$!
tries=0
until [ $tries -ge 50 ]; do
	sleep 1
	tries=$((tries + 1))
	"$thermocline" ctl status >/tmp/out 2>&1
	# N1=... in numa_maps: pages on node 1
	on_1=$(grep -o 'N1=[0-9]*' /proc/$workload/numa_maps | awk -F= '{ n += $2 } END { print n + 0 }')
	[ "$on_1" -gt 10000 ] && break
done
[ "$(tier_of 0)$(tier_of 1)" = 00 ]
say $? "both CPU nodes are the top tier"
[ "$(tier_of 2)" = 1 ] && [ "$(tier_of 3)" = 2 ]
say $? "slow nodes of different latency are tiers of their own"
cp /tmp/daemon /tmp/out
grep -o 'N[0-9]=[0-9]*' /proc/$workload/numa_maps | sort | uniq -c | sort -rn | head -5 >>/tmp/out
[ "$on_1" -gt 10000 ]
say $? "hot memory goes up to the node of the CPU that uses it"
kill $daemon
wait $daemon
say $? "the daemon ends with status 0"
kill $workload
exit 0
