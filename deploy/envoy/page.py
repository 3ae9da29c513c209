"""The routes of the built page: each file is an answer of Envoy's own."""

import json
import pathlib

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
}

# Only what the page's own files do: no other host, nothing inline. Pictures and clips come from memory (blob:).
POLICY = "; ".join([
    "default-src 'none'", "script-src 'self'", "worker-src 'self'", "style-src 'self'", "img-src 'self' blob:", "media-src blob:",
    "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"])

HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def files_of(folder):
    """Path of the URL → file. Raises ValueError for what is no built page."""
    files = {}
    for file in sorted(pathlib.Path(folder).resolve().rglob("*")):
        if not file.is_file():
            continue
        if file.suffix not in TYPES:
            raise ValueError(f"{file}: not a file of the page; those end with {' '.join(TYPES)}")
        path = "/" + file.relative_to(pathlib.Path(folder).resolve()).as_posix()
        files["/" if path == "/index.html" else path] = file
    if "/" not in files:
        raise ValueError(f"{folder}: no index.html there; client/web/build.sh builds the page")
    return files


def route(path, file):
    # Names in assets/ hold a hash of the content.
    cached = "public, max-age=31536000, immutable" if path.startswith("/assets/") else "no-cache"
    headers = {"content-type": TYPES[file.suffix], "cache-control": cached, **HEADERS}
    return {
        "name": f"page {path}",
        "match": {"path": path, "headers": [{"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}]},
        "direct_response": {"status": 200, "body": {"filename": str(file)}},
        "response_headers_to_add": [
            {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"} for key, value in headers.items()],
        "typed_per_filter_config": {
            "envoy.filters.http.grpc_json_transcoder": {
                "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}},
    }


def routes(folder):
    """Of all files, as the lines of a list in YAML; none without a folder."""
    return [json.dumps(route(path, file)) for path, file in files_of(folder).items()] if folder else []
