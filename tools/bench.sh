#!/bin/sh
# Measures on this machine and keeps the JSON in docs/figures; `make figures` puts it into the READMEs.
# Takes about ten minutes. Close other programs first: the clients share the machine with the server.
set -eu
cd "$(dirname "$0")/.."
out=docs/figures
mkdir -p "$out"

measure() {
  name=$1
  shift
  echo "zhike bench $name $*" >&2
  .venv/bin/zhike bench "$name" "$@" --json >"$out/$name.json.new"
  mv "$out/$name.json.new" "$out/$name.json"
}

measure coldstart
measure ask --sessions 8000 --rate 2000
measure burst
measure idle --sessions 18000
measure crash --kills 200
