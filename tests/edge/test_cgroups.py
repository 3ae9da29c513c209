"""Envoy becomes as large as its container allows."""

import os
import subprocess
import sys

import pytest
import yaml

import cgroups
import render
from processes import ROOT

GIB = 1 << 30
FLAGS = ["--listen", "127.0.0.1:0", "--backend", "127.0.0.1:1", "--descriptors", "unused", "--secrets", "unused"]


@pytest.fixture
def found(tmp_path):
    """What is found where a process is in such groups, and these files are mounted."""
    def look(what, membership, files):
        (tmp_path / "membership").write_text(membership)
        for name, text in files.items():
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        return what(tmp_path / "root", tmp_path / "membership")
    return look


def test_a_sandbox_without_groups_has_no_limit(tmp_path):
    assert cgroups.memory(tmp_path, tmp_path / "none") is None
    assert cgroups.processors(tmp_path, tmp_path / "none") is None


@pytest.mark.parametrize("membership, files, limit", [
    ("0::/\n", {"memory.max": f"{GIB}"}, GIB), ("0::/\n", {"memory.max": "max"}, None), ("0::/\n", {}, None),
    # In a container, by its path at the host; in a service, whose slice has the limit.
    ("0::/kubepods/pod\n", {"memory.max": f"{GIB}"}, GIB), ("0::/slice/edge\n", {"slice/edge/memory.max": "max", "slice/memory.max": f"{GIB}"}, GIB),
    ("9:memory:/docker/1\n0::/\n", {"memory/memory.limit_in_bytes": f"{GIB}"}, GIB),
    ("9:memory:/\n0::/\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, None)])
def test_how_much_memory(found, membership, files, limit):
    assert found(cgroups.memory, membership, files) == limit


@pytest.mark.parametrize("membership, files, limit", [
    ("0::/\n", {"cpu.max": "250000 100000"}, 2.5), ("0::/\n", {"cpu.max": "max 100000"}, None), ("0::/\n", {}, None),
    ("0::/slice/edge\n", {"slice/edge/cpu.max": "400000 100000", "slice/cpu.max": "200000 100000"}, 2),
    ("4:cpu,cpuacct:/docker/1\n0::/\n", {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 0.5),
    ("4:cpu,cpuacct:/\n0::/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None)])
def test_how_many_processors(found, membership, files, limit):
    assert found(cgroups.processors, membership, files) == limit


@pytest.mark.parametrize("limit, cores, threads", [(None, 64, 4), (None, 2, 2), (8, 64, 8), (2.5, 64, 2), (0.5, 64, 1), (8, 2, 2)])
def test_not_each_core_of_a_large_machine_gets_a_thread(limit, cores, threads):
    assert cgroups.threads(limit, cores) == threads


def test_envoy_is_told(tmp_path):
    envoy = tmp_path / "envoy"
    envoy.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    envoy.chmod(0o755)
    told = subprocess.run([ROOT / "deploy/envoy/run.sh", *FLAGS], env=os.environ | {"LATENTD_ENVOY": str(envoy)}, capture_output=True, text=True,
                          check=True).stdout.split("\n")
    threads = cgroups.threads(cgroups.processors(), len(os.sched_getaffinity(0)))
    assert told[told.index("--concurrency") + 1] == str(threads)


@pytest.mark.parametrize("limit, heap", [(None, 2 * GIB), (3 * GIB, 2 * GIB), (GIB, GIB * 2 // 3)])
def test_calls_are_refused_before_the_container_is_full(monkeypatch, capsys, limit, heap):
    monkeypatch.setattr(cgroups, "memory", lambda: limit)
    monkeypatch.setattr(sys, "argv", ["render.py", *FLAGS])
    render.main()
    monitors = yaml.safe_load(capsys.readouterr().out)["overload_manager"]["resource_monitors"]
    assert [each["typed_config"]["max_heap_size_bytes"] for each in monitors if each["name"].endswith("fixed_heap")] == [heap]
