#!/usr/bin/env python3
"""Writes Envoy's configuration to standard output: envoy.yaml with its values filled in."""

import argparse
import json
import pathlib
import string

import errors
import page

FOLDER = pathlib.Path(__file__).resolve().parent

LIMITS = {
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
    return {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}}


def render(listen, backends, descriptors, cors_origins=(), admin=None, page_folder=None, **limits):
    origins = [{"safe_regex": {"regex": ".*"}} if each == "*" else {"exact": each} for each in cors_origins]
    values = {
        "FOLDER": FOLDER,
        "LISTEN_ADDRESS": listen[0],
        "LISTEN_PORT": listen[1],
        "ENDPOINTS": json.dumps([endpoint(*backend) for backend in backends]),
        "DESCRIPTORS": descriptors,
        "CORS_ORIGINS": json.dumps(origins),
        "PAGE_ROUTES": "\n              ".join(f"- {route}" for route in page.routes(page_folder)),
        "ERROR_MAPPERS": json.dumps(errors.MAPPERS),
        "ADMIN": f"admin: {json.dumps({'address': {'pipe': {'path': admin}}})}" if admin else "",
    }
    template = string.Template((FOLDER / "envoy.yaml").read_text())
    return template.substitute(values | LIMITS | limits)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", type=split_address, required=True, metavar="ADDR:PORT")
    parser.add_argument("--backend", type=split_backends, required=True, metavar="ADDR:PORT[,ADDR:PORT…]")
    parser.add_argument("--descriptors", required=True, metavar="FILE")
    parser.add_argument("--cors-origin", action="append", default=[], metavar="ORIGIN")
    parser.add_argument("--admin", metavar="SOCKET")
    parser.add_argument("--page", metavar="FOLDER")
    args = parser.parse_args()
    try:
        print(render(args.listen, args.backend, args.descriptors, args.cors_origin, args.admin, args.page))
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
