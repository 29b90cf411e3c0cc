# What people and CI run. `make test` is the whole gate; it installs what it needs.

CARGO ?= cargo
# The oldest cargo-deny whose configuration deny.toml is written for.
DENY_VERSION := 0.20

.PHONY: test format lint docs unit deny edge infra engines report web clients bench fuzz demo count cargo-deny curl redis node npm nginx python chromium java systemd

test: format docs lint unit deny edge infra engines report web clients

format:
	$(CARGO) fmt --all --check

# Figures, decisions and the width of lines in documents.
docs: python
	python3 docs/check.py

lint:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy -p cellar-lambda --locked -- -D warnings

# A test pastes the commands that `cellar demo` prints, which need curl; the cache is tested against redis-server, the
# edge against its function in node and in nginx. The tests of the HTTP API run once more through the Lambda function.
unit: curl redis node nginx python systemd
	$(CARGO) test --workspace --locked
	CELLAR_TEST_TRANSPORT=lambda $(CARGO) test --workspace --test http --locked
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

# Licences, sources and duplicates. Advisories need their database from the network: `cargo deny check advisories`.
deny: cargo-deny
	$(CARGO) deny --all-features check bans licenses sources

cargo-deny:
	@$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install cargo-deny --locked --version "^$(DENY_VERSION)"

curl:
	@command -v curl >/dev/null || { apt-get update -q && apt-get install -q -y curl; }

# The CDN's function, by itself and in nginx in front of a stub origin; node and nginx are from the system's packages.
edge: node nginx
	infra/edge/test/run.sh

# The templates of a deployment, the functions in them and the command that deploys them. Tools are installed in target/infra.
# `cellar` is built as for the unit tests, so that nothing is built twice.
infra: node python redis nginx
	$(CARGO) test -q --workspace --no-run --locked
	infra/check --cellar $${CARGO_TARGET_DIR:-target}/debug/cellar

# The store's tests against engines that others wrote, behind a proxy that misbehaves (docs/CONFORMANCE.md), and the function behind
# AWS's Runtime Interface Emulator if there is Go to build it with. Built as for the unit tests, so that nothing is built twice.
engines: node npm python
	infra/check --dynamodb
	api/lambda/test/run.sh $${CARGO_TARGET_DIR:-target}/debug/bootstrap $${CARGO_TARGET_DIR:-target}/debug/cellar

# The load test's HTML report in headless Chromium. Built as for the unit tests, so that nothing is built twice.
report: node chromium
	$(CARGO) test -q --workspace --no-run --locked
	loadtest/test/browser.sh $${CARGO_TARGET_DIR:-target}/debug/loadtest

# The client in TypeScript and the explorer, against a live server and in headless Chromium. Built as for the unit tests, so that
# nothing is built twice.
web: node npm nginx chromium
	$(CARGO) test -q --workspace --no-run --locked
	api/client/typescript/test/run.sh $${CARGO_TARGET_DIR:-target}/debug/cellar
	api/http/explorer/test/run.sh $${CARGO_TARGET_DIR:-target}/debug/cellar

# What generators make of the OpenAPI document, against a live server. Built as for the unit tests, so that nothing is built twice.
clients: node npm python java
	$(CARGO) test -q --workspace --no-run --locked
	api/client/generated/test/run.sh $${CARGO_TARGET_DIR:-target}/debug/cellar

chromium:
	@command -v chromium >/dev/null || { apt-get update -q && apt-get install -q -y --no-install-recommends chromium; }

python:
	@python3 -c 'import ensurepip' 2>/dev/null || { apt-get update -q && apt-get install -q -y python3-venv; }

# A test has systemd-analyze read the unit of infra/install.
systemd:
	@command -v systemd-analyze >/dev/null || { apt-get update -q && apt-get install -q -y --no-install-recommends systemd; }

java:
	@command -v mvn >/dev/null || { apt-get update -q && apt-get install -q -y --no-install-recommends default-jdk-headless maven; }

node:
	@command -v node >/dev/null || { apt-get update -q && apt-get install -q -y nodejs; }

npm:
	@command -v npm >/dev/null || { apt-get update -q && apt-get install -q -y --no-install-recommends npm; }

nginx:
	@test -e /usr/lib/nginx/modules/ngx_http_js_module.so \
		|| { apt-get update -q && apt-get install -q -y nginx-light libnginx-mod-http-js; }

redis:
	@command -v redis-server >/dev/null || { apt-get update -q && apt-get install -q -y redis-server; }

# Figures for docs/BENCHMARKS.md.
bench: nginx redis
	$(CARGO) bench -p geo-index --bench warm
	$(CARGO) bench -p geo-index --bench growth
	$(CARGO) bench -p geo-index --bench codec
	$(CARGO) test --release -p geo-index --test it counted -- --nocapture
	$(CARGO) bench -p cellar-cache --bench memory
	$(CARGO) bench -p cellar-cache --bench hit_ratio
	$(CARGO) bench -p cellar --bench import
	$(CARGO) bench -p cellar --bench pages
	$(CARGO) bench -p cellar --bench l2
	$(CARGO) bench -p cellar --bench http
	$(CARGO) bench -p cellar --bench edge
	$(CARGO) bench -p cellar-http --bench limiter

# The functions of the fuzz targets over their seeds, damaged at random: a workspace of its own, and not part of the gate.
# For libFuzzer itself, with a nightly toolchain and cargo-fuzz: cd api/fuzz && cargo +nightly fuzz run geojson seeds/geojson
fuzz:
	cd api/fuzz && $(CARGO) test --no-default-features

# To compare two commits: size, public items, and how many packages the load test and the client are built from.
count:
	@echo "lines of Rust     $$(git ls-files '*.rs' | xargs cat | wc -l)"
	@echo "crates            $$($(CARGO) metadata --format-version 1 --no-deps --locked | grep -o '"manifest_path"' | wc -l)"
	@echo "public items      $$(git ls-files '*/src/*.rs' | xargs grep -hE '^\s*pub (async |const )*(fn|struct|enum|trait|const|static|type|mod) ' | wc -l)"
	@for package in cellar-loadtest cellar-client; do \
		echo "$$package tree $$($(CARGO) tree -p $$package -e normal --prefix none --locked | sed 's/ (\*)$$//' | sort -u | wc -l)"; \
	done

demo:
	$(CARGO) run --release --bin cellar -- demo
