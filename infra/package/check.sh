#!/usr/bin/env bash
# Checks a package: its size, that it holds `bootstrap` for the right processor, and which C library that needs.
#
#   infra/package/check.sh ZIP ARCH           ARCH is x86_64 or aarch64
#
# Needs python3 and readelf (binutils). MAX_GLIBC (default 2.34, Amazon Linux 2023) and MAX_ZIP_BYTES
# (default 6 MiB) are the bounds.
set -euo pipefail

fail() { echo "check: $*" >&2; exit 1; }

[ $# -eq 2 ] || fail "two arguments are needed: ZIP ARCH"
zip=$1 arch=$2
max_glibc=${MAX_GLIBC:-2.34} max_zip_bytes=${MAX_ZIP_BYTES:-6291456}
[ -f "$zip" ] || fail "$zip is not there"

zip_bytes=$(stat -c %s "$zip")
[ "$zip_bytes" -le "$max_zip_bytes" ] || fail "$zip has $zip_bytes bytes, more than $max_zip_bytes"

directory=$(mktemp -d)
trap 'rm -r "$directory"' EXIT
binary=$directory/bootstrap
python3 - "$zip" "$binary" <<'PYTHON' 2>/dev/null || fail "$zip holds no file bootstrap"
import os, sys, zipfile
package = zipfile.ZipFile(sys.argv[1])
with open(sys.argv[2], "wb") as binary:
    binary.write(package.read("bootstrap"))
os.chmod(sys.argv[2], package.getinfo("bootstrap").external_attr >> 16 & 0o777)
PYTHON
[ -x "$binary" ] || fail "bootstrap in $zip may not be run; its mode lacks x"

# The header names the machine as the vendors do: `Advanced Micro Devices X86-64`, `AArch64`.
machine=$(LC_ALL=C readelf -h "$binary" 2>/dev/null | sed -n 's/^ *Machine: *//p') || true
case $arch:$machine in
    x86_64:*X86-64 | aarch64:AArch64) ;;
    *) fail "bootstrap is for ${machine:-no machine}, not for $arch" ;;
esac

# The highest version that any symbol asks for; nothing if it is linked statically.
glibc=$(LC_ALL=C readelf --version-info "$binary" | grep -o 'GLIBC_[0-9][0-9.]*' | sort -Vu | tail -n 1) || true
glibc=${glibc#GLIBC_}
highest=$(printf '%s\n' "$glibc" "$max_glibc" | sort -V | tail -n 1)
[ "$highest" = "$max_glibc" ] || fail "bootstrap needs glibc $glibc, newer than $max_glibc"

printf '%-12s %s\n' package "$zip" zip "$zip_bytes bytes (at most $max_zip_bytes)" \
    bootstrap "$(stat -c %s "$binary") bytes, $arch" glibc "${glibc:-none} (at most $max_glibc)"
