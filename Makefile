# What people and CI run. `make test` is the whole gate; it installs what it needs.

CARGO ?= cargo
# The oldest cargo-deny whose configuration deny.toml is written for.
DENY_VERSION := 0.20

.PHONY: test format lint unit deny bench demo cargo-deny curl

test: format lint unit deny

format:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) check -p cellar-api --no-default-features --locked

# A test pastes the commands that `cellar demo` prints, which need curl.
unit: curl
	$(CARGO) test --workspace --locked
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

# Licences, sources and duplicates. Advisories need their database from the network: `cargo deny check advisories`.
deny: cargo-deny
	$(CARGO) deny --all-features check bans licenses sources

cargo-deny:
	@$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install cargo-deny --locked --version "^$(DENY_VERSION)"

curl:
	@command -v curl >/dev/null || { apt-get update -q && apt-get install -q -y curl; }

# Figures for docs/BENCHMARKS.md; the peer is a redis-server from the system's packages.
bench:
	@command -v redis-server >/dev/null || { apt-get update -q && apt-get install -q -y redis-server; }
	$(CARGO) bench -p geo-index --bench warm
	$(CARGO) bench -p geo-index --bench growth
	$(CARGO) test --release -p geo-index --test it counted -- --nocapture
	$(CARGO) bench -p cellar-api --bench import

demo:
	$(CARGO) run --release --bin cellar -- demo
