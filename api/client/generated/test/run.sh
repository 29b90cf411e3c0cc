#!/usr/bin/env bash
# Lints the OpenAPI document of a live server, and makes and runs clients of it: by openapi-typescript and by OpenAPI Generator in
# TypeScript, Python and Kotlin. Its argument is the built `cellar`; needs node 20.19 or newer with npm, python3 with venv, a JDK of
# version 17 or newer, and Maven. What is made goes below target/.
set -euo pipefail
CELLAR_BINARY=$(realpath "${1:-target/debug/cellar}")
export CELLAR_BINARY
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-$PWD/../../../target}
mkdir -p "$target"
target=$(realpath "$target")

npm ci --silent --no-audit --no-fund --ignore-scripts
venv=$target/clients-venv
if ! cmp -s requirements.txt "$venv/complete"; then
	rm -rf "$venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check --no-input -r requirements.txt
	cp requirements.txt "$venv/complete"
fi
timeout 600 node test/run.mjs "$target/clients"
