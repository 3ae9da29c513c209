from __future__ import annotations

import asyncio
import inspect
import io
from collections.abc import Callable, Iterator
from typing import Any

import latentd
import pytest
from PIL import Image

from fake_server import FakeServer


class FakeClock(latentd.Clock):
    """Stands still, but for pauses, which take no time."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.pauses: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


class Blocking:
    """Asks a Client; a stream gives the list of its events."""

    def __init__(self, address: str, **arguments: Any) -> None:
        self._make = lambda: latentd.Client(address, **arguments)

    def __call__(self, ask: Callable[[Any], Any]) -> Any:
        with self._make() as client:
            answer = ask(client)
            return list(answer) if inspect.isgenerator(answer) else answer


class Asyncio:
    """Asks an AsyncClient the same."""

    def __init__(self, address: str, **arguments: Any) -> None:
        self._make = lambda: latentd.AsyncClient(address, **arguments)

    def __call__(self, ask: Callable[[Any], Any]) -> Any:
        async def run() -> Any:
            async with self._make() as client:
                answer = ask(client)
                return [event async for event in answer] if inspect.isasyncgen(answer) else await answer

        return asyncio.run(run())


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.stop()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def options(clock: FakeClock) -> latentd.ClientOptions:
    return latentd.ClientOptions(clock=clock)


@pytest.fixture(params=[Blocking, Asyncio])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def ask(kind: Any, server: FakeServer, options: latentd.ClientOptions) -> Any:
    """Asks the fake server, by either client: `ask(lambda client: client.generate(…))`."""
    return kind(server.address, options=options)


@pytest.fixture(scope="session")
def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (2, 2), "red").save(file, "PNG")
    return file.getvalue()
