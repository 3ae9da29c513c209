import json
import urllib.request
from types import SimpleNamespace

import pytest
import yaml

import pages
from api import METHODS
from callers import by_grpc
from processes import ROOT, Edge, Latentd, unused_address, wait_for
from redis_server import RedisServer

# Of three pictures its checker flags the first.
FLAGGED = {"model": "tiny-safety", "prompt": "a red apple", "negativePrompt": "green", "width": 72, "height": 56, "numImages": 3,
           "seed": 901, "steps": 6, "sampler": "ddim", "guidanceScale": 5}
LONG = {"model": "tiny-safety", "prompt": "a cat", "numImages": 4, "steps": 999}


def _read(path):
    return yaml.safe_load((ROOT / path).read_text())


@pytest.fixture(scope="session")
def rules():
    """The rules of alerts.yaml, one after another."""
    return [rule for group in _read("deploy/prometheus/alerts.yaml")["groups"] for rule in group["rules"]]


@pytest.fixture(scope="session")
def alerts(rules):
    return [rule for rule in rules if "alert" in rule]


@pytest.fixture(scope="session")
def rule_tests():
    return _read("tests/observability/alerts_test.yaml")["tests"]


def _panels(dashboard):
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


@pytest.fixture(scope="session")
def dashboards():
    """By file name: title, panels, and every query with where it stands and the legend that it has."""
    found = {}
    for path in sorted((ROOT / "deploy/grafana").glob("*.json")):
        dashboard = json.loads(path.read_text())
        panels = list(_panels(dashboard))
        queries = [(f"{path.name}: {panel['title']}", target["expr"], target["legendFormat"])
                   for panel in panels for target in panel.get("targets", [])]
        queries += [(f"{path.name}: annotation {each['name']}", each["expr"], each["titleFormat"] + each["textFormat"])
                    for each in dashboard["annotations"]["list"]]
        found[path.name] = SimpleNamespace(json=dashboard, panels=panels, queries=queries)
    return found


def _metrics(address):
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as response:
        return pages.read(response.read().decode())


@pytest.fixture(scope="session")
def exposed_by_the_edge():
    """The metrics of an Envoy that has reached nobody."""
    with Edge(unused_address(), flags=("--metrics-listen", "127.0.0.1:0")) as edge:
        outcome = by_grpc(edge.address, METHODS["ImageGeneration.GetStats"], {})
        assert outcome.error["code"] == 14, outcome
        return _metrics(edge.listens("metrics"))


def _metrics_address(latentd):
    return latentd.log.split("metrics on http://")[1].split("/metrics")[0]


def _with_a_full_redis(folder):
    """The metrics of a latentd that has refused a job for want of Redis' memory."""
    with RedisServer(folder / "redis") as redis, Latentd("--job-store", f"redis://{redis.address}/0") as latentd:
        redis.command("CONFIG", "SET", "maxmemory", "1mb")
        outcome = by_grpc(latentd.address, METHODS["ImageGeneration.CreateJob"], {"spec": {"model": "pictograms", "prompt": "a cat"}})
        assert outcome.error["code"] == 8, outcome
        return _metrics(_metrics_address(latentd))


@pytest.fixture(scope="session")
def exposed(tmp_path_factory):
    """The metrics of a latentd that has completed a job, flagged a picture, refused a job and failed one; and those refusals
    that only jobs in Redis meet."""
    found = _exposed_in_memory()
    for metric, labels in _with_a_full_redis(tmp_path_factory.mktemp("full")).items():
        for label, values in labels.items():
            found.setdefault(metric, {}).setdefault(label, set()).update(values)
    return found


def _exposed_in_memory():
    create, generate, cancel = (METHODS[f"ImageGeneration.{name}"] for name in ("CreateJob", "Generate", "CancelJob"))
    with Latentd("--models", str(ROOT / "tests/golden/pipelines/models"), "--max-queued-jobs", "1", "--max-batch-rows", "1") as latentd:
        address = _metrics_address(latentd)

        def seen(metric, **labels):
            return lambda: all(value in _metrics(address).get(metric, {}).get(label, ()) for label, value in labels.items())

        outcome = by_grpc(latentd.address, generate, {"spec": FLAGGED})
        assert "completed" in outcome.messages[-1], outcome
        # One runs; of those that come meanwhile one waits until its time is over, and the others are refused.
        begun = by_grpc(latentd.address, create, {"spec": LONG})
        assert not begun.error, begun.error
        refused, failed = seen("latentd_jobs_refused_total", reason="QUEUE_FULL"), seen("latentd_jobs_ended_total", state="failed")

        def one_more():
            by_grpc(latentd.address, create, {"spec": LONG, "options": {"timeout": "1s"}})
            return refused() and failed()

        wait_for("a refusal and a failure", one_more)
        by_grpc(latentd.address, cancel, {"name": begun.messages[0]["name"]})
        return _metrics(address)
