#!/usr/bin/env bash
# conformance.sh [TEST[/SUBTEST]…]: runs etcd v3.6.5's own black-box suite tests/common against dist/shims/etcd with real etcdctl and etcdutl.
# Without names: those listed in conformance.txt, which must all pass. Needs Go and REAL_ETCD_DIR (see real-etcd/build.sh).
# Last line: N passed, N failed.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
real=${REAL_ETCD_DIR:?set it to the folder that real-etcd/build.sh filled}
cap=${CONFORMANCE_CAP_SECONDS:-120}
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

binary=$real/common-e2e.test
module=$(cd "$here/real-etcd/current" && GOFLAGS=-mod=mod GOTOOLCHAIN=local go list -m -f '{{.Dir}}' go.etcd.io/etcd/tests/v3 2> /dev/null)
if [ ! -x "$binary" ]; then
  cp -r "$here/real-etcd/current" "$work/build"
  (cd "$work/build" && GOFLAGS=-mod=mod GOTOOLCHAIN=local go test -c -tags e2e -o "$binary" go.etcd.io/etcd/tests/v3/common) || exit 1
  module=$(cd "$work/build" && GOFLAGS=-mod=mod GOTOOLCHAIN=local go list -m -f '{{.Dir}}' go.etcd.io/etcd/tests/v3)
fi
mkdir -p "$work/bin" "$work/tests"
ln -s "$root/dist/shims/etcd" "$work/bin/etcd"
ln -s "$real/etcdctl" "$real/etcdutl" "$work/bin/"
cp -r "$module/common" "$module/fixtures" "$work/tests/"
chmod -R u+w "$work/tests"

if [ $# -gt 0 ]; then tests=("$@"); else mapfile -t tests < <(grep -v '^#' "$here/conformance.txt"); fi
passed=0
failed=0
for entry in "${tests[@]}"; do # TestName, TestName/SubTest, or TestName/Group of sub-tests
  test=${entry%%/*}
  log=$work/$test.log
  (cd "$work/tests/common" && timeout -k 5 $((cap + 10)) "$binary" -bin-dir "$work/bin" -test.run "^${entry//\//\$/^}\$" -test.v -test.timeout "${cap}s") > "$log" 2>&1 < /dev/null
  # A selector that matches no sub-test passes in no time: the sub-test itself must have run.
  if grep -aqE -- "^--- PASS: $test " "$log" && grep -aqE -- "^ *--- PASS: $entry[ /]" "$log"; then
    passed=$((passed + 1))
    grep -aE -- "^--- PASS: $test " "$log"
  else
    failed=$((failed + 1))
    echo "--- FAIL: $entry"
    grep -aE -- '(--- FAIL|Error:|Error Trace|panic:)' "$log" | head -20
    [ -n "${CONFORMANCE_KEEP:-}" ] && cp "$log" "$CONFORMANCE_KEEP/"
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
