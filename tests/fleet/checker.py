"""Judges a run by its history alone: was an acknowledged job lost, doubled, or touched by an owner that was fenced out?

Each rule is a function from what is known of one job, or of the run, to sentences about what is wrong.
"""

from collections import defaultdict
from typing import NamedTuple

from told import TERMINAL, faults_of, jobs_of, tries_of

PASSING = ("progress", "queued")  # a reader gets the newest of them; all others reach every reader
LOSSES = 3  # of replicas, after which a job is given up
TAKING = ("kill", "pause", "cut", "silence", "slow")  # faults by which a replica may lose what it runs
RULES = ("lost", "doubled", "unequal", "fenced", "moved", "history", "cancel", "count")


class Violation(NamedTuple):
    rule: str  # one of RULES
    job: str
    text: str


def check(history):
    """What is wrong; empty when nothing is."""
    jobs, faults = jobs_of(history), faults_of(history)
    undisturbed = {entry["spec"]: entry["pictures"] for entry in history if entry["kind"] == "undisturbed"}
    found = [Violation("doubled", "", text) for text in _requests(jobs, tries_of(history), history)]
    found += [Violation("count", "", text) for text in _counts(history)]
    for job in jobs.values():
        for rule, texts in (("lost", _ends(job)), ("doubled", _ends_once(job)), ("history", _same_history(job)),
                            ("history", _whole_history(job)), ("fenced", _owners(job, len(undisturbed.get(job.spec, [])))),
                            ("moved", _losses(job, faults)), ("unequal", _pictures(job, undisturbed)), ("cancel", _stops(job))):
            found += [Violation(rule, job.name, text) for text in texts]
    return found


def _requests(jobs, tries, history):
    """A request has one job, as has each try of one without an id; a job has one request, whose label it bears; and there is
    no job that nobody asked for."""
    of_request = defaultdict(set)
    for job in jobs.values():
        requests = job.requests | job.labels
        if len(requests) > 1:
            yield f"{job.name} is the job of several requests: {sorted(requests)}"
        for request in requests:
            of_request[request].add(job.name)
        for entry in job.found:
            named = tries.get(entry["label"], {}).get("named")
            if entry["request"] != (entry["label"] if named else ""):
                yield f"{job.name} has the id {entry['request']!r} at {entry['replica']}, and is of the request {entry['label']!r}"
    for entry in history:
        if entry["kind"] == "listed":
            names = [name for name, _ in entry["jobs"]]
            for name in names:
                if not jobs[name].requests and not jobs[name].untold:
                    yield f"{name} is listed at {entry['replica']}, and no request was answered with it"
            for name, job in jobs.items():
                if job.requests and name not in names:
                    yield f"{name} is not listed at {entry['replica']}"
            if len(set(names)) != len(names):
                yield f"a job is listed twice at {entry['replica']}"
    for request, names in of_request.items():
        if len(names) > 1:
            yield f"request {request} has several jobs: {sorted(names)}"


def _counts(history):
    for entry in history:
        if entry["kind"] == "counted":
            for name in ("queued", "running", "bytes"):
                if entry[name] != 0:
                    yield f"{name} is {entry[name]} when all jobs have ended"
            yield from (f"{key} is left when all jobs have ended" for key in entry["left"])
            yield from (f"{key} counts jobs when all have ended" for key in entry["busy"])
            yield from (f"{key} is kept for too long" for key in entry["lasting"])


def _ends(job):
    if job.end() is None:
        yield "it has not ended"
    for entry in job.missing:
        yield f"{entry['replica']} does not know it: {entry['code']}"
    if job.requests and not job.found:
        yield "it was not found at any replica"


def _ends_once(job):
    events = job.events()
    ends = [event for event in events if event["what"] in TERMINAL]
    if len(ends) > 1:
        yield f"it ended {len(ends)} times: {[(event['sequence'], event['what']) for event in ends]}"
    elif ends and ends[0] is not events[-1]:
        yield f"after its end came {events[-1]['what']}"
    for entry in job.found:
        if ends and entry["last"] != ends[0]["sequence"]:  # readers stop at the end
            yield f"{entry['replica']} has events up to {entry['last']}, its end is {ends[0]['sequence']}"
        if ends and entry["state"] != f"STATE_{ends[0]['what'].upper()}":
            yield f"{entry['replica']} says {entry['state']}, its history {ends[0]['what']}"
    outputs = [event["output"] for event in events if event["what"] == "output"]
    if len(set(outputs)) != len(outputs):
        yield f"an output was published twice: {outputs}"


def _same_history(job):
    """What has a number is the same for everybody, and no stream goes back."""
    digests = {}
    for reader, events in job.readers.items():
        for event in events:
            if digests.setdefault(event["sequence"], event["digest"]) != event["digest"]:
                yield f"event {event['sequence']} is another one for {reader}"
    for reader, after, sequences in job.watches:
        for earlier, later in zip([after, *sequences], sequences, strict=False):
            if later <= earlier:
                yield f"{reader} got event {later} after {earlier}"


def _whole_history(job):
    """Whoever read to the end has every event that is not passing; all of them began at the beginning."""
    lasting = {event["sequence"] for event in job.events() if event["what"] not in PASSING}
    for reader, events in job.readers.items():
        if any(event["what"] in TERMINAL for event in events):
            missed = lasting - {event["sequence"] for event in events}
            if missed:
                yield f"{reader} missed events {sorted(missed)}"


def _owners(job, outputs):
    """Between `requeued` and the next `started` nobody owns it, but to end one whose outputs are all there; a job goes on
    after its checkpoint, and never back."""
    owned, resume, steps = False, 0, {}
    losses, published = 0, set()
    for event in job.events():
        what, where = event["what"], f"event {event['sequence']}"
        if what == "started":
            if owned:
                yield f"{where}: it was started while somebody had it"
            owned, steps = True, {}
        elif what == "requeued":
            owned, resume = False, event["resume"]
            losses += event["reason"] == "LOST"
        elif what == "completed" and not owned and len(published) < outputs:
            yield f"{where}: completed by an owner that has lost it"
        elif what in ("progress", "output", "output_chunk") and not owned:
            yield f"{where}: {what} of an owner that has lost it"
        elif what == "failed" and not owned and (event["reason"] != "REPLICAS_LOST" or losses < LOSSES):
            yield f"{where}: failed with {event['reason']} while nobody had it"
        if what == "output":
            published.add(event["output"])
        if what == "progress":
            before = steps.get(event["output"], resume)
            if event["step"] < before:
                yield f"{where}: output {event['output']} was at step {before}, and is at {event['step']}"
            steps[event["output"]] = event["step"]


def _losses(job, faults):
    """Each loss of a replica is that of a fault, and a fault takes a job once. SIGTERM hands jobs over, unless Redis is away;
    Redis' own faults take no job from a replica that runs it, only a claim whose answer nobody got."""
    of_redis = [fault for fault in faults if fault.target == "redis"]
    taking = [fault for fault in faults if fault.kind in TAKING or (
        fault.kind == "restart" and any(fault.begin < other.end and other.begin < fault.end for other in of_redis))]
    lost = while_running = 0
    runs = False
    for event in job.events():
        if event["what"] == "started":
            runs = True
        elif event["what"] == "requeued":
            if event["reason"] == "LOST":
                lost, while_running = lost + 1, while_running + runs
                place = job.seen[event["sequence"]]
                reasons = sum(fault.begin < place for fault in taking)
                if while_running > reasons:
                    yield f"event {event['sequence']}: replicas that ran it were lost {while_running} times, by {reasons} faults"
                elif lost > reasons + sum(fault.begin < place for fault in of_redis):
                    yield f"event {event['sequence']}: replicas that had it were lost {lost} times, by fewer faults"
            runs = False


def _pictures(job, undisturbed):
    """What was announced, what came, what every replica has, and what a lone replica makes are the same bytes."""
    announced = {event["output"]: event["sha256"] for event in job.events() if event["what"] == "output"}
    for event in job.events():
        if event["what"] == "output_chunk" and event["sha256"] != announced.get(event["output"]):
            yield f"the bytes of output {event['output']} are not those that were announced"
    expected = undisturbed[job.spec] if job.spec else [announced[index] for index in sorted(announced)]
    for index, sha256 in announced.items():
        if index >= len(expected) or sha256 != expected[index]:
            yield f"output {index} is not the picture of an undisturbed run"
    if job.end() == "completed":
        if len(announced) != len(expected):
            yield f"it has {len(announced)} of {len(expected)} outputs"
        for entry in job.found:
            if entry["pictures"] != expected:
                yield f"{entry['replica']} has other pictures"


def _stops(job):
    """Jobs are cancelled when somebody asks, and fail only when they have lost too many replicas."""
    for event in job.events():
        if event["what"] == "cancelled" and not job.cancels and not job.untold:
            yield "nobody asked to cancel it"
        if event["what"] == "failed" and event["reason"] != "REPLICAS_LOST":
            yield f"it failed: {event['reason']}"
    if job.cancelled and job.end() not in (None, "cancelled"):
        yield f"a caller was told that it is cancelled, and it has {job.end()}"
