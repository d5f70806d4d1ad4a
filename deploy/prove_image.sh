#!/usr/bin/env bash
# Carries out the Dockerfile's steps on a clean root, without a Docker engine: `make image-proof`.
#
# Needs root, debootstrap (installed if missing), and the network for Debian's and Python's packages
# while building. The desk itself then runs in its own network, process and mount namespaces with
# nothing but loopback, so a request to anywhere else would show as a failure.
# What it cannot show: Docker's own layering, and the official python image (Debian 12 with its own
# Python 3.11 stands in for python:3.11-slim-bookworm, which is built on the same Debian).
set -euo pipefail
cd "$(dirname "$0")/.."

[ "$(id -u)" = 0 ] || { echo "image-proof needs root" >&2; exit 1; }
missing=()
command -v debootstrap >/dev/null || missing+=(debootstrap)
command -v ip >/dev/null || missing+=(iproute2)
if [ "${#missing[@]}" -gt 0 ]; then
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
exec timeout --signal=TERM 1500 python3 deploy/image_proof.py "$@"
