#!/usr/bin/env python3
"""What durable jobs cost: one latentd with jobs in memory, and one with jobs in a Redis of its own (appendfsync always).

Both run throughout, with as many threads as there are cores; the same closed load goes to one and to the other by turns.
Goal: 3 % fewer images a second at most.
"""

import argparse
import contextlib
import os
import pathlib
import statistics
import tempfile
import time

import load
import spread
import table
from processes import Latentd
from redis_server import RedisServer

GOAL = 0.03


def fsync_milliseconds(folder):
    """Of a few hundred bytes behind a file there: what each write to Redis waits for."""
    taken = []
    with (pathlib.Path(folder) / "fsync").open("wb", buffering=0) as file:
        for _ in range(50):
            began = time.perf_counter()
            file.write(bytes(300))
            os.fsync(file.fileno())
            taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def verdict(cost, sure):
    """Of the median; a goal is met when it holds for all that the median may be."""
    if cost >= GOAL:
        return "missed"
    return "met" if sure and 1 - sure[0] < GOAL else "met by the median, not shown"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--images", type=int, default=60, help="in each round and way")
    parser.add_argument("--callers", type=int, default=16, help="at once: 8 of them have their pictures in the batch")
    parser.add_argument("--folder", help="where Redis' file is to be; default: a temporary folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder, contextlib.ExitStack() as stack:
        print(f"an fsync in {pathlib.Path(folder).parent} takes {fsync_milliseconds(folder):.2f} ms")
        redis = stack.enter_context(RedisServer(pathlib.Path(folder) / "redis"))
        flags = ("--threads", str(os.cpu_count()), "--preload", "pictograms")
        memory = stack.enter_context(Latentd(*flags))
        durable = stack.enter_context(Latentd(*flags, "--job-store", f"redis://{redis.address}/0"))
        found = load.by_turns([load.Way("memory", memory.address, {"latentd": [memory]}),
                               load.Way("Redis", durable.address, {"latentd": [durable], "Redis": [redis]})],
                              args.rounds, args.images, args.callers)
    ratios = table.show(found)
    cost, sure = 1 - statistics.median(ratios), spread.sure(ratios)
    print(f"cost of durability: {cost:.1%} of images/s; goal: under {GOAL:.0%}: {verdict(cost, sure)}")


if __name__ == "__main__":
    main()
