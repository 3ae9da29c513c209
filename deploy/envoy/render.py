#!/usr/bin/env python3
"""Writes Envoy's configuration to standard output: envoy.yaml with its values filled in."""

import argparse
import ipaddress
import json
import pathlib
import string

import cgroups
import errors
import metrics
import page
import tls

FOLDER = pathlib.Path(__file__).resolve().parent

LIMITS = {
    "HANDSHAKE_TIMEOUT": "10s",
    "REQUEST_HEADERS_TIMEOUT": "10s",
    "REQUEST_TIMEOUT": "60s",
    # Well above latentd's heartbeat of 15 s; a model may also take its time to load.
    "STREAM_IDLE_TIMEOUT": "300s",
    # Without requests; then a caller who does not read what is left is cut off.
    "CONNECTION_IDLE_TIMEOUT": "120s",
    # The server takes messages of 8 MiB; in JSON their bytes are base64, a third longer.
    "MAX_BODY_BYTES": 12 << 20,
    # Where a body is not JSON and goes into such a message as it is, with its media type.
    "MAX_RAW_BODY_BYTES": (8 << 20) - 1024,
    # A blob has at most 64 MiB.
    "MAX_ANSWER_BYTES": 65 << 20,
    "MAX_PAGE_FILE_BYTES": 4 << 20,
    "MAX_CONNECTIONS": 10000,
    # Where nobody else limits its memory.
    "MAX_HEAP_BYTES": 2 << 30,
    "HEALTH_INTERVAL": "5s",
}


def split_address(text):
    """Address and port of 10.0.0.1:50051, host:50051 or [::1]:50051."""
    address, colon, port = text.rpartition(":")
    if not colon or not address or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not ADDR:PORT")
    return address.strip("[]"), int(port)


def split_backends(text):
    return [split_address(each) for each in text.split(",")]


def endpoint(address, port):
    """A backend, and by what its entry among those for TLS is found."""
    return {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}},
            "metadata": {"filter_metadata": {"envoy.transport_socket_match": {"host": address}}}}


def backends_tls(backends, files):
    return [{"name": host, "match": {"host": host}, "transport_socket": tls.for_backend(host=host, **files)}
            for host in sorted({host for host, _ in backends})]


def is_loopback(address):
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


# Strangers can connect: a latentd that would not ask them who they are refuses calls that say this.
CREDENTIALS_REQUIRED = {"append": {"header": {"key": "x-latentd-credentials", "value": "required"}}}


def render(listen, backends, descriptors, cors_origins=(), admin=None, page_folder=None, listener_tls=None, backend_tls=None,
           credentials_required=False, metrics_listen=None, **limits):
    """`listener_tls` and `backend_tls`: what tls.for_listener and tls.for_backend take, or None for plain text.
    `metrics_listen` needs `admin`."""
    origins = [{"safe_regex": {"regex": ".*"}} if each == "*" else {"exact": each} for each in cors_origins]
    values = {
        "FOLDER": FOLDER,
        "LISTEN_ADDRESS": listen[0],
        "LISTEN_PORT": listen[1],
        "ENDPOINTS": json.dumps([endpoint(*backend) for backend in backends]),
        "LISTENER_TLS": json.dumps(tls.for_listener(**listener_tls) if listener_tls else None),
        "BACKENDS_TLS": json.dumps(backends_tls(backends, backend_tls) if backend_tls else []),
        "CREDENTIALS": f"- {json.dumps(CREDENTIALS_REQUIRED)}" if credentials_required else "",
        "DESCRIPTORS": descriptors,
        "CORS_ORIGINS": json.dumps(origins),
        "PAGE_ROUTES": "\n              ".join(f"- {route}" for route in page.routes(page_folder)),
        "ERROR_MAPPERS": json.dumps(errors.MAPPERS),
        "METRICS_LISTENER": f"- {json.dumps(metrics.listener(*metrics_listen))}" if metrics_listen else "",
        "ADMIN_CLUSTER": f"- {json.dumps(metrics.cluster(admin))}" if metrics_listen else "",
        "ADMIN": f"admin: {json.dumps({'address': {'pipe': {'path': admin}}})}" if admin else "",
    }
    template = string.Template((FOLDER / "envoy.yaml").read_text())
    return template.substitute(values | LIMITS | limits)


def heap_limit():
    """Two thirds of a container's memory: the rest is for what Envoy holds beside its heap. It is to refuse calls before the kernel ends it."""
    limit = cgroups.memory()
    return {"MAX_HEAP_BYTES": limit * 2 // 3} if limit else {}


def tls_files(parser, args):
    """What render takes as listener_tls and backend_tls. Wrong combinations end the program."""
    for name in ("tls_cert", "tls_key", "backend_ca", "backend_cert", "backend_key"):
        path = getattr(args, name)
        if path and not pathlib.Path(path).is_file():
            parser.error(f"--{name.replace('_', '-')}: there is no file {path}")
    if bool(args.tls_cert) != bool(args.tls_key) or bool(args.backend_cert) != bool(args.backend_key):
        parser.error("a certificate needs its key, and a key its certificate")
    if args.backend_cert and not args.backend_ca:
        parser.error("--backend-cert needs --backend-ca: it is shown over TLS alone")
    if not args.tls_cert and not args.insecure and not is_loopback(args.listen[0]):
        parser.error("--listen is reachable from other machines, and has no TLS: give --tls-cert and --tls-key, listen on "
                     "127.0.0.1, or say --insecure")
    return (
        {"folder": args.secrets, "cert": args.tls_cert, "key": args.tls_key} if args.tls_cert else None,
        {"folder": args.secrets, "ca": args.backend_ca, "cert": args.backend_cert, "key": args.backend_key} if args.backend_ca else None,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", type=split_address, required=True, metavar="ADDR:PORT")
    parser.add_argument("--backend", type=split_backends, required=True, metavar="ADDR:PORT[,ADDR:PORT…]")
    parser.add_argument("--descriptors", required=True, metavar="FILE")
    parser.add_argument("--secrets", required=True, metavar="DIR",
                        help="where Envoy reads which files certificates are in; and for --metrics-listen without --admin its socket")
    parser.add_argument("--cors-origin", action="append", default=[], metavar="ORIGIN")
    parser.add_argument("--admin", metavar="SOCKET")
    parser.add_argument("--metrics-listen", type=split_address, metavar="ADDR:PORT")
    for name in ("--tls-cert", "--tls-key", "--backend-ca", "--backend-cert", "--backend-key"):
        parser.add_argument(name, metavar="FILE")
    parser.add_argument("--insecure", action="store_true")
    parser.add_argument("--page", metavar="FOLDER")
    args = parser.parse_args()
    listener_tls, backend_tls = tls_files(parser, args)
    if args.metrics_listen and not args.admin:
        args.admin = "{}/edge-{}-{}.admin".format(args.secrets, *args.metrics_listen)
    credentials_required = not args.insecure and not is_loopback(args.listen[0])
    try:
        print(render(args.listen, args.backend, args.descriptors, args.cors_origin, args.admin, args.page, listener_tls,
                     backend_tls, credentials_required, args.metrics_listen, **heap_limit()))
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
