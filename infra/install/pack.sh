#!/usr/bin/env bash
# Packs the programs that `cargo build --profile dist` made for a target: an archive and its checksum, in DIR.
#
#   infra/install/pack.sh VERSION TARGET DIR
#
# The programs have to be in target/TARGET/dist, and to run here unless they are for another processor.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() { echo "pack: $*" >&2; exit 1; }

[ $# -eq 3 ] || fail "usage: infra/install/pack.sh VERSION TARGET DIR"
version=$1 target=$2 out=$3
built=${CARGO_TARGET_DIR:-target}/$target/dist
name=cellar-$version-$target

mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/$name"
for program in cellar loadtest; do
    [ -x "$built/$program" ] || fail "$built/$program is missing; build it with --profile dist --target $target"
    cp "$built/$program" "$work/$name/"
done
cp README.md CHANGELOG.md LICENSE LICENSE-MIT LICENSE-APACHE "$work/$name/"
cp -R infra/install "$work/$name/install"
# What each says of itself has to be the version that is released.
said=$("$built/cellar" --version 2>/dev/null || true)
[ -z "$said" ] || [ "$said" = "cellar $version" ] || fail "the program says \"$said\", not \"cellar $version\""

tar -C "$work" -czf "$out/$name.tar.gz" "$name"
cd "$out"
if command -v sha256sum >/dev/null; then
    sha256sum "$name.tar.gz" >"$name.tar.gz.sha256"
else
    shasum -a 256 "$name.tar.gz" >"$name.tar.gz.sha256"
fi
echo "$out/$name.tar.gz"
