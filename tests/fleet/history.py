"""What was done and seen in a run, one JSON object a line, in the order in which it came to be known.

Kinds of entries, and what they have besides `at` (seconds since the run began) and `kind`:

    undisturbed  spec, pictures: SHA-256 of what a lone replica makes of the specification
    submit       request, spec, replica, named: a try; when it is not named, with an id of its own that only the history knows.
                 Either is a label of the job
    accepted     request, job: its answer; the job is acknowledged from here on
    unanswered   request, code: nobody knows whether there is a job
    watch        reader, replica, job, after: a stream was opened
    event        reader, job, sequence, what, digest, and what the checker needs of it
    cut          reader, job, code: the stream ended before its last event
    gone         reader, job, code: so did the stream of Generate, which cancels the job unless it was the replica that left
    cancel       job, replica: asked for
    cancelled    job, state: the answer
    fault        fault, target ("redis", or the replica that it, or whose link, has it): begins
    over         fault, target: it has ended
    healed       all faults are over
    found        replica, job, state, request (its id; "": none), label ("": none), pictures, last (sequence): GetJob and
                 GetOutput at the end
    missing      replica, job, code: they failed
    listed       replica, jobs: all of ListJobs at the end, each with its label
    counted      queued, running, bytes: what Redis counts at the end; and its keys that should not be there (left), that
                 count jobs of a tenant (busy), and that have no end (lasting)
"""

import hashlib
import json
import threading
import time


def digest(data):
    return hashlib.sha256(data).hexdigest()


class History:
    """Being written. Thread-safe."""

    def __init__(self, path):
        self.path = path
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._file = open(path, "w", encoding="utf-8")  # noqa: SIM115: closed by close()

    def add(self, kind, **fields):
        with self._lock:
            entry = {"at": round(time.monotonic() - self._began, 4), "kind": kind, **fields}
            self._file.write(json.dumps(entry) + "\n")

    def event(self, reader, event):
        self.add("event", reader=reader, **_event_fields(event))

    def close(self):
        self._file.close()


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _event_fields(event):
    """An API Event as an entry has it."""
    what = event.WhichOneof("kind")
    fields = {"job": event.job, "sequence": event.sequence, "what": what,
              "digest": digest(event.SerializeToString(deterministic=True))[:16]}
    if what == "progress":
        fields.update(output=event.progress.output_index, step=event.progress.step)
    elif what == "requeued":
        fields.update(reason=event.requeued.reason, resume=event.requeued.resume_step)
    elif what == "output":
        fields.update(output=event.output.index, size=event.output.size, sha256=event.output.sha256)
    elif what == "output_chunk":
        chunk = event.output_chunk
        fields.update(output=chunk.index, offset=chunk.offset, size=len(chunk.data), sha256=digest(chunk.data))
    elif what == "failed":
        fields.update(reason=_reason_of(event.failed.status))
    elif what == "cancelled":
        fields.update(reason=event.cancelled.reason)
    return fields


def _reason_of(status):
    """The stable reason of a google.rpc.Status: that of its ErrorInfo, a message whose first field it is."""
    for detail in status.details:
        if detail.type_url.endswith("/google.rpc.ErrorInfo"):
            return detail.value[2:2 + detail.value[1]].decode()
    return str(status.code)
