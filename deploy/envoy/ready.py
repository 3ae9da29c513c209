#!/usr/bin/env python3
"""Ends with 0 when the Envoy with this administration socket (edge.sh --admin) serves: ready.py SOCKET"""

import http.client
import socket
import sys

connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.settimeout(5)
try:
    connection.sock.connect(sys.argv[1])
    connection.request("GET", "/ready")
    live = connection.getresponse().status == 200
except OSError:
    live = False  # it has not come so far
sys.exit(not live)
