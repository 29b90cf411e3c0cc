#!/usr/bin/env bash
# Builds the package and tests it: against the vectors, a server in the process, a live one, and in headless Chromium.
# Its argument is the built `cellar`; needs node 18 or newer with npm, nginx with its njs module, and chromium.
set -euo pipefail
CELLAR_BINARY=$(realpath "${1:-target/debug/cellar}")
export CELLAR_BINARY
cd "$(dirname "${BASH_SOURCE[0]}")/.."

npm ci --silent --no-audit --no-fund
npm run --silent build -- --log-level=warning
timeout 600 node --test --test-reporter=spec test/*.test.mjs

# What is published: packed, unpacked, and used as a project with strict settings uses it.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm pack --silent --ignore-scripts --pack-destination "$work" >"$work/name"
mkdir -p "$work/node_modules/cellar-client"
tar -xzf "$work/$(cat "$work/name")" -C "$work/node_modules/cellar-client" --strip-components=1
cp test/consumer.ts "$work/"
printf '{"type":"module"}' >"$work/package.json"
node_modules/.bin/tsc --ignoreConfig --strict --exactOptionalPropertyTypes --target es2022 --module nodenext --lib es2022,dom \
	--types '' --outDir "$work/out" --rootDir "$work" "$work/consumer.ts"
node "$work/out/consumer.js"

minified=$(wc -c <dist/cellar-client.min.js)
zipped=$(gzip -9c dist/cellar-client.min.js | wc -c)
echo "minified $minified bytes, with gzip $zipped"
# What the README says it takes at most.
[ "$zipped" -le 8500 ] || { echo "that is more than 8,500 bytes" >&2; exit 1; }
