"""Which server, and who may have the key."""

from __future__ import annotations

import grpc
import pytest
from latentd_comfyui.connection import ConnectionSettingsError, client_arguments, environment_server
from latentd_comfyui.request import Server

KEY = [("authorization", "Bearer secret")]


def test_the_environment_names_a_server():
    assert environment_server({}) == Server("127.0.0.1:50051")
    assert environment_server({"LATENTD_SERVER": "there:1", "LATENTD_TLS": "0"}) == Server("there:1")
    assert environment_server({"LATENTD_SERVER": "there:1", "LATENTD_TLS": "1"}) == Server("there:1", tls=True)
    files = {"LATENTD_TLS_CA": "ca", "LATENTD_TLS_CERT": "me", "LATENTD_TLS_KEY": "key"}
    assert environment_server(files) == Server("127.0.0.1:50051", True, "ca", "me", "key")


@pytest.mark.parametrize(
    ("server", "metadata"),
    [
        (Server("there:1", tls=True), KEY),
        (Server("elsewhere:1", tls=True), []),
        (Server("elsewhere:1"), []),
        (Server("there:1"), []),
        (Server("there:1", tls=True, ca_file=__file__), []),
        (Server("there:1", tls=True, cert_file=__file__, key_file=__file__), []),
    ],
)
def test_the_key_goes_to_its_own_server_alone_and_as_the_environment_says(server, metadata):
    environment = {"LATENTD_SERVER": "there:1", "LATENTD_TLS": "1", "LATENTD_API_KEY": "secret"}
    assert client_arguments(server, environment)["metadata"] == metadata


@pytest.mark.parametrize("address", ["127.0.0.1:1", "localhost:1", "[::1]:1"])
def test_on_this_machine_the_key_needs_no_tls(address):
    environment = {"LATENTD_SERVER": address, "LATENTD_API_KEY": "secret"}
    assert client_arguments(Server(address), environment)["metadata"] == KEY


@pytest.mark.parametrize("address", ["there:1", "127.evil.example:1", "localhost.example:1"])
def test_over_a_network_the_key_needs_tls(address):
    environment = {"LATENTD_SERVER": address, "LATENTD_API_KEY": "secret"}
    with pytest.raises(ConnectionSettingsError, match="unencrypted"):
        client_arguments(Server(address), environment)


def test_without_a_key_none_is_sent():
    assert client_arguments(Server("there:1"), {"LATENTD_SERVER": "there:1"})["metadata"] == []


def test_tls_is_off_unless_wanted():
    assert client_arguments(Server("there:1"), {})["credentials"] is None
    assert isinstance(client_arguments(Server("there:1", tls=True), {})["credentials"], grpc.ChannelCredentials)


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (Server("there:1", ca_file="ca.pem"), "tls is off"),
        (Server("there:1", tls=True, cert_file="me.pem"), "go together"),
        (Server("there:1", tls=True, ca_file="/nowhere/ca.pem"), r"/nowhere/ca.pem cannot be read: No such file"),
    ],
)
def test_settings_that_make_no_sense_are_refused(server, message):
    with pytest.raises(ConnectionSettingsError, match=message):
        client_arguments(server, {})
