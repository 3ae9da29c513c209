"""What a history tells of each job, and of each fault."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

TERMINAL = ("completed", "failed", "cancelled")


@dataclass
class Job:
    """All that a history tells of one job."""
    name: str
    requests: set = field(default_factory=set)  # that it was the answer to
    labels: set = field(default_factory=set)  # that replicas say it has: the request that it is of
    spec: str = ""  # of its request
    untold: bool = False  # nobody was told of it, and its request had no id: such a request that is tried again has another job
    cancels: int = 0  # that were asked for, or that the end of a stream may have been
    cancelled: bool = False  # so an answer said
    readers: dict = field(default_factory=lambda: defaultdict(list))  # their events, as they came
    seen: dict = field(default_factory=dict)  # by sequence: where in the history an event is first
    watches: list = field(default_factory=list)  # (reader, after, sequences that came)
    found: list = field(default_factory=list)
    missing: list = field(default_factory=list)

    def events(self):
        """One of each, by sequence."""
        return [each for _, each in sorted({event["sequence"]: event for read in self.readers.values() for event in read}.items())]

    def moved(self):
        return any(event["what"] == "requeued" for event in self.events())

    def end(self):
        return next((event["what"] for event in self.events() if event["what"] in TERMINAL), None)


class Fault(NamedTuple):
    kind: str
    target: str
    begin: int  # places in the history
    end: int


def faults_of(history):
    faults, begun = [], {}
    for place, entry in enumerate(history):
        if entry["kind"] == "fault":
            begun[entry["fault"], entry["target"]] = len(faults)
            faults.append(Fault(entry["fault"], entry["target"], place, len(history)))
        elif entry["kind"] == "over":
            index = begun[entry["fault"], entry["target"]]
            faults[index] = faults[index]._replace(end=place)
    return faults


def tries_of(history):
    """By request, the last one of each: all are for the same."""
    return {entry["request"]: entry for entry in history if entry["kind"] == "submit"}


def jobs_of(history):
    """By name. Those that were acknowledged, and those that are only told of."""
    jobs, tries, open_watches = {}, tries_of(history), {}

    def job(name):
        return jobs.setdefault(name, Job(name))

    for place, entry in enumerate(history):
        match entry["kind"]:
            case "accepted":
                job(entry["job"]).requests.add(entry["request"])
            case "watch":
                sequences = open_watches[entry["reader"], entry["job"]] = []
                job(entry["job"]).watches.append((entry["reader"], entry["after"], sequences))
            case "event":
                job(entry["job"]).readers[entry["reader"]].append(entry)
                job(entry["job"]).seen.setdefault(entry["sequence"], place)
                open_watches[entry["reader"], entry["job"]].append(entry["sequence"])
            case "cancel":
                job(entry["job"]).cancels += 1
            case "gone":
                job(entry["job"]).cancels += entry["code"] != "UNAVAILABLE"
            case "cancelled":
                job(entry["job"]).cancelled |= entry["state"] == "STATE_CANCELLED"
            case "listed":
                for name, label in entry["jobs"]:
                    job(name).labels.add(label)
            case "found":
                job(entry["job"]).found.append(entry)
                job(entry["job"]).labels.add(entry["label"])
            case "missing":
                job(entry["job"]).missing.append(entry)
    for each in jobs.values():
        known = [tries[request] for request in (*each.requests, *each.labels) if request in tries]
        each.spec = known[0]["spec"] if known else ""
        each.untold = not each.requests and bool(known) and not any(entry["named"] for entry in known)
    return jobs
