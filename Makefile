# What people and CI run. `make test` is the whole gate; it installs what it needs.

CARGO ?= cargo
# The oldest cargo-deny whose configuration deny.toml is written for.
DENY_VERSION := 0.20

.PHONY: test format lint unit deny edge infra report bench demo cargo-deny curl redis node nginx python chromium

test: format lint unit deny edge infra report

format:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) check -p cellar-api --no-default-features --locked
	$(CARGO) clippy -p cellar-api --lib --bin bootstrap --no-default-features --features lambda --locked -- -D warnings

# A test pastes the commands that `cellar demo` prints, which need curl; the cache is tested against redis-server, the
# edge against its function in node and in nginx. The tests of the HTTP API run once more through the Lambda function.
unit: curl redis node nginx
	$(CARGO) test --workspace --locked
	CELLAR_TEST_TRANSPORT=lambda $(CARGO) test --workspace --test it --locked -- http::
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

# The load test's HTML report in headless Chromium. Built as for the unit tests, so that nothing is built twice.
report: node chromium
	$(CARGO) test -q --workspace --no-run --locked
	loadtest/test/browser.sh $${CARGO_TARGET_DIR:-target}/debug/loadtest

chromium:
	@command -v chromium >/dev/null || { apt-get update -q && apt-get install -q -y --no-install-recommends chromium; }

python:
	@python3 -c 'import ensurepip' 2>/dev/null || { apt-get update -q && apt-get install -q -y python3-venv; }

node:
	@command -v node >/dev/null || { apt-get update -q && apt-get install -q -y nodejs; }

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
	$(CARGO) bench -p cellar-api --bench import
	$(CARGO) bench -p cellar-api --bench pages
	$(CARGO) bench -p cellar-api --bench l2
	$(CARGO) bench -p cellar-api --bench http
	$(CARGO) bench -p cellar-api --bench edge

demo:
	$(CARGO) run --release --bin cellar -- demo
