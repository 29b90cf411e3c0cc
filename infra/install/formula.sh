#!/usr/bin/env bash
# Fills in the template of the Homebrew formula from the checksums in DIR, and prints it.
#
#   infra/install/formula.sh VERSION OWNER/REPOSITORY DIR
set -euo pipefail

fail() { echo "formula: $*" >&2; exit 1; }

[ $# -eq 3 ] || fail "usage: infra/install/formula.sh VERSION OWNER/REPOSITORY DIR"
version=$1 repository=$2 sums=$3
formula=$(cat "$(dirname "$0")/cellar.rb")
formula=${formula//@REPOSITORY@/$repository}
formula=${formula//@VERSION@/$version}
for target in aarch64-apple-darwin x86_64-apple-darwin aarch64-unknown-linux-gnu x86_64-unknown-linux-gnu; do
    file=$sums/cellar-$version-$target.tar.gz.sha256
    [ -f "$file" ] || fail "$file is missing"
    read -r sum _ <"$file"
    [[ $sum =~ ^[0-9a-f]{64}$ ]] || fail "$file does not begin with a SHA-256"
    formula=${formula//@SHA256_$target@/$sum}
done
# The first line speaks of the template.
tail -n +2 <<<"$formula"
