#!/usr/bin/env bash
# The HTML reports in headless Chromium, and what a browser makes of them: of a short run against a stub origin, and of a matrix that was
# saved (matrix.sample.json: what a small one printed, to be drawn; no measurement).
# Its argument is the built command; needs node and chromium.
set -euo pipefail
loadtest=$(realpath "${1:-target/debug/loadtest}")
cd "$(dirname "${BASH_SOURCE[0]}")"

work=$(mktemp -d)
origin=
trap '[ -z "$origin" ] || kill "$origin" 2>/dev/null; rm -rf "$work"' EXIT

node origin.mjs >"$work/port" &
origin=$!
for _ in $(seq 300); do [ -s "$work/port" ] && break; sleep 0.1; done
port=$(cat "$work/port")
[ -n "$port" ] || { echo "the stub origin has not come up within 30 s" >&2; exit 1; }

regions=us-east-1=http://127.0.0.1:$port,us-west-2=http://127.0.0.1:$port
"$loadtest" --regions "$regions" --collection places --rps 100 --duration 4s --late-after 30s --time-limit 30s \
	--html "$work/report.html" --fail-if 'p99>1000s' 2>"$work/run.log" >&2 || { cat "$work/run.log" >&2; exit 1; }

"$loadtest" matrix --from matrix.sample.json --html "$work/matrix.html" >"$work/matrix.log"

cp browser.html "$work/"
look() {
	local dom=$work/$1.dom log=$work/$1.browser.log
	# The browser logs what pages write to the console; a page that was forbidden something writes there too.
	timeout 120 chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$work/profile" \
		--allow-file-access-from-files --enable-logging=stderr --window-size=1300,900 --virtual-time-budget=20000 \
		--dump-dom "file://$work/browser.html?$1" >"$dom" 2>"$log" \
		|| { cat "$log" >&2; echo "chromium has failed" >&2; exit 1; }

	if grep CONSOLE "$log" >&2; then
		echo "$1.html writes to the console, or is forbidden something" >&2
		exit 1
	fi
	echo "$1.html"
	sed -n '/<pre id="found">/,/<\/pre>/p' "$dom" | sed 's/<[^>]*>//g'
	grep -q '<html lang="en" data-verdict="passed">' "$dom" || { echo "$1.html does not pass in a browser" >&2; exit 1; }
}
look report
look matrix
