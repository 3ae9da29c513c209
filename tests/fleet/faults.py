"""What goes wrong in a run, and when: drawn from its seed."""

import threading
import time
from dataclasses import dataclass

LEASE = 10  # of a replica for its jobs, in seconds; see RedisJobStoreOptions
_WINDOW = 12  # within which faults begin


@dataclass(frozen=True)
class Fault:
    kind: str
    at: float  # seconds since the first job
    lasts: float
    target: int  # which replica; of no meaning for Redis


def _short(draw):
    return draw.uniform(0, 2.5)


def _past_the_lease(draw):
    return LEASE + draw.uniform(0.5, 2.5)


def _either(draw):
    return _past_the_lease(draw) if draw.random() < 0.3 else draw.uniform(0.3, 4)


# Of whom, how often, and for how long. "restart" is SIGTERM, and "freeze redis" SIGSTOP.
_KINDS = {"kill": ("replica", 3, _short), "pause": ("replica", 3, _past_the_lease), "restart": ("replica", 2, _short),
          "cut": ("link", 2, _either), "silence": ("link", 2, _either), "slow": ("link", 2, lambda draw: draw.uniform(3, 8)),
          "kill redis": ("redis", 2, _short), "kill redis for long": ("redis", 1, _past_the_lease),
          "freeze redis": ("redis", 1, _short), "freeze redis for long": ("redis", 1, _past_the_lease)}
KINDS = tuple(_KINDS)
# None of these takes a job from a replica that runs it.
_HARMLESS = tuple(kind for kind, (target, _, _) in _KINDS.items() if target == "redis" or kind == "restart")


def plan(draw, replicas):
    """A run in four has only faults that no replica may lose a job by."""
    return plan_of(draw, replicas, _HARMLESS if draw.random() < 0.25 else KINDS)


def plan_of(draw, replicas, kinds):
    faults = []
    for kind in draw.choices(kinds, [_KINDS[kind][1] for kind in kinds], k=draw.randint(4, 6)):
        faults.append(Fault(kind, draw.uniform(0.5, _WINDOW), _KINDS[kind][2](draw), draw.randrange(replicas)))
    return sorted(faults, key=lambda fault: fault.at)


class Faults:
    """Does what the plan says, in the background. What has a fault gets no second one until it is over."""

    def __init__(self, record, redis, replicas, links, draw):
        self._record, self._redis, self._replicas, self._links, self._draw = record, redis, replicas, links, draw
        self._threads = []
        self._broken = []

    def start(self, faults):
        busy = {("redis", 0): threading.Lock()}
        for index in range(len(self._replicas)):
            busy["replica", index] = threading.Lock()
            busy["link", index] = threading.Lock()
        began = time.monotonic()
        for fault in faults:
            what = _KINDS[fault.kind][0]
            target = (what, 0 if what == "redis" else fault.target)
            thread = threading.Thread(target=self._inject, args=(fault, began, busy[target]), daemon=True)
            thread.start()
            self._threads.append(thread)

    def wait(self):
        """Until all are over, and everything runs."""
        for thread in self._threads:
            thread.join()
        assert not self._broken, "; ".join(self._broken)
        self._record.add("healed")

    def _inject(self, fault, began, busy):
        time.sleep(max(0, began + fault.at - time.monotonic()))
        if not busy.acquire(blocking=False):
            return
        name = "redis" if _KINDS[fault.kind][0] == "redis" else self._replicas[fault.target].name
        try:
            self._record.add("fault", fault=fault.kind, target=name, lasts=round(fault.lasts, 2))
            begin, end = self._actions(fault)
            begin()
            time.sleep(fault.lasts)
            end()
            self._record.add("over", fault=fault.kind, target=name)
        except Exception as error:  # noqa: BLE001: told by wait()
            self._broken.append(f"{fault.kind} of {name}: {(str(error) or repr(error)).splitlines()[-1]}")
        finally:
            busy.release()

    def _actions(self, fault):
        replica, link = self._replicas[fault.target], self._links[fault.target]
        match fault.kind:
            case "kill":
                return replica.kill, replica.start
            case "pause":
                return replica.pause, replica.resume
            case "restart":
                return replica.stop, replica.start
            case "kill redis" | "kill redis for long":
                return self._redis.kill, self._redis.start
            case "freeze redis" | "freeze redis for long":
                return self._redis.freeze, self._redis.thaw
            case "cut":
                return link.cut, link.heal
            case "silence":
                return link.silence, link.heal
            case "slow":
                milliseconds, kilobytes = self._draw.randint(50, 500), self._draw.randint(20, 200)
                return lambda: link.slow_down(milliseconds, kilobytes), link.heal
