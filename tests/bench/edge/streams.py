#!/usr/bin/env python3
"""Browsers that make a picture each over gRPC-Web through Envoy, with and without one beside them that hardly reads.

Checks that none loses an output or an event that is not progress, by what latentd itself replays over gRPC. Prints the
95th percentiles of each kind of round, as median (least–most) over the rounds, and of the pairs' ratios: with the slow
one to without.
"""

import argparse
import asyncio
import itertools

import spread
from browsers import SlowReader, held_up, lasting, make_large_jobs, replayed, visit
from processes import Edge, Latentd, wait_for


def specs(number, seed):
    """Pictures of 4 to 10 steps, each step with a preview."""
    return [{"model": "pictograms", "prompt": "a red apple", "steps": 4 + each % 7, "seed": str(seed + each),
             "preview": {"everySteps": 1, "kind": "KIND_IMAGE"}} for each in range(number)]


def times(visits):
    gaps = [later - earlier for seen in visits for earlier, later in itertools.pairwise(seen.times)]
    return {"first event": spread.p95([seen.times[0] for seen in visits]) * 1000, "between events": spread.p95(gaps) * 1000,
            "whole job": spread.p95([seen.times[-1] for seen in visits]) * 1000}


async def one_round(latentd, edge, browsers, seed, large):
    slow = SlowReader(edge.address, large) if large else None
    if slow:
        await asyncio.to_thread(wait_for, "the slow one holds up its stream", lambda: held_up(edge) > 0)
    visits = await asyncio.gather(*(visit(edge.address, spec, at_once=each % 2 == 0) for each, spec in enumerate(specs(browsers, seed))))
    if slow:
        assert held_up(edge) > 0, "the slow one was not slow to the end"
        events = await slow.finish()
        for job in large:
            assert lasting([event for event in events if event["job"] == job]) == lasting(replayed(latentd.address, job)), job
    for seen in visits:
        assert lasting(seen.events) == lasting(replayed(latentd.address, seen.events[0]["job"])), "an event is lost"
        assert {"output", "outputChunk", "completed"} <= {name for event in seen.events for name in event}
    return times(visits), sum(len(seen.events) for seen in visits)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--browsers", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5, help="of each kind, by turns")
    args = parser.parse_args()
    found = {True: [], False: []}
    events = 0
    with Latentd() as latentd, Edge(latentd.address) as edge:
        large = make_large_jobs(latentd.address, 3)
        asyncio.run(one_round(latentd, edge, args.browsers, 0, None))  # warms up
        for number in range(2 * args.rounds):
            with_slow = number % 4 in (1, 2)  # neither is always first
            got, came = asyncio.run(one_round(latentd, edge, args.browsers, 1000 * number, large if with_slow else None))
            found[with_slow].append(got)
            events += came
    print(f"{args.browsers} browsers, {args.rounds} rounds of each kind, {events} events: no output and no event but progress was lost")
    print(f"{'95th percentile, ms':<22}{'without':>26}{'with a slow one':>26}{'ratio':>20}")
    for name in found[True][0]:
        without, beside = ([each[name] for each in found[kind]] for kind in (False, True))
        ratios = [b / a for a, b in zip(without, beside, strict=True)]
        print(f"{name:<22}{spread.of(without):>26}{spread.of(beside):>26}{spread.of(ratios, 2):>20}")


if __name__ == "__main__":
    main()
