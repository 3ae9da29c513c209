#!/usr/bin/env python3
"""Ends with 0 when the Envoy with this administration socket (edge.sh --admin) serves: ready.py SOCKET"""

import sys

import admin

try:
    live = admin.ask(sys.argv[1], "GET", "/ready")[0] == 200
except OSError:
    live = False  # it has not come so far
sys.exit(not live)
