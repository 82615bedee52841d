#!/usr/bin/env bash
# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# fabric_lab.sh NUMBER EMULATOR...: so many hypervisors in a full mesh (2 to 250) by the tools alone, with the command EMULATOR on each. It
# checks that each VM reaches the next one, says `built`, and ends all of it with its input. Needs root.
patience=300
# shellcheck source=nodes.sh
source "$(dirname "$0")/nodes.sh"
number=$1
shift

underlay() { echo "10.0.0.$1"; }
mac() { printf '00:00:00:00:00:%02x' "$1"; }

start_underlay
for ((n = 1; n <= number; n++)); do start_hypervisor "hv$n"; done
for ((n = 1; n <= number; n++)); do
    start_vtep "hv$n" "$(underlay "$n")/16" "vm$n" "$(mac "$n")" "192.168.1.$n/24" "$@"
    remotes=()
    for ((peer = 1; peer <= number; peer++)); do
        ((peer == n)) && continue
        remotes+=(-- add-ucast-remote ls0 "$(mac "$peer")" "$(underlay "$peer")" -- add-mcast-remote ls0 unknown-dst "$(underlay "$peer")")
    done
    on "hv$n" vtep-ctl "${remotes[@]:1}"
done
for ((n = 1; n <= number; n++)); do
    next=$((n % number + 1))
    until_true "an answer from vm$next to vm$n" on "hv$n" ping -c 1 -W 1 -I "vm$n" "192.168.1.$next"
done
echo built
read -r || :
