import pytest

from processes import Edge, Latentd

ORIGIN = "https://page.example"


@pytest.fixture(scope="session")
def latentd():
    with Latentd() as server:
        yield server


@pytest.fixture(scope="session")
def edge(latentd):
    with Edge(latentd.address, cors_origins=[ORIGIN]) as envoy:
        yield envoy
