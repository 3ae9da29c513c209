"""What Envoy is told about TLS. Certificates and keys stay in their files, which it reads again when they are replaced."""

import hashlib
import ipaddress
import json
import os
import pathlib

TYPES = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."


def _file(path):
    return {"filename": str(pathlib.Path(path).absolute())}


def _watched(folder, secret):
    """Refers to a secret by a file in `folder` that says which files it is in: only such are read again."""
    text = json.dumps({"resources": [{"@type": TYPES + "Secret", "name": "files", **secret}]})
    path = pathlib.Path(folder) / f"edge-tls-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    if not path.exists():
        new = path.with_suffix(f".{os.getpid()}")
        new.write_text(text)
        new.rename(path)
    return {"name": "files", "sds_config": {"path_config_source": {"path": str(path.absolute())}}}


def _folder_of(path):
    """What is moved into it makes Envoy read again, so that files and links to whole folders of them may be replaced."""
    return {"path": str(pathlib.Path(path).absolute().parent)}


def _certificate(folder, cert, key):
    files = {"certificate_chain": _file(cert), "private_key": _file(key), "watched_directory": _folder_of(cert)}
    return _watched(folder, {"tls_certificate": files})


def _authority(folder, ca):
    return _watched(folder, {"validation_context": {"trusted_ca": _file(ca), "watched_directory": _folder_of(ca)}})


def _socket(kind, **fields):
    return {"name": "envoy.transport_sockets.tls", "typed_config": {"@type": f"{TYPES}{kind}TlsContext", **fields}}


def for_listener(folder, cert, key):
    return _socket("Downstream", common_tls_context={
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_certificate_sds_secret_configs": [_certificate(folder, cert, key)],
    })


def _is_address(host):
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def for_backend(folder, host, ca, cert=None, key=None):
    """TLS to `host`, whose certificate must be for that name or address."""
    name = {"san_type": "IP_ADDRESS" if _is_address(host) else "DNS", "matcher": {"exact": host}}
    context = {
        "alpn_protocols": ["h2"],
        "combined_validation_context": {
            "default_validation_context": {"match_typed_subject_alt_names": [name]},
            "validation_context_sds_secret_config": _authority(folder, ca),
        },
    }
    if cert:
        context["tls_certificate_sds_secret_configs"] = [_certificate(folder, cert, key)]
    return _socket("Upstream", common_tls_context=context, **({} if _is_address(host) else {"sni": host}))
