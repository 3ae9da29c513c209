"""What the control groups that this runs in, those of a container or of a service, let it take. As a program it writes how many
threads Envoy is to have."""

import os
import pathlib

ROOT = pathlib.Path("/sys/fs/cgroup")
MEMBERSHIP = pathlib.Path("/proc/self/cgroup")
# Each thread has connections of its own to every replica, and others need the cores, too.
MOST_THREADS = 4


def _folders(controller, root, membership):
    """Of its group and those above it. In a container the group's path may be that of the host, where nothing is mounted."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:  # a sandbox that tells of none
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)  # "0::/group" of version 2, "7:cpu,cpuacct:/group" of version 1
        if controllers and controller not in controllers.split(","):
            continue
        top = root / controller if controllers else root
        path = top / group.strip("/")
        yield from (each for each in (path, *path.parents) if each.is_relative_to(top))


def _numbers(path):
    """None where there is no limit, which is no file, `max` or -1."""
    try:
        numbers = [int(each) for each in path.read_text().split()]
    except (OSError, ValueError):
        return None
    return numbers if min(numbers, default=0) > 0 else None


def memory(root=ROOT, membership=MEMBERSHIP):
    """Bytes; None where there is no limit but the machine's."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [_numbers(folder / name) for folder in _folders("memory", root, membership) for name in ("memory.max", "memory.limit_in_bytes")]
    return min((each[0] for each in limits if each and each[0] < machine), default=None)


def processors(root=ROOT, membership=MEMBERSHIP):
    """How many at a time, a number with a fraction; None where there is no limit but the machine's."""
    limits = []
    for folder in _folders("cpu", root, membership):
        limits.append(_numbers(folder / "cpu.max"))
        quota, period = _numbers(folder / "cpu.cfs_quota_us"), _numbers(folder / "cpu.cfs_period_us")
        limits.append(quota and period and quota + period)
    return min((quota / period for quota, period in filter(None, limits)), default=None)


def threads(limit, cores):
    """As many as its group may use at a time; without a limit not each core of a large machine."""
    return min(cores, max(1, int(limit)) if limit else MOST_THREADS)


if __name__ == "__main__":
    print(threads(processors(), len(os.sched_getaffinity(0))))
