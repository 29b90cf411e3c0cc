#!/usr/bin/env bash
# Tests of the edge function and of the local edge; needs node 18 or newer, nginx and its njs module.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
exec timeout 120 node --test --test-reporter="${EDGE_TEST_REPORTER:-spec}" ./*.test.mjs
