"""Clients for a server.

The environment names one server: LATENTD_SERVER, and as it needs LATENTD_TLS, LATENTD_TLS_CA, LATENTD_TLS_CERT,
LATENTD_TLS_KEY and LATENTD_API_KEY. Graphs may name others, but never hold a key, for graphs are shared; and the key of
the environment goes to its own server alone, reached as the environment says, so that somebody else's graph cannot have
it sent elsewhere.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc

from .request import Server

_DEFAULT_ADDRESS = "127.0.0.1:50051"


class ConnectionSettingsError(ValueError):
    """The settings of a server contradict each other, or a file of theirs cannot be read."""


def environment_server(environment: Mapping[str, str] = os.environ) -> Server:
    ca, cert, key = (environment.get(f"LATENTD_TLS_{file}", "") for file in ("CA", "CERT", "KEY"))
    tls = environment.get("LATENTD_TLS", "") not in ("", "0") or bool(ca)
    return Server(environment.get("LATENTD_SERVER", "") or _DEFAULT_ADDRESS, tls, ca, cert, key)


def client_arguments(server: Server, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """What `latentd.Client` and `latentd.AsyncClient` take. Errors: ConnectionSettingsError."""
    return {
        "target": server.address,
        "credentials": _credentials(server),
        "metadata": _metadata(server, environment),
    }


def _credentials(server: Server) -> grpc.ChannelCredentials | None:
    if not server.tls:
        if server.ca_file or server.cert_file or server.key_file:
            raise ConnectionSettingsError(f"{server.address}: files for TLS are given, but tls is off")
        return None
    if bool(server.cert_file) != bool(server.key_file):
        raise ConnectionSettingsError(f"{server.address}: a certificate and its key go together")
    ca, key, certificate = (_read(name) for name in (server.ca_file, server.key_file, server.cert_file))
    return grpc.ssl_channel_credentials(ca, key, certificate)


def _read(name: str) -> bytes | None:
    if not name:
        return None
    try:
        return Path(name).expanduser().read_bytes()
    except OSError as error:
        raise ConnectionSettingsError(f"{name} cannot be read: {error.strerror}") from error


def _metadata(server: Server, environment: Mapping[str, str]) -> list[tuple[str, str]]:
    key = environment.get("LATENTD_API_KEY", "")
    # The whole of it: a graph could name the address with an authority of its own.
    if not key or server != environment_server(environment):
        return []
    if not server.tls and not _is_loopback(server.address):
        raise ConnectionSettingsError(f"LATENTD_API_KEY would go to {server.address} unencrypted: turn on tls")
    return [("authorization", f"Bearer {key}")]


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
