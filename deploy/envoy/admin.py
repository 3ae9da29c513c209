"""Envoy's administration, on its unix socket (edge.sh --admin)."""

import contextlib
import http.client
import socket


def ask(path_of_socket, verb, path):
    """Status and text of the answer. OSError: nobody answers."""
    with contextlib.closing(http.client.HTTPConnection("localhost")) as connection:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(5)
        connection.sock.connect(path_of_socket)
        connection.request(verb, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
