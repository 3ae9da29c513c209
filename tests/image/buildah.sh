# Sourced by those that build and try images: buildah, what it knows of a container, and what is in that.

buildah() { command buildah ${STORAGE_DRIVER:+--storage-driver "$STORAGE_DRIVER"} "$@"; }

# config CONTAINER FIELD, list CONTAINER FIELD
config() { buildah inspect --format "{{$2}}" "$1"; }
list() { buildah inspect --format "{{range $2}}{{.}} {{end}}" "$1"; }

# sizes ROOT
sizes() {
  printf '  all: %s MB in %s files; its largest:\n' "$(du -sm --apparent-size "$1" | cut -f 1)" "$(find "$1" -type f | wc -l)"
  (cd "$1" && find . -type f -size +5M -printf '%s %P\n') | sort -rn | awk '{printf "  %6.1f MB  %s\n", $1 / 1e6, $2}'
}
