#!/usr/bin/env bash
# build.sh OUT: builds real etcd, etcdctl, etcdutl and benchmark 3.6.5 and etcd 3.5.23 (as etcd-last-release) from the Go module
# proxy into OUT, for the interop suites and the benchmarks. Needs Go; what exists is not built again. Then: REAL_ETCD_DIR=OUT.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "${1:?usage: build.sh OUT}" && cd "$1" && pwd)
export GOTOOLCHAIN=local GOFLAGS=-mod=mod
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$here/current" "$here/last" "$work/"

build() { # build NAME PACKAGE: a partial build never looks like a finished one
  [ -x "$out/$1" ] && return
  go build -o "$out/$1.partial" "$2" && mv "$out/$1.partial" "$out/$1"
}
cd "$work/current"
build etcd go.etcd.io/etcd/server/v3
build etcdctl go.etcd.io/etcd/etcdctl/v3
build etcdutl go.etcd.io/etcd/etcdutl/v3
build benchmark go.etcd.io/etcd/v3/tools/benchmark
cd "$work/last"
build etcd-last-release go.etcd.io/etcd/server/v3
"$out/etcd" --version
