# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Sourced by the scripts beside it: nodes in namespaces, and a VTEP on each, by the tools alone. All of it ends with the script.
# shellcheck shell=bash
set -euo pipefail
declare -A pid
export OVS_RUNDIR=/run/openvswitch OVS_DBDIR=/run/openvswitch OVS_LOGDIR=/run/openvswitch
schemas=/usr/share/openvswitch
patience=${patience:-30}

trap 'kill -KILL "${pid[@]}" 2>/dev/null; wait 2>/dev/null' EXIT

# What a node runs ends with it.
on() { nsenter -t "${pid[$1]}" -a --wd=/ -- "${@:2}"; }

until_true() {  # WHAT COMMAND...: wait for a condition, up to $patience seconds
    local what=$1 deadline=$((SECONDS + patience))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || { echo "${0##*/}: not $what after $patience s" >&2; exit 1; }
        sleep 0.05
    done
}

start() {  # NODE: a process with namespaces of its own
    unshare --net --mount --uts --ipc --pid --fork --kill-child --mount-proc sh -c 'mount -t tmpfs tmpfs /run; exec sleep infinity' 2>/dev/null &
    local parent=$!
    until_true "a node $1" pgrep -P "$parent" sleep
    pid[$1]=$(pgrep -P "$parent")
}

start_underlay() {  # The network that joins the nodes.
    start underlay
    on underlay ip link add underlay type bridge mcast_snooping 0
    on underlay ip link set underlay up
}

start_hypervisor() {  # NODE
    local node=$1
    start "$node"
    on "$node" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    # In the network namespace alone: the other PID means nothing inside.
    nsenter -t "${pid[underlay]}" --net ip link add "$node" type veth peer name eth0 netns "${pid[$node]}"
    on underlay ip link set "$node" master underlay up
    on "$node" ip link set lo up
    on "$node" ip link set eth0 up
    on "$node" mkdir -p /run/openvswitch
}

start_vtep() {  # NODE UNDERLAY/PREFIX VM MAC IP/PREFIX EMULATOR...: the emulator's command goes on in the background
    local node=$1 underlay=$2 vm=$3 mac=$4 ip=$5
    on "$node" ovsdb-tool -vconsole:off create /run/openvswitch/conf.db $schemas/vswitch.ovsschema
    on "$node" ovsdb-tool -vconsole:off create /run/openvswitch/vtep.db $schemas/vtep.ovsschema
    on "$node" ovsdb-server --detach --pidfile --log-file -vconsole:off --remote=punix:/run/openvswitch/db.sock \
        /run/openvswitch/conf.db /run/openvswitch/vtep.db
    on "$node" ovs-vsctl --no-wait init
    on "$node" ovs-vswitchd --detach --pidfile --log-file -vconsole:off
    on "$node" ovs-vsctl add-br br-underlay -- set bridge br-underlay datapath_type=netdev -- add-port br-underlay eth0
    on "$node" ip address add "$underlay" dev br-underlay
    on "$node" ip link set br-underlay up
    on "$node" ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev fail_mode=secure \
        -- add-port br0 "$vm" -- set interface "$vm" type=internal mtu_request=1450 "mac=\"$mac\""
    on "$node" ip address add "$ip" dev "$vm"
    on "$node" ip link set "$vm" up
    on "$node" vtep-ctl add-ps br0 -- set Physical_Switch br0 "tunnel_ips=${underlay%/*}"
    on "$node" "${@:6}"
    until_true "a port of the VTEP on $node" on "$node" sh -c "vtep-ctl list-ports br0 | grep -q $vm"
    on "$node" vtep-ctl add-ls ls0 -- set Logical_Switch ls0 tunnel_key=5000 replication_mode=source_node
    on "$node" vtep-ctl bind-ls br0 "$vm" 0 ls0
}
