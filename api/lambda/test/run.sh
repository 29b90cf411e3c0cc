#!/usr/bin/env bash
# The function behind AWS's Runtime Interface Emulator, which Go builds from its source into target/. Its arguments are the built
# `bootstrap` and `cellar`. Without Go it says so and does nothing.
set -euo pipefail
# The module proxy and the checksum database hold the version to what it was.
version=v0.0.0-20261030222936-bef5c4ba774d

bootstrap=$(realpath -e "${1:-target/debug/bootstrap}") cellar=$(realpath -e "${2:-target/debug/cellar}")
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
if ! command -v go >/dev/null; then
	echo "rie: skipped: go is missing; on Debian or Ubuntu: apt-get install golang-go" >&2
	exit 0
fi
tools=$(mkdir -p "${CARGO_TARGET_DIR:-target}" && realpath "${CARGO_TARGET_DIR:-target}")/rie-$version
if [ ! -x "$tools/aws-lambda-rie" ]; then
	echo "rie: building the emulator" >&2
	GOBIN=$tools GOFLAGS=-mod=mod timeout 900 \
		go install "github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie@$version"
fi
timeout 300 python3 api/lambda/test/rie.py "$bootstrap" "$cellar" "$tools/aws-lambda-rie"
