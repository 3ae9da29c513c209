#!/usr/bin/env python3
"""What a second replica adds: two of one thread each, and one of one thread, each fleet behind an Envoy and on a Redis of its own.

Both fleets run throughout; the same closed load goes to one and to the other by turns. Envoy, Redis and the client take
their share of the same cores: the table says how much.
"""

import argparse
import contextlib
import pathlib
import tempfile

import load
import table
from processes import Edge, Latentd
from redis_server import RedisServer


def fleet(stack, folder, replicas):
    redis = stack.enter_context(RedisServer(folder))
    latentds = [stack.enter_context(Latentd("--preload", "pictograms", "--job-store", f"redis://{redis.address}/0"))
                for _ in range(replicas)]
    edge = stack.enter_context(Edge(*(each.address for each in latentds)))
    name = "one replica" if replicas == 1 else f"{replicas} replicas"
    return load.Way(name, edge.address, {"latentd": latentds, "Envoy": [edge], "Redis": [redis]})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--images", type=int, default=120, help="in each round and way")
    parser.add_argument("--callers", type=int, default=32, help="at once: two full batches, and as many that wait")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        ways = [fleet(stack, pathlib.Path(folder) / f"redis-{replicas}", replicas) for replicas in (1, 2)]
        found = load.by_turns(ways, args.rounds, args.images, args.callers)
    table.show(found)


if __name__ == "__main__":
    main()
