#!/usr/bin/env bash
# Two regions on this machine, each a server with a Redis of its own behind an edge, over one table; asked by the same users twice: with
# their coordinates, and for the cells that they are in.
#
#   loadtest/benches/two_regions.sh PLACES.csv COLLECTION OUT_DIRECTORY [RATE [DURATION]]
#
# Needs `cellar` and `loadtest` in target/dist (cargo build --profile dist --bins), redis-server and nginx with its njs module. Writes
# raw.json, cell.json and their pages raw.html and cell.html.
set -euo pipefail

places=${1:?a file of places} collection=${2:?a name} out=${3:?a directory} rate=${4:-300} duration=${5:-60s}
programs=${CELLAR_PROGRAMS:-$(cd "$(dirname "$0")/../.." && pwd)/target/dist}
work=$(mktemp -d)
mkdir -p "$out"
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
answers() { for _ in $(seq 600); do curl -fs -o /dev/null "$1" && return; sleep 0.1; done; echo "$1 does not answer" >&2; exit 1; }

"$programs/cellar" import "$places" -c "$collection" --data "$work/data" >&2

# Starts a region; its edge's URL is then in the variable `edge`.
region() {
  local redis server
  redis=$(free_port) server=$(free_port) edge=$(free_port)
  redis-server --port "$redis" --bind 127.0.0.1 --save '' --appendonly no --daemonize no > "$work/redis-$1.log" &
  "$programs/cellar" serve --listen "127.0.0.1:$server" --data "$work/data" --redis "redis://127.0.0.1:$redis" 2> "$work/server-$1.log" >&2 &
  answers "http://127.0.0.1:$server/ready"
  "$programs/cellar" edge --origin "http://127.0.0.1:$server" --listen "127.0.0.1:$edge" 2> "$work/edge-$1.log" >&2 &
  edge=http://127.0.0.1:$edge
  answers "$edge/v1/collections"
}

for mode in raw cell; do
  # Every mode begins with empty caches.
  region east-$mode; east=$edge
  region west-$mode; west=$edge
  verify=()
  [ $mode = raw ] || verify=(--verify 0.02)
  "$programs/loadtest" --rps "$rate" --regions "us-east-1=$east,us-west-2=$west" --duration "$duration" --mode $mode "${verify[@]}" \
    --out "$out/$mode.json" --html "$out/$mode.html"
  kill $(jobs -p) 2>/dev/null || true
  wait 2>/dev/null || true
done
