#!/usr/bin/env bash
# What run.sh runs in namespaces of its own: a container, seen from outside and at work, alone and behind that of the edge.
#
#   tests/image/try_cpu.sh CONTAINER EDGE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source deploy/lib.sh
source tests/image/buildah.sh

container=$1
edge=$2
root=$(buildah mount "$container")
work=$(mktemp -d)
chmod 1777 "$work"
trap 'rm -rf "$work"' EXIT
# buildah's isolation by chroot writes into the root and has no switch against it. The second run, by chroot itself, has the
# same root read-only as a mount, for root as well.
sealed=$(mktemp -d)
mount --bind "$root" "$sealed"
mount -o remount,bind,ro "$sealed"
mount --bind "$work" "$sealed/tmp"
for folder in proc dev; do mount --rbind "/$folder" "$sealed/$folder"; done
ip link set lo up

inside() { buildah run --isolation chroot --volume "$work:/tmp" "$@"; }

says_what_it_is() {
  [ "$(config "$container" .Docker.Config.User)" = 65532:65532 ] || die "the user is $(config "$container" .Docker.Config.User)"
  [ "$(list "$container" .Docker.Config.Entrypoint)" = "latentd " ] || die "the entry point is $(list "$container" .Docker.Config.Entrypoint)"
  [ "$(list "$container" .Docker.Config.Healthcheck.Test)" = "CMD latentctl health " ] || die "the health check is $(list "$container" .Docker.Config.Healthcheck.Test)"
  local version; version=$(inside "$container" -- latentd --version)
  [[ "$version" == *"$(config "$container" 'index .Docker.Config.Labels "org.opencontainers.image.version"')"* ]] || die "the label is not of $version"
  [ "$(config "$container" 'index .Docker.Config.Labels "org.opencontainers.image.revision"')" = "$(git rev-parse HEAD)" ] || die "the revision's label is wrong"
}

# Whatever its folder: by name, and by what it is.
has_only_what_it_needs() {
  local programs found
  programs=$(cd "$root" && find usr/bin -mindepth 1 -printf '%f\n' | sort | xargs)
  [ "$programs" = "latentctl latentd" ] || die "there are other programs: $programs"
  found=$(find "$root" -regextype posix-extended \( -regex '.*/(python|perl|gcc|g\+\+|cc1|clang|cmake|ninja|make|ld|as|bash|dash|sh|apt|dpkg)[0-9.-]*' \
    -o -name '*.py' -o -name '*.a' -o -perm /6000 \) \! -path "$root/var/lib/dpkg*" \! -path "$root/usr/share/doc/*" \! -name 'ld-linux-*')
  [ -z "$found" ] || die "this does not belong there: $found"
  found=$(find "$root" \! -type l \( -perm -o+w -o -uid 65532 -o -gid 65532 \) \! -path "$root/tmp")
  [ -z "$found" ] || die "65532 can write there: $found"
}

running() { pgrep -x latentd >/dev/null; }
wait_for() { for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return; running || return 1; sleep 0.2; done; return 1; }
is_healthy() { inside "$container" -- $(list "$container" .Docker.Config.Healthcheck.Test | sed 's/^CMD //'); }
starts() { for _ in $(seq 100); do running && return; sleep 0.1; done; return 1; }

serves() {
  inside "$container" -- latentd 2>"$work/log" &
  local runtime=$! pid
  starts && wait_for is_healthy || { cat "$work/log"; die "it does not become healthy"; }
  pid=$(pgrep -x latentd)
  grep -Eq '^Uid:(\s+65532){4}$' "/proc/$pid/status" || die "it runs as $(grep Uid "/proc/$pid/status")"
  inside "$container" -- latentctl health
  local kind
  for kind in png webp jpg; do
    inside "$container" -- latentctl generate --model pictograms --prompt "a red apple" --seed 7 --out "/tmp/apple.$kind" | tail -n 1
  done
  python3 -c '
import sys
for name, begin in {"png": b"\x89PNG\r\n", "webp": b"RIFF", "jpg": b"\xff\xd8\xff"}.items():
    data = open(f"{sys.argv[1]}/apple.{name}", "rb").read()
    assert data.startswith(begin) and len(data) > 500, name' "$work"
  kill -TERM "$pid"
  wait $runtime || die "its exit code after SIGTERM is $?"
  grep -q '"message":"stopped"' "$work/log" || die "it did not stop by itself"
}

by_chroot() { chroot --userspec="$1" "$sealed" "${@:2}"; }

# Process 1 has no default handlers. Half a minute is what Kubernetes gives; a job that takes longer is running.
is_process_1_on_a_read_only_root() {
  unshare --pid --fork chroot --userspec=65532:65532 "$sealed" /usr/bin/latentd --drain-timeout 2s 2>"$work/log" &
  local runtime=$! began
  starts && wait_for by_chroot 65532:65532 /usr/bin/latentctl health || { cat "$work/log"; die "it does not become healthy"; }
  grep -Eq '^NSpid:.*\s1$' "/proc/$(pgrep -x latentd)/status" || die "it is not process 1"
  by_chroot 65532:65532 /usr/bin/latentctl generate --model pictograms --prompt "a red apple" --seed 7 --out /tmp/sealed.png | tail -n 1
  cmp "$work/apple.png" "$work/sealed.png"
  by_chroot 0:0 /usr/bin/latentctl generate --model pictograms --prompt "" --steps 1 --out /usr/x.png >"$work/refused" 2>&1 && die "the root can be written to"
  [ ! -e "$root/usr/x.png" ] || die "the root was written to"
  by_chroot 65532:65532 /usr/bin/latentctl generate --model pictograms --prompt "a cat" --steps 999 --num-images 8 --detach --out /tmp/cat.png >/dev/null
  began=$SECONDS
  kill -TERM "$(pgrep -x latentd)"
  timeout 30 tail --pid=$runtime -f /dev/null || die "it runs on, 30 s after SIGTERM"
  wait $runtime || die "its exit code after SIGTERM is $?"
  printf '  stopped in %d s, with a job that was running\n' $((SECONDS - began))
}

# Process 1 has no default handlers for that either.
ends_at_a_second_signal() {
  unshare --pid --fork chroot --userspec=65532:65532 "$sealed" /usr/bin/latentd 2>"$work/log" &
  local runtime=$! pid code=0
  starts && wait_for by_chroot 65532:65532 /usr/bin/latentctl health || { cat "$work/log"; die "it does not become healthy"; }
  pid=$(pgrep -x latentd)
  by_chroot 65532:65532 /usr/bin/latentctl generate --model pictograms --prompt "a cat" --steps 999 --num-images 8 --detach --out /tmp/cat.png >/dev/null
  kill -TERM "$pid"
  wait_for grep -q '"finishing what was accepted"' "$work/log"
  kill -TERM "$pid"
  wait $runtime || code=$?
  [ $code = 143 ] || die "its exit code is $code"
}

# By the check of its own.
edge_is_healthy() { inside "$edge" -- $(list "$edge" .Docker.Config.Healthcheck.Test | sed 's/^CMD //'); }
answers() { curl --fail --silent --output "$work/answer" "$@"; }

# The page, JSON and a picture, by the image's own entry point.
is_reached_through_the_edge() {
  local served entry
  [ "$(config "$edge" .Docker.Config.User)" = 65532:65532 ] || die "the user is $(config "$edge" .Docker.Config.User)"
  inside "$container" -- latentd 2>"$work/log" &
  served=$!
  starts && wait_for is_healthy || { cat "$work/log"; die "it does not become healthy"; }
  read -ra entry <<<"$(list "$edge" .Docker.Config.Entrypoint)"
  inside "$edge" -- "${entry[@]}" --listen 127.0.0.1:8080 --backend 127.0.0.1:50051 2>"$work/edge.log" &
  wait_for answers http://127.0.0.1:8080/v1/models || { cat "$work/edge.log"; die "the edge does not answer"; }
  grep -q '"pictograms"' "$work/answer"
  edge_is_healthy || die "it answers, but says that it is not healthy"
  answers http://127.0.0.1:8080/ && grep -qi '<html' "$work/answer" || die "there is no page"
  inside "$container" -- latentctl generate --server 127.0.0.1:8080 --model pictograms --prompt "a red apple" --seed 7 --out /tmp/edge.png | tail -n 1
  cmp "$work/apple.png" "$work/edge.png"
  grep -Eq '^Uid:(\s+65532){4}$' "/proc/$(pgrep -x envoy)/status" || die "Envoy runs as somebody else"
  # As the chart's preStop does.
  inside "$edge" -- /usr/share/latentd/envoy/drain.py /tmp/admin 0 30
  ! edge_is_healthy 2>/dev/null || die "it drains, and says that it is healthy"
  kill -TERM "$(pgrep -x envoy)" "$(pgrep -x latentd)"
  wait $served
}

step "what the image says of itself" says_what_it_is
step "what is in it, and what is not" has_only_what_it_needs
step "serving as 65532, by buildah" serves
step "serving on a read-only root, and stopping, as process 1" is_process_1_on_a_read_only_root
step "ending at once at a second SIGTERM" ends_at_a_second_signal
step "behind the edge's image" is_reached_through_the_edge
step "sizes" sizes "$root"
step "sizes of the edge" sizes "$(buildah mount "$edge")"
