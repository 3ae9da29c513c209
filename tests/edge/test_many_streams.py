"""Many browsers, one of which hardly reads: each gets everything. tests/bench/edge/streams.py has more of them, and times."""

import asyncio

import pytest

from browsers import SlowReader, held_up, lasting, make_large_jobs, replayed, visit
from processes import Edge, Latentd, wait_for

BROWSERS = 12


@pytest.fixture(scope="module")
def latentd():
    with Latentd() as server:
        yield server


async def watch_all(latentd, edge, large):
    slow = SlowReader(edge.address, large)
    await asyncio.to_thread(wait_for, "the slow one holds up its stream", lambda: held_up(edge) > 0)
    specs = [{"model": "pictograms", "prompt": "a cat", "steps": 4, "seed": str(seed), "preview": {"everySteps": 1, "kind": "KIND_IMAGE"}}
             for seed in range(BROWSERS)]
    visits = await asyncio.gather(*(visit(edge.address, spec, at_once=number % 2 == 0) for number, spec in enumerate(specs)))
    assert held_up(edge) > 0, "still"
    return visits, await slow.finish()


def test_no_event_is_lost_and_one_who_hardly_reads_holds_up_nobody(latentd):
    large = make_large_jobs(latentd.address, 3)
    with Edge(latentd.address) as edge:
        visits, slow = asyncio.run(watch_all(latentd, edge, large))
    for seen in visits:
        job = seen.events[0]["job"]
        assert lasting(seen.events) == lasting(replayed(latentd.address, job))
        assert [name for event in seen.events for name in ("output", "completed") if name in event] == ["output", "completed"]
    for job in large:
        assert lasting([event for event in slow if event["job"] == job]) == lasting(replayed(latentd.address, job))
