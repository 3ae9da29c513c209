"""A closed load: callers that have one picture made after the other, each over a stream of its own, all in this process."""

import asyncio
import random
import time
from dataclasses import dataclass

import grpc

import api

GENERATE = api.METHODS["ImageGeneration.Generate"]
PATIENCE = 600  # seconds for a picture
CONNECTIONS = 4


@dataclass
class Way:
    """One way to run the service."""

    name: str
    address: str
    processes: dict  # what computes for it, by kind: lists of what has a processor_time()

    def computed(self):
        """Seconds of processor time until now, by kind."""
        return {kind: sum(each.processor_time() for each in all_of) for kind, all_of in self.processes.items()}


@dataclass
class Figures:
    images_per_second: float
    cores: dict  # in use on average, by kind; this process is "client"
    milliseconds: dict  # of processor time for a picture, by kind


def specs(number, seed):
    """Guided pictures of 10 to 40 steps, so that they do not end together."""
    draw = random.Random(seed)
    return [{"model": "pictograms", "prompt": "a red apple", "steps": draw.randint(10, 40), "seed": str(draw.getrandbits(31))}
            for _ in range(number)]


async def _generate(channel, request):
    """Reads all events and looks at the last alone, so that the client is cheap."""
    last = b""
    async for event in channel.unary_stream(GENERATE.path)(request, timeout=PATIENCE):
        last = event
    assert "completed" in api.decode(GENERATE.response, last), api.decode(GENERATE.response, last)


async def _load(address, requests, callers):
    left = iter(requests)
    channels = [grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) for _ in range(CONNECTIONS)]

    async def caller(channel):
        for request in left:
            await _generate(channel, request)

    await asyncio.gather(*(caller(channels[number % CONNECTIONS]) for number in range(callers)))
    for channel in channels:
        await channel.close()


def measure(way, wanted, callers):
    """From the first call to the last picture."""
    requests = [api.from_dict(GENERATE.request, {"spec": spec}).SerializeToString() for spec in wanted]
    began, client, computed = time.perf_counter(), time.process_time(), way.computed()
    asyncio.run(_load(way.address, requests, callers))
    seconds = time.perf_counter() - began
    spent = {kind: now - computed[kind] for kind, now in way.computed().items()} | {"client": time.process_time() - client}
    return Figures(len(wanted) / seconds, {kind: each / seconds for kind, each in spent.items()},
                   {kind: each / len(wanted) * 1000 for kind, each in spent.items()})


def by_turns(ways, rounds, images, callers):
    """Of two ways, in each round the same pictures by both, and neither is always first: figures by name."""
    found = {way.name: [] for way in ways}
    for way in ways:
        measure(way, specs(2 * callers, "warms up"), callers)
    for number in range(rounds):
        for way in ways if number % 2 == 0 else reversed(ways):
            found[way.name].append(measure(way, specs(images, number), callers))
            print(f"round {number + 1} of {rounds}, {way.name}: {found[way.name][-1].images_per_second:.2f} images/s", flush=True)
    return found
