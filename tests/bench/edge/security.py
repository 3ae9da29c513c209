#!/usr/bin/env python3
"""What security costs: the same calls in plain text and with TLS and credentials, of latentd alone and through Envoy.

Each round measures every way of calling, in an order drawn anew, and so do the figures: median (least–most) of the
rounds, and of the ratios to plain text in the same round. What is computed is the processor time of latentd (and Envoy):
that hardly depends on what else the machine does.
"""

import argparse
import asyncio
import contextlib
import pathlib
import random
import statistics
import tempfile
import time
from dataclasses import dataclass

import grpc

import api
import credentials
import spread
from api import METHODS
from processes import Edge, Latentd

GENERATE, STATS = METHODS["ImageGeneration.Generate"], METHODS["ImageGeneration.GetStats"]
KEY = "a key of the benchmark, as long as one that was drawn: 0123456789"
TIMEOUT = 60


@dataclass
class Way:
    name: str
    baseline: str  # the way that it is compared with
    processes: list
    address: str
    ca: bytes | None  # of TLS
    credentials: str = ""

    def channel(self):
        options = [("grpc.use_local_subchannel_pool", 1)]  # a connection of its own
        if self.ca:
            return grpc.aio.secure_channel(self.address, grpc.ssl_channel_credentials(self.ca), options)
        return grpc.aio.insecure_channel(self.address, options)

    def metadata(self):
        return tuple(credentials.bearer(self.credentials).items()) if self.credentials else ()

    def processor_time(self):
        return sum(process.processor_time() for process in self.processes)


def generate(channel, way, seed):
    fields = {"spec": {"model": "pictograms", "prompt": "a red apple", "steps": 2, "seed": str(seed)}}
    return channel.unary_stream(GENERATE.path)(api.from_dict(GENERATE.request, fields).SerializeToString(), metadata=way.metadata(), timeout=TIMEOUT)


async def connect(way, times=10):
    """Milliseconds until the first answer on a new connection."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        async with way.channel() as channel:
            await channel.unary_unary(STATS.path)(b"", metadata=way.metadata(), timeout=TIMEOUT)
            taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


async def first_event(channel, way, times=15):
    taken = []
    for seed in range(times):
        began = time.perf_counter()
        call = generate(channel, way, seed)
        await call.read()
        taken.append((time.perf_counter() - began) * 1000)
        while await call.read() is not grpc.aio.EOF:
            pass
    return statistics.median(taken)


async def images(channel, way, number=32):
    """Jobs of two steps a second, all at once, and milliseconds of processor time for each."""
    async def one(seed):
        return [event async for event in generate(channel, way, seed)]

    began, computed = time.perf_counter(), way.processor_time()
    await asyncio.gather(*(one(seed) for seed in range(number)))
    return number / (time.perf_counter() - began), (way.processor_time() - computed) / number * 1e3


async def calls(channel, way, number, at_once=16):
    """GetStats a second, and microseconds of processor time for each."""
    call, left = channel.unary_unary(STATS.path), iter(range(number))

    async def caller():
        for _ in left:
            await call(b"", metadata=way.metadata(), timeout=TIMEOUT)

    began, computed = time.perf_counter(), way.processor_time()
    await asyncio.gather(*(caller() for _ in range(at_once)))
    return number / (time.perf_counter() - began), (way.processor_time() - computed) / number * 1e6


async def measure(way, number):
    async with way.channel() as channel:
        await calls(channel, way, 50)  # warms up
        call_rate, for_call = await calls(channel, way, number)
        image_rate, for_image = await images(channel, way)
        return {"connect, ms": await connect(way), "first event, ms": await first_event(channel, way), "images/s": image_rate,
                "computed, ms/image": for_image, "GetStats/s": call_rate, "computed, µs/GetStats": for_call}


@contextlib.contextmanager
def ways():
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        authority = credentials.Authority(folder)
        signers = [credentials.Signer(algorithm, algorithm) for algorithm in ("ES256", "RS256")]
        keys = credentials.replace(folder / "keys.yaml", credentials.key_file((KEY, "shop", ["generate", "read"])))
        jwks = credentials.replace(folder / "jwks.json", credentials.jwks(*signers))
        certificates = {each: authority.issue(each) for each in ("latentd", "edge")}
        tls = {each: ("--tls-cert", cert, "--tls-key", key) for each, (cert, key) in certificates.items()}
        ca = pathlib.Path(authority.file).read_bytes()

        plain = stack.enter_context(Latentd())
        encrypted = stack.enter_context(Latentd(*tls["latentd"]))
        secure = stack.enter_context(Latentd(*tls["latentd"], "--api-keys", keys, "--jwks", jwks))
        mutual = stack.enter_context(Latentd(*tls["latentd"], "--tls-client-ca", authority.file, "--api-keys", keys))
        plain_edge = stack.enter_context(Edge(plain.address))
        backend = ("--backend-ca", authority.file, "--backend-cert", certificates["edge"][0], "--backend-key", certificates["edge"][1])
        secure_edge = stack.enter_context(Edge(mutual.address, flags=(*tls["edge"], *backend)))
        direct, through = "plain text", "Envoy, plain text"
        yield [
            Way(direct, direct, [plain], plain.address, None),
            Way("TLS", direct, [encrypted], encrypted.address, ca),
            Way("TLS, API key", direct, [secure], secure.address, ca, KEY),
            *(Way(f"TLS, {signer.algorithm} token", direct, [secure], secure.address, ca, signer.sign(credentials.claims(seconds=7200)))
              for signer in signers),
            Way(through, through, [plain, plain_edge], plain_edge.address, None),
            Way("Envoy, TLS twice, key", through, [mutual, secure_edge], secure_edge.address, ca, KEY),
        ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=2000, help="of GetStats, in each round and way")
    args = parser.parse_args()
    with ways() as all_ways:
        rounds = []
        for _ in range(args.rounds):
            found = {}
            for way in random.sample(all_ways, len(all_ways)):
                found[way.name] = asyncio.run(measure(way, args.calls))
            rounds.append(found)
    for figure in rounds[0][all_ways[0].name]:
        print(f"\n{figure:<26}{'median (least–most)':>28}{'ratio to plain text':>28}")
        for way in all_ways:
            values = [found[way.name][figure] for found in rounds]
            ratios = [found[way.name][figure] / found[way.baseline][figure] for found in rounds]
            print(f"{way.name:<26}{spread.of(values):>28}{spread.of(ratios, 2):>28}")


if __name__ == "__main__":
    main()
