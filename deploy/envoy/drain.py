#!/usr/bin/env python3
"""Sends the callers of the Envoy with this administration socket (edge.sh --admin) elsewhere, before it is ended:
drain.py SOCKET LEAVE MOST

Its health check fails, each answer closes its connection (GOAWAY in HTTP/2), and within run.sh's --drain-time-s all others are
told, too; who comes all the same is served. Ends when no connection is left: after LEAVE seconds, in which balancers hear that it
leaves, and MOST at the latest."""

import sys
import time

import admin

CONNECTIONS = "http.edge.downstream_cx_active"


def order(path):
    status, answer = admin.ask(sys.argv[1], "POST", path)
    if status != 200:
        sys.exit(f"{path}: {status} {answer}")


def connections():
    _, stats = admin.ask(sys.argv[1], "GET", f"/stats?filter=^{CONNECTIONS}$")
    return int(stats.partition(f"{CONNECTIONS}: ")[2] or 0)


def main():
    leave, most = map(float, sys.argv[2:])
    began = time.monotonic()
    order("/healthcheck/fail")
    # It goes on listening: where balancers have not heard yet, a refusal would be an error.
    order("/drain_listeners?graceful&skip_exit")
    time.sleep(leave)
    while connections() and time.monotonic() - began < most:
        time.sleep(0.2)


if __name__ == "__main__":
    main()
