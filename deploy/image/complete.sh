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
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

mkdir -p "$root"/{etc,proc,sys,dev,run,usr/lib,usr/lib64,var/lib/dpkg/status.d}
install -d -m 1777 "$root/tmp"
for folder in bin lib lib64; do ln -sfn "usr/$folder" "$root/$folder"; done
echo 'nonroot:x:65532:65532:nonroot:/tmp:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'nonroot:x:65532:' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
touch "$root"/etc/{hosts,hostname,resolv.conf}  # so that a read-only root has something to mount them on

# NVIDIA's driver brings libcuda.so.1 when a container starts.
libraries() { ldd "$@" | awk '/not found/ && $1 != "libcuda.so.1" {print "missing: " $1 >"/dev/stderr"; bad = 1}
                              $3 ~ /^\// {print $3} $1 ~ /^\/.*ld-linux/ {print $1} END {exit bad}' | sort -u; }

found=$(libraries "$root"/usr/bin/* "$@")
debian=()
for library in $found "$@"; do
  install -D -m 755 "$library" "$root$library"
  [[ $library == "${LATENTD_CACHE:?}"/* ]] || debian+=("$(readlink -f "$library")")
done
install -m 644 -t "$root/etc" /etc/os-release /etc/debian_version

# Debian 12 knows some files of /usr/lib as those of /lib.
owners=$(dpkg-query -S "${debian[@]}" "${debian[@]#/usr}" 2>/dev/null || true)
known=$(cut -d ' ' -f 2 <<<"$owners")
for file in "${debian[@]}"; do
  grep -qxF -e "$file" -e "${file#/usr}" <<<"$known" || { echo "$file is of no package" >&2; exit 1; }
done
for package in base-files $(cut -d : -f 1 <<<"$owners" | sort -u); do
  dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$package"
  install -D -m 644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
done
install -D -m 644 "$here/LICENSE" "$root/usr/share/doc/latentd/LICENSE"
cp -r "$LATENTD_CACHE"/libtorch-*/licenses "$root/usr/share/doc/libtorch"
