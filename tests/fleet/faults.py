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


# Kind: how often, and for how long. "restart" is SIGTERM.
_KINDS = {"kill": (3, _short), "pause": (3, _past_the_lease), "restart": (2, _short), "kill redis": (2, _short),
          "cut": (2, _either), "silence": (2, _either), "slow": (2, lambda draw: draw.uniform(3, 8))}
KINDS = tuple(_KINDS)


def plan(draw, replicas):
    faults = []
    for kind in draw.choices(KINDS, [weight for weight, _ in _KINDS.values()], k=draw.randint(4, 6)):
        faults.append(Fault(kind, draw.uniform(0.5, _WINDOW), _KINDS[kind][1](draw), draw.randrange(replicas)))
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
            target = ("redis", 0) if fault.kind == "kill redis" else (
                "link" if fault.kind in ("cut", "silence", "slow") else "replica", fault.target)
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
        try:
            name = "redis" if fault.kind == "kill redis" else self._replicas[fault.target].name
            self._record.add("fault", fault=fault.kind, target=name, lasts=round(fault.lasts, 2))
            begin, end = self._actions(fault)
            begin()
            time.sleep(fault.lasts)
            end()
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
            case "kill redis":
                return self._redis.kill, self._redis.start
            case "cut":
                return link.cut, link.heal
            case "silence":
                return link.silence, link.heal
            case "slow":
                milliseconds, kilobytes = self._draw.randint(50, 500), self._draw.randint(20, 200)
                return lambda: link.slow_down(milliseconds, kilobytes), link.heal
