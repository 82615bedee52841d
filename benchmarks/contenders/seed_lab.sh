#!/usr/bin/env bash
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# seed_lab.sh FOLDER: the lab and the story of scenario `seed` by the tools alone, as one would write it without Ansible: nodes, daemons,
# tables by vtep-ctl, five pings with four captures each, and 10 MiB over TCP. It checks that pings are answered, and nothing else. The
# captures go to FOLDER. Needs root. All of it ends with the script.
set -euo pipefail
work=$(realpath "$1")
declare -A pid address=([hv1]=10.0.0.1 [hv2]=10.1.0.1)
export OVS_RUNDIR=/run/openvswitch OVS_DBDIR=/run/openvswitch OVS_LOGDIR=/run/openvswitch
schemas=/usr/share/openvswitch

trap 'kill -KILL "${pid[@]}" 2>/dev/null; wait 2>/dev/null' EXIT

# What a node runs ends with it.
on() { nsenter -t "${pid[$1]}" -a --wd=/ -- "${@:2}"; }

until_true() {  # WHAT COMMAND...: wait for a condition, up to 30 seconds
    local what=$1 deadline=$((SECONDS + 30))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || { echo "seed_lab.sh: not $what after 30 s" >&2; exit 1; }
        sleep 0.05
    done
}

start() {  # NODE: a process with namespaces of its own
    unshare --net --mount --uts --ipc --pid --fork --kill-child --mount-proc sh -c 'mount -t tmpfs tmpfs /run; exec sleep infinity' 2>/dev/null &
    local parent=$!
    until_true "a node $1" pgrep -P "$parent" sleep
    pid[$1]=$(pgrep -P "$parent")
}

# The nodes, and the network that joins them.
for node in underlay hv1 hv2; do start "$node"; done
on underlay ip link add underlay type bridge mcast_snooping 0
on underlay ip link set underlay up
for node in hv1 hv2; do
    on "$node" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    # In the network namespace alone: the other PID means nothing inside.
    nsenter -t "${pid[underlay]}" --net ip link add "$node" type veth peer name eth0 netns "${pid[$node]}"
    on underlay ip link set "$node" master underlay up
    on "$node" ip link set lo up
    on "$node" ip link set eth0 up
    on "$node" mkdir -p /run/openvswitch
done

# A VTEP on each hypervisor.
for node in hv1 hv2; do
    vm=vm${node#hv}
    on "$node" ovsdb-tool -vconsole:off create /run/openvswitch/conf.db $schemas/vswitch.ovsschema
    on "$node" ovsdb-tool -vconsole:off create /run/openvswitch/vtep.db $schemas/vtep.ovsschema
    on "$node" ovsdb-server --detach --pidfile --log-file -vconsole:off --remote=punix:/run/openvswitch/db.sock \
        /run/openvswitch/conf.db /run/openvswitch/vtep.db
    on "$node" ovs-vsctl --no-wait init
    on "$node" ovs-vswitchd --detach --pidfile --log-file -vconsole:off
    on "$node" ovs-vsctl add-br br-underlay -- set bridge br-underlay datapath_type=netdev -- add-port br-underlay eth0
    on "$node" ip address add "${address[$node]}/8" dev br-underlay
    on "$node" ip link set br-underlay up
    on "$node" ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev fail_mode=secure \
        -- add-port br0 "$vm" -- set interface "$vm" type=internal mtu_request=1450 "mac=\"00:00:00:00:00:0${vm#vm}\""
    on "$node" ip address add "192.168.1.${vm#vm}/24" dev "$vm"
    on "$node" ip link set "$vm" up
    on "$node" vtep-ctl add-ps br0 -- set Physical_Switch br0 "tunnel_ips=${address[$node]}"
    on "$node" $schemas/scripts/ovs-vtep --log-file --pidfile --detach br0
    until_true "a port of the VTEP on $node" on "$node" sh -c "vtep-ctl list-ports br0 | grep -q $vm"
    peer=hv$((3 - ${node#hv}))
    on "$node" vtep-ctl add-ls ls0 -- set Logical_Switch ls0 tunnel_key=5000 replication_mode=source_node
    on "$node" vtep-ctl bind-ls br0 "$vm" 0 ls0
    on "$node" vtep-ctl add-ucast-remote ls0 "00:00:00:00:00:0${peer#hv}" "${address[$peer]}"
    on "$node" vtep-ctl add-mcast-remote ls0 unknown-dst "${address[$peer]}"
done
until_true "an answer from vm2" on hv1 ping -c 1 -W 1 -I vm1 192.168.1.2

forget() {
    for node in hv1 hv2; do
        on "$node" ip neigh flush all
        on "$node" ovs-appctl revalidator/purge
        on "$node" ovs-appctl fdb/flush
        on "$node" ovs-appctl tnl/neigh/flush
    done
}

# Whether the tunnel's flow is there, which is what the emulator does with a row.
floods() { on "$1" sh -c "ovs-ofctl dump-flows br0_vtep_ls1 table=1 | grep -q 'priority=0 actions=output:[0-9]*,output'"; }
floods_not() { ! floods "$1"; }

chapter() {  # NAME REPLIES
    local captures=() node
    for node in hv1 hv2; do
        for interface in eth0 "vm${node#hv}"; do
            on "$node" tcpdump --immediate-mode -U -n -i "$interface" -w "$work/$node-$interface-$1.pcap" 2>"$work/said-$node-$interface" &
            captures+=($!)
            until_true "a capture at $interface of $node" grep -q listening "$work/said-$node-$interface"
        done
    done
    replies=$(on hv1 ping -c 3 -i 0.2 -W 3 -I vm1 192.168.1.2 | sed -n 's/.* \([0-9]*\) received.*/\1/p' || :)
    for node in hv1 hv2; do on "$node" pkill tcpdump; done
    wait "${captures[@]}"
    [[ $replies == "$2" ]] || { echo "seed_lab.sh: $1: $replies replies, not $2" >&2; exit 1; }
}

forget
chapter first 3
on hv1 vtep-ctl del-mcast-remote ls0 unknown-dst 10.1.0.1
until_true "what is left without the multicast remote" floods_not hv1
chapter no_mcast_cached 3
forget
chapter no_mcast_flushed 0
on hv1 vtep-ctl add-mcast-remote ls0 unknown-dst 10.1.0.1
until_true "the flow of the multicast remote" floods hv1
forget
chapter restored 3
on hv2 vtep-ctl del-mcast-remote ls0 unknown-dst 10.0.0.1
until_true "what is left without the multicast remote" floods_not hv2
forget
chapter one_sided 3
on hv2 vtep-ctl add-mcast-remote ls0 unknown-dst 10.0.0.1
until_true "the flow of the multicast remote" floods hv2

head -c 10485760 /dev/urandom > "$work/sent"
on hv2 python3 -c 'import socket, sys
with socket.create_server(("192.168.1.2", 4000)) as server, open(sys.argv[1], "wb") as file:
    print("listening", flush=True)
    connection, _ = server.accept()
    while part := connection.recv(65536):
        file.write(part)' "$work/received" > "$work/said-receiver" &
until_true "a receiver" grep -q listening "$work/said-receiver"
on hv1 python3 -c 'import socket, sys
with socket.socket() as sender, open(sys.argv[1], "rb") as file:
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"vm1")
    sender.connect(("192.168.1.2", 4000))
    sender.sendfile(file)' "$work/sent"
wait %%
cmp "$work/sent" "$work/received"
