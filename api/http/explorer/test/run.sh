#!/usr/bin/env bash
# Whether explorer.html is what its sources make, and the explorer in headless Chromium.
# Its argument is the built `cellar`; needs node 18 or newer with npm, and chromium.
set -euo pipefail
CELLAR_BINARY=$(realpath "${1:-target/debug/cellar}")
export CELLAR_BINARY
cd "$(dirname "${BASH_SOURCE[0]}")/.."

npm ci --silent --no-audit --no-fund
node_modules/.bin/tsc
node build.mjs --check
timeout 600 node --test --test-reporter=spec test/*.test.mjs
