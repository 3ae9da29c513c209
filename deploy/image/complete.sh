#!/usr/bin/env bash
# Makes of a folder with programs in usr/bin the root of an image: adds the libraries that they load, and of Debian the few
# files without which programs go astray. Nothing else is in it: no shell, no package manager.
#
#   deploy/image/complete.sh FOLDER [LIBRARY…]     LIBRARY: what a program opens by its name, which nobody can see in it
#
# Of each package that something comes from, its licences are added, and its record where scanners look for it
# (var/lib/dpkg/status.d).
set -euo pipefail
root=$1; shift

mkdir -p "$root"/{etc,proc,sys,dev,run,usr/lib64,var/lib/dpkg/status.d}
install -d -m 1777 "$root/tmp"
for folder in bin lib lib64; do ln -sfn "usr/$folder" "$root/$folder"; done
echo 'nonroot:x:65532:65532:nonroot:/tmp:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'nonroot:x:65532:' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
touch "$root"/etc/{hosts,hostname,resolv.conf}  # so that a read-only root has something to mount them on

# NVIDIA's driver brings libcuda.so.1 when a container starts.
libraries() { ldd "$@" | awk '/not found/ && $1 != "libcuda.so.1" {print "missing: " $1 >"/dev/stderr"; bad = 1}
                              $3 ~ /^\// {print $3} $1 ~ /^\/.*ld-linux/ {print $1} END {exit bad}' | sort -u; }

declare -A packages=()
take() {  # FILE: at its own path, as a file
  local real owner
  install -D -m 755 "$1" "$root$1"
  [[ $1 == "${LATENTD_CACHE:?}"/* ]] && return
  # Debian 12 knows some files of /usr/lib as those of /lib.
  real=$(readlink -f "$1")
  owner=$(dpkg-query -S "$real" 2>/dev/null || dpkg-query -S "${real#/usr}") || { echo "$1 is of no package" >&2; return 1; }
  packages[${owner%%:*}]=1
}

found=$(libraries "$root"/usr/bin/* "$@")
for library in $found "$@"; do take "$library"; done
install -m 644 -t "$root/etc" /etc/os-release /etc/debian_version
packages[base-files]=1

for package in "${!packages[@]}"; do
  dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$package"
  install -D -m 644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
done
install -D -m 644 LICENSE "$root/usr/share/doc/latentd/LICENSE"
cp -r "$LATENTD_CACHE"/libtorch-*/licenses "$root/usr/share/doc/libtorch"
