#!/usr/bin/env bash
# Runs the simulation of a cluster with many seeds, as before a release: scripts/simulate.sh [SEEDS]
#
# Each seed is a cluster of its own with trouble of its own; one that fails is printed with what
# went wrong. The default of 10,000 takes some ten minutes of one processor, and all are used.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib.sh

seeds=${1:-10000}
[[ $seeds =~ ^[1-9][0-9]*$ ]] || bad_usage "$seeds"
install_packages build tests
build_preset release

each=100
seq 1 "$each" "$seeds" | xargs -P "$(nproc)" -I '{}' env \
    INOUT_SIMULATION_FIRST='{}' INOUT_SIMULATION_SEEDS="$each" \
    build/release/bin/unit_tests --gtest_brief=1 \
    --gtest_filter='ClusterSimulation.keeps_what_must_always_hold'
echo "$seeds seeds: all held"
