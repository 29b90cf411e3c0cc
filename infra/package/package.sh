#!/usr/bin/env bash
# Builds the packages of the Lambda functions: zips with `bootstrap`, for the C library of Amazon Linux 2023 (glibc 2.34).
#
#   infra/package/package.sh                  target/lambda/{bootstrap,importer}/bootstrap.zip for x86_64
#   infra/package/package.sh --arm64          the same for arm64 (Graviton)
#   infra/package/package.sh --out DIR        into DIR/bootstrap/ and DIR/importer/ instead
#
# Needs cargo, python3 with venv, and readelf (binutils). cargo-lambda and zig come from PyPI into
# target/package-tools. What it builds is checked (check.sh) before it says where it is.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() { echo "package: $*" >&2; exit 1; }

arch=x86_64 out=target/lambda
while [ $# -gt 0 ]; do
    case $1 in
        --arm64) arch=aarch64 ;;
        --out) [ $# -gt 1 ] || fail "--out needs a directory"; out=$2; shift ;;
        -h | --help) sed -n '2,9s/^# \{0,1\}//p' infra/package/package.sh; exit ;;
        *) fail "$1 is no option; allowed: --arm64, --out DIR" ;;
    esac
    shift
done

target=$arch-unknown-linux-gnu
for tool in cargo python3 readelf; do
    command -v "$tool" >/dev/null || fail "$tool is missing; install it"
done
[ -d "$(rustc --print target-libdir --target "$target")" ] \
    || fail "Rust's library for $target is missing; run: rustup target add $target"

tools=target/package-tools
if ! cmp -s infra/package/requirements.txt "$tools/requirements.txt"; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check -r infra/package/requirements.txt
    cp infra/package/requirements.txt "$tools/requirements.txt"
fi

# One after the other: together, the function would be built with what the worker needs of crates that both use.
# With its path in front, cargo finds `cargo-lambda`, and that finds zig.
# Nobody waits for a cold start of the worker, which has all formats in it.
for program in lambda:bootstrap:${MAX_ZIP_BYTES:-} importer:importer:${MAX_ZIP_BYTES:-20971520}; do
    IFS=: read -r crate name most <<<"$program"
    PATH="$PWD/$tools/bin:$PATH" cargo lambda build --locked --profile dist --target "$target.2.34" \
        --package "cellar-$crate" --bin "$name" \
        --output-format binary --lambda-dir "$out"
    "$tools/bin/python" infra/package/shrink.py "$out/$name/bootstrap" "$out/$name/bootstrap.zip"
    MAX_ZIP_BYTES=$most infra/package/check.sh "$out/$name/bootstrap.zip" "$arch"
done
