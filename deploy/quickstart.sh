#!/usr/bin/env bash
# From a fresh Debian 12 machine to a picture: installs what is needed, builds, starts latentd with its embedded model, waits
# until it is healthy, makes the picture, starts Envoy with the web page before it, and keeps serving until Ctrl-C.
#
#   deploy/quickstart.sh [--once] ["a red apple"]
#
# --once ends after the picture. A second run is quick: nothing is downloaded or built twice.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
source deploy/lib.sh

once=false
prompt="a red apple"
for arg in "$@"; do
  case $arg in
    --once) once=true ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) die "unknown option $arg" ;;
    *) prompt=$arg ;;
  esac
done

listen=${LATENTD_LISTEN:-127.0.0.1:50051}
metrics=${LATENTD_METRICS_LISTEN:-127.0.0.1:9464}
web=${LATENTD_WEB_LISTEN:-127.0.0.1:8080}
bin=build/release
picture=$root/build/$(printf '%s' "$prompt" | tr -c 'A-Za-z0-9' '-' | cut -c 1-60).png
log=$root/build/latentd.log
edge_log=$root/build/edge.log

# The tests' libraries need not be there; tests/run.sh turns them on in the same folder.
configure() { cmake --preset release -DLATENTD_TESTS=OFF >build/configure.log 2>&1 || { tail -n 20 build/configure.log; return 1; }; }
build() {
  cmake --build $bin --target latentd latentctl >build/build.log 2>&1 ||
    { grep -E 'error|FAILED' -A 8 build/build.log | head -n 60; return 1; }
}
wait_until_healthy() {
  for _ in $(seq 300); do
    kill -0 "$server" 2>/dev/null || { tail -n 20 "$log"; return 1; }
    # Its own word first: another server may have the port, and answer.
    grep -q '"message":"ready"' "$log" && $bin/client/cli/latentctl health --server "$listen" >/dev/null 2>&1 && return
    sleep 0.1
  done
  tail -n 20 "$log"
  return 1
}
wait_until_page_is_served() {
  for _ in $(seq 300); do
    kill -0 "$edge" 2>/dev/null || { tail -n 20 "$edge_log"; return 1; }
    # Its own word first, as above.
    deploy/envoy/ready.py "$admin/socket" &&
      python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)' "http://$web/healthz" 2>/dev/null && return
    sleep 0.1
  done
  tail -n 20 "$edge_log"
  return 1
}
stop() {
  for process in "$edge" "$server"; do
    [ -z "$process" ] || { kill -TERM "$process" 2>/dev/null; wait "$process" 2>/dev/null; } || true
  done
  rm -rf "$admin"
}

mkdir -p build
step "installing what the build needs" deploy/install.sh
[ -f $bin/build.ninja ] || step "configuring" configure
step "building (a quarter of an hour on two cores the first time)" build

$bin/server/latentd --listen "$listen" --metrics-listen "$metrics" 2>"$log" &
server=$!
edge=
admin=$(mktemp -d)
trap stop EXIT
step "starting latentd" wait_until_healthy
step "making \"$prompt\"" $bin/client/cli/latentctl generate --server "$listen" --model pictograms --prompt "$prompt" --seed 7 --out "$picture"

cat <<END

The picture is $picture
Another one:   $bin/client/cli/latentctl generate --server $listen --model pictograms --prompt "a cat" --out cat.png
END
$once && exit 0
step "installing what the page needs" deploy/install.sh --page
step "building the page" client/web/build.sh
deploy/edge.sh --listen "$web" --backend "$listen" --admin "$admin/socket" >"$edge_log" 2>&1 &
edge=$!
step "starting Envoy" wait_until_page_is_served
cat <<END

The web page:  http://$web
latentd serves gRPC on $listen; logs: $log, $edge_log. Ctrl-C stops both.
END
wait -n $server $edge || true
tail -n 20 "$log" "$edge_log"
die "latentd or Envoy has ended"
