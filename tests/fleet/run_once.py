#!/usr/bin/env python3
"""One run: a fleet under load and faults, all drawn from a seed. Writes FOLDER/history and what the replicas logged.

Ends with 0 when the history could be written to its end, whatever it says: checker.py judges it.
"""

import argparse
import contextlib
import json
import pathlib
import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import calls
import faults
from clients import Callers
from history import History
from links import Links
from processes import wait_for
from redis_server import RedisServer
from replicas import Replica
from resp_proxy import RespProxy
from scripts import without_fencing
from specs import picture_of

_PREFIX = "{latentd}:"  # of all keys
_FINAL = ("STATE_COMPLETED", "STATE_FAILED", "STATE_CANCELLED")
_JOBS = 8
_PATIENCE = 600  # after everything is healed, until all jobs have ended


def host_of(seed):
    """A loopback address of the run's own: whoever calls what is gone never reaches another run's."""
    return f"127.{1 + seed // 65536 % 254}.{seed // 256 % 256}.{seed % 256}"


def run(seed, folder, undisturbed, fenced):
    draw, host = random.Random(seed), host_of(seed)
    replicas = draw.choice((2, 3))
    with contextlib.ExitStack() as stack:
        record = stack.enter_context(contextlib.closing(History(folder / "history")))
        for spec, pictures in undisturbed.items():
            record.add("undisturbed", spec=spec, pictures=pictures)
        redis = stack.enter_context(RedisServer(stack.enter_context(tempfile.TemporaryDirectory()) + "/redis", host))
        upstream = redis if fenced else stack.enter_context(RespProxy(redis.address, without_fencing))
        links = stack.enter_context(Links(upstream.address, host))
        ways = [links.open(f"link-{index}") for index in range(replicas)]
        with ThreadPoolExecutor() as together:
            fleet = list(together.map(lambda index: Replica(f"replica-{index}", ways[index].address, f"{host}:0"), range(replicas)))
        for replica in fleet:
            stack.enter_context(replica)
            stack.callback(lambda replica=replica: (folder / f"{replica.name}.log").write_text(replica.log))
        callers = Callers(record, fleet, seed)
        for number in range(_JOBS if fenced else 3 * _JOBS):  # so that a pause meets a replica with a job
            callers.submit(number, draw.uniform(0, 12))
        trouble = faults.Faults(record, redis, fleet, ways, draw)
        trouble.start(faults.plan(draw, replicas) if fenced else faults.plan_of(draw, replicas, ["pause"]))
        trouble.wait()
        for replica in fleet:
            replica.check()
        if callers.wait(_PATIENCE):  # if not, the history says which jobs have not ended
            await_ends(fleet[0])
            read_all(record, fleet, callers.accepted)
            count(record, redis)
        for replica in fleet:
            replica.stop()


def await_ends(replica):
    """Also those of jobs that nobody follows, as nobody was told of them. If some do not come, the history will say so."""
    with contextlib.suppress(AssertionError):
        wait_for("all jobs end", lambda: all(calls.state_of(job) in _FINAL for job in _listed(replica)))


def read_all(record, fleet, accepted):
    """What each replica says of all jobs, from their beginning."""
    for replica in fleet:
        listed = [(job.name, calls.label_of(job)) for job in _listed(replica)]
        record.add("listed", replica=replica.name, jobs=listed)
        for name in dict.fromkeys([*(name for name, _ in listed), *accepted]):
            try:
                job = calls.get_job(replica.address, name, timeout=20)
                pictures = [picture_of(replica.address, name, output.index) for output in job.outputs]
                record.add("found", replica=replica.name, job=name, state=calls.state_of(job), request=job.request_id,
                           label=calls.label_of(job), pictures=pictures, last=job.last_sequence)
                reader = f"reader-at-{replica.name}"
                record.add("watch", reader=reader, replica=replica.name, job=name, after=0)
                for event in calls.watch_job(replica.address, name, 0, timeout=5):
                    record.event(reader, event)
            except calls.CallFailed as error:
                record.add("missing", replica=replica.name, job=name, code=error.code)


def _listed(replica):
    """Its jobs, as soon as it answers."""
    jobs = []

    def answered():
        replica.check()
        with contextlib.suppress(calls.CallFailed):
            jobs[:] = calls.list_jobs(replica.address, timeout=20)
            return True

    wait_for(f"{replica.name} answers", answered)
    return jobs


def count(record, redis):
    """What Redis has when all jobs have ended: nothing may be left but what expires, and counters at zero."""
    def keys(*kinds):
        return [key for key in found if key.removeprefix(_PREFIX).split(":")[0] in kinds]

    def numbers(key, *fields):
        return [int(value or 0) for value in redis.command("HMGET", key, *fields)]

    def left(key):
        return int(redis.command("PTTL", key)[0])

    def outlives_its_job(request):
        job = redis.command("GET", request)[0]
        return left(request) > left(f"{_PREFIX}job:{job}") + 1000

    found = sorted(redis.command("KEYS", f"{_PREFIX}*"))
    queued, running, size = numbers(f"{_PREFIX}totals", "queued", "running", "bytes")
    record.add("counted", queued=queued, running=running, bytes=size,
               left=keys("models", "waiting", "line", "leases", "deadlines", "checkpoint", "pictures", "followers"),
               busy=[key for key in keys("use") if any(numbers(key, "queued", "running"))],
               lasting=[key for key in keys("job", "events", "output") if left(key) == -1]
                       + [key for key in keys("request") if outlives_its_job(key)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--undisturbed", type=pathlib.Path, required=True, help="JSON: pictures by specification")
    parser.add_argument("--no-fencing", action="store_true", help="Redis does not look at tokens; all faults are pauses")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    run(args.seed, args.folder, json.loads(args.undisturbed.read_text()), not args.no_fencing)
    print(f"seed {args.seed}: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
