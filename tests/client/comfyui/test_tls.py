"""A real latentd over TLS, as the server's settings say."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import latentd
import pytest
from latentd_comfyui.choices import ask
from latentd_comfyui.request import Server

from processes import Latentd


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The files of a certificate for 127.0.0.1 that signs itself, and of its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-out", cert, "-keyout", key]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@pytest.fixture(scope="module")
def address(certificate: tuple[str, str]) -> Iterator[str]:
    cert, key = certificate
    server = Latentd("127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--tls-client-ca", cert)
    yield server.address
    server.stop()


def test_mutual_tls(address, certificate):
    cert, key = certificate
    assert "pictograms" in ask(Server(address, True, cert, cert, key))["models"]


def test_who_shows_no_certificate_is_not_let_in(address, certificate):
    cert, _ = certificate
    with pytest.raises(latentd.Unavailable):
        ask(Server(address, True, cert))


def test_a_server_that_is_not_trusted_is_not_asked(address, certificate):
    cert, key = certificate
    with pytest.raises(latentd.Unavailable):
        ask(Server(address, True, "", cert, key))
