#!/usr/bin/env bash
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# seed_lab.sh FOLDER: the lab and the story of scenario `seed` by the tools alone, as one would write it without Ansible: nodes, daemons,
# tables by vtep-ctl, five pings with four captures each, and 10 MiB over TCP. It checks that pings are answered, and nothing else. The
# captures go to FOLDER. Needs root. All of it ends with the script.
# shellcheck source=nodes.sh
source "$(dirname "$0")/nodes.sh"
work=$(realpath "$1")
declare -A address=([hv1]=10.0.0.1 [hv2]=10.1.0.1)

start_underlay
for node in hv1 hv2; do start_hypervisor "$node"; done
for node in hv1 hv2; do
    number=${node#hv}
    start_vtep "$node" "${address[$node]}/8" "vm$number" "00:00:00:00:00:0$number" "192.168.1.$number/24" \
        "$schemas/scripts/ovs-vtep" --log-file --pidfile --detach br0
    peer=hv$((3 - number))
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
