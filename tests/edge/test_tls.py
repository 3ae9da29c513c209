"""TLS of the edge's port, and from the edge to latentd."""

import contextlib
import http.client
import pathlib
import ssl

import grpc
import pytest

import credentials
import raw
from api import METHODS
from callers import TIMEOUT, by_json, request
from processes import Edge, Latentd, wait_for

STATS = METHODS["ImageGeneration.GetStats"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return credentials.Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return credentials.Authority(tmp_path_factory.mktemp("stranger"), "stranger")


def tls_flags(certificate):
    return "--tls-cert", certificate[0], "--tls-key", certificate[1]


def get(address, authority, path="/latentd/v1/stats"):
    context = ssl.create_default_context(cafile=authority.file)
    with contextlib.closing(http.client.HTTPSConnection(address, timeout=TIMEOUT, context=context)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def handshake(address, authority, alpn=(), version=None):
    """The protocol agreed on and the certificate's number."""
    context = ssl.create_default_context(cafile=authority.file)
    if alpn:
        context.set_alpn_protocols(alpn)
    if version:
        context.set_ciphers("DEFAULT@SECLEVEL=0")  # so that the caller would take it
        context.minimum_version = context.maximum_version = version
    with contextlib.closing(http.client.HTTPSConnection(address, timeout=TIMEOUT, context=context)) as connection:
        connection.connect()
        return connection.sock.selected_alpn_protocol(), connection.sock.getpeercert()["serialNumber"]


@pytest.fixture(scope="module")
def secure(latentd, authority):
    with Edge(latentd.address, flags=tls_flags(authority.issue("edge"))) as envoy:
        wait_for("the backend is seen", lambda: get(envoy.address, authority) == 200)
        yield envoy


@pytest.mark.parametrize("offered,chosen", [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], None)])
def test_both_versions_of_http_by_what_the_caller_offers(secure, authority, offered, chosen):
    assert handshake(secure.address, authority, alpn=offered)[0] == chosen


def test_grpc_over_tls(secure, authority):
    trusted = grpc.ssl_channel_credentials(pathlib.Path(authority.file).read_bytes())
    with grpc.secure_channel(secure.address, trusted) as channel:
        assert channel.unary_unary(STATS.path)(b"", timeout=TIMEOUT)


def test_who_is_not_trusted_is_not_asked(secure, stranger):
    with pytest.raises(ssl.SSLCertVerificationError):
        get(secure.address, stranger)


def test_plain_text_gets_nothing(secure):
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        request(secure.address, "GET", "/latentd/v1/stats")


def test_handshakes_that_do_not_end_are_cut_off(latentd, authority):
    cert, key = authority.issue("impatient")
    files = {"folder": pathlib.Path(cert).parent, "cert": cert, "key": key}
    with Edge(latentd.address, listener_tls=files, HANDSHAKE_TIMEOUT="0.5s") as envoy:
        for begin in (b"", b"\x16\x03\x01\x02\x00\x01"):
            with raw.connect(envoy.address) as connection:
                connection.sendall(begin)
                assert raw.read_answer(connection) is None
        wait_for("both are counted", lambda: envoy.stat("transport_socket_connect_timeout") == 2)


def test_old_versions_of_tls_are_refused(secure, authority):
    with pytest.warns(DeprecationWarning), pytest.raises(ssl.SSLError, match="alert protocol version"):
        handshake(secure.address, authority, version=ssl.TLSVersion.TLSv1_1)


def test_a_new_certificate_is_taken_and_open_connections_go_on(latentd, authority):
    cert, key = authority.issue("renewed")
    with Edge(latentd.address, flags=tls_flags((cert, key))) as envoy:
        before = handshake(envoy.address, authority)
        context = ssl.create_default_context(cafile=authority.file)
        with contextlib.closing(http.client.HTTPSConnection(envoy.address, timeout=TIMEOUT, context=context)) as connection:
            def status():
                connection.request("GET", "/latentd/v1/models")
                response = connection.getresponse()
                return response.read() and response.status

            assert status() == 200
            opened = connection.sock
            assert authority.issue("renewed") == (cert, key)
            wait_for("the new one", lambda: handshake(envoy.address, authority)[1] != before[1])
            assert status() == 200 and connection.sock is opened


def test_a_folder_of_certificates_may_be_replaced_as_one(latentd, authority, tmp_path):
    def put(name):
        (tmp_path / name).mkdir()
        for file, source in zip(("cert.pem", "cert.key"), authority.issue("in-folder"), strict=True):
            (tmp_path / name / file).write_bytes(pathlib.Path(source).read_bytes())
        (tmp_path / "new").symlink_to(name)
        (tmp_path / "new").rename(tmp_path / "data")

    put("one")
    for file in ("cert.pem", "cert.key"):
        (tmp_path / file).symlink_to(f"data/{file}")
    with Edge(latentd.address, flags=tls_flags((tmp_path / "cert.pem", tmp_path / "cert.key"))) as envoy:
        before = handshake(envoy.address, authority)
        put("two")
        wait_for("the new one", lambda: handshake(envoy.address, authority)[1] != before[1])


def test_a_certificate_that_cannot_be_used_leaves_the_former(latentd, authority):
    cert, key = authority.issue("broken")
    with Edge(latentd.address, flags=tls_flags((cert, key))) as envoy:
        before = handshake(envoy.address, authority)
        credentials.replace(cert, "no certificate")
        wait_for("it is told", lambda: envoy.stat("key_rotation_failed") > 0)
        assert handshake(envoy.address, authority) == before


@pytest.fixture(scope="module")
def backend(authority):
    """A latentd that wants to see certificates."""
    with Latentd(*tls_flags(authority.issue("latentd")), "--tls-client-ca", authority.file) as server:
        yield server


def backend_flags(ca, certificate=()):
    return ("--backend-ca", ca, *(("--backend-cert", certificate[0], "--backend-key", certificate[1]) if certificate else ()))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_mutual_tls_to_latentd(backend, authority, host):
    address = backend.address.replace("127.0.0.1", host)
    with Edge(address, flags=backend_flags(authority.file, authority.issue("edge"))) as envoy:
        wait_for("it is healthy", lambda: request(envoy.address, "GET", "/healthz")[0] == 200)
        assert by_json(envoy.address, STATS, {}).messages[0]["device"] == "cpu"


def refused(envoy):
    return by_json(envoy.address, STATS, {}).http_status == 503 and request(envoy.address, "GET", "/healthz")[0] == 503


def test_without_a_certificate_the_edge_is_not_let_in(backend, authority):
    with Edge(backend.address, flags=backend_flags(authority.file)) as envoy:
        wait_for("it is refused", lambda: refused(envoy))


def test_without_tls_the_edge_is_not_let_in(backend):
    with Edge(backend.address) as envoy:
        wait_for("it is refused", lambda: refused(envoy))


def test_a_latentd_of_another_authority_is_not_asked(backend, authority, stranger):
    with Edge(backend.address, flags=backend_flags(stranger.file, authority.issue("edge"))) as envoy:
        wait_for("it is refused", lambda: refused(envoy))
        assert envoy.stat("cluster.latentd.ssl.fail_verify_error") > 0


@pytest.mark.parametrize("hosts,asked", [(["127.0.0.2"], "127.0.0.1"), (["other.example"], "localhost"), (["localhost"], "127.0.0.1")])
def test_a_latentd_of_another_name_is_not_asked(authority, hosts, asked):
    with Latentd(*tls_flags(authority.issue("misnamed", hosts))) as server:
        with Edge(server.address.replace("127.0.0.1", asked), flags=backend_flags(authority.file)) as envoy:
            wait_for("it is refused", lambda: refused(envoy))
            assert envoy.stat("cluster.latentd.ssl.fail_verify_san") > 0


def test_each_backend_is_asked_for_its_own_name(authority):
    with Latentd(*tls_flags(authority.issue("one", ["127.0.0.1"]))) as one, Latentd(*tls_flags(authority.issue("two", ["localhost"]))) as two:
        with Edge(one.address, two.address.replace("127.0.0.1", "localhost"), flags=backend_flags(authority.file)) as envoy:
            wait_for("both are healthy", lambda: envoy.stat("cluster.latentd.membership_healthy") == 2)


def test_the_authority_of_backends_is_read_again(authority, stranger, tmp_path):
    ca = credentials.replace(tmp_path / "ca.pem", pathlib.Path(stranger.file).read_text())
    with Latentd(*tls_flags(authority.issue("latentd-2"))) as server, Edge(server.address, flags=backend_flags(ca)) as envoy:
        wait_for("it is refused", lambda: refused(envoy))
        credentials.replace(ca, pathlib.Path(authority.file).read_text())
        wait_for("it is trusted", lambda: by_json(envoy.address, STATS, {}).http_status == 200)
