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
from specs import picture_of

_JOBS = 8
_PATIENCE = 600  # after everything is healed, until all jobs have ended


def run(seed, folder, undisturbed):
    draw = random.Random(seed)
    replicas = draw.choice((2, 3))
    with contextlib.ExitStack() as stack:
        record = stack.enter_context(contextlib.closing(History(folder / "history")))
        for spec, pictures in undisturbed.items():
            record.add("undisturbed", spec=spec, pictures=pictures)
        redis = stack.enter_context(RedisServer(stack.enter_context(tempfile.TemporaryDirectory()) + "/redis"))
        links = stack.enter_context(Links(f"127.0.0.1:{redis.port}"))
        ways = [links.open(f"link-{index}") for index in range(replicas)]
        with ThreadPoolExecutor() as together:
            fleet = list(together.map(lambda index: Replica(f"replica-{index}", ways[index].address), range(replicas)))
        for replica in fleet:
            stack.enter_context(replica)
            stack.callback(lambda replica=replica: (folder / f"{replica.name}.log").write_text(replica.log))
        callers = Callers(record, fleet, seed)
        for number in range(_JOBS):
            callers.submit(number, draw.uniform(0, 12))
        trouble = faults.Faults(record, redis, fleet, ways, draw)
        trouble.start(faults.plan(draw, replicas))
        trouble.wait()
        for replica in fleet:
            replica.check()
        if callers.wait(_PATIENCE):  # if not, the history says which jobs have not ended
            read_all(record, fleet, callers.accepted)
            count(record, redis)


def read_all(record, fleet, accepted):
    """What each replica says of all jobs, from their beginning."""
    for replica in fleet:
        wait_for(f"{replica.name} answers", lambda replica=replica: _answers(replica))
        record.add("listed", replica=replica.name, jobs=[job.name for job in calls.list_jobs(replica.address, timeout=20)])
        for name in accepted:
            try:
                job = calls.get_job(replica.address, name, timeout=20)
                pictures = [picture_of(replica.address, name, output.index) for output in job.outputs]
                record.add("found", replica=replica.name, job=name, state=calls.state_of(job), request=job.request_id,
                           pictures=pictures, last=job.last_sequence)
                reader = f"reader-at-{replica.name}"
                record.add("watch", reader=reader, replica=replica.name, job=name, after=0)
                for event in calls.watch_job(replica.address, name, 0, timeout=5):
                    record.event(reader, event)
            except calls.CallFailed as error:
                record.add("missing", replica=replica.name, job=name, code=error.code)


def _answers(replica):
    replica.check()
    with contextlib.suppress(calls.CallFailed):
        calls.list_jobs(replica.address, timeout=5)
        return True


def count(record, redis):
    """Redis' own counters, which nothing may be left in."""
    values = redis.command("HMGET", "{latentd}:totals", "queued", "running", "bytes")
    queued, running, size = (int(value or 0) for value in values)
    record.add("counted", queued=queued, running=running, bytes=size, leases=int(redis.command("ZCARD", "{latentd}:leases")[0]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--undisturbed", type=pathlib.Path, required=True, help="JSON: pictures by specification")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    run(args.seed, args.folder, json.loads(args.undisturbed.read_text()))
    print(f"seed {args.seed}: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
