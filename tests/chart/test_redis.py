"""The chart's Redis: it starts with the password of its Secret, whatever that is, shows it to nobody, and can be given another."""

import pathlib
import re
import shutil
import subprocess

import grpc
import pytest

from charts import CHART, only, render
from local_pod import LocalPod
from processes import Process, unused_address, wait_for
from test_server import serve

PASSWORDS = ["aZ9-._~", "a b", "\"'\\$(x)`#", "ä%40/@:", "two\nlines"]


class Redis(Process):
    """Its container, with the files and ports of this machine."""

    def __init__(self, folder, password):
        self._folder = folder
        self.address = unused_address()
        self._port = self.address.split(":")[1]
        for name in "secret", "data", "bin":
            (folder / name).mkdir()
        # Debian's redis-tools have the server as redis-check-rdb: it goes by the name that it is called by.
        (folder / "bin/redis-server").symlink_to(shutil.which("redis-check-rdb"))
        (folder / "bin/redis-cli").write_text(f'#!/bin/sh\nexec {shutil.which("redis-cli")} -p {self._port} "$@"\n')
        (folder / "bin/redis-cli").chmod(0o755)
        self._environment = {"PATH": f"{folder}/bin:/usr/bin:/bin"}
        self.give(password)
        spec = only(render("laptop", redis={"source": "chart", "passwordSecret": "p"}), "StatefulSet")["spec"]["template"]["spec"]
        self._container = next(each for each in spec["containers"] if each["name"] == "redis")
        assert "env" not in self._container
        super().__init__([*map(self._local, [*self._container["command"], *self._container["args"]]), "--port", self._port],
                         env=self._environment)

    def _local(self, text):
        return text.replace("/etc/redis/", f"{self._folder}/secret/").replace("/data", f"{self._folder}/data")

    def give(self, password):
        """As the kubelet brings the Secret, late or not."""
        (self._folder / "secret/password").write_text(password)

    def run(self, command, **options):
        """In the container."""
        return subprocess.run([self._local(each) for each in command], env=self._environment, capture_output=True, text=True, **options)

    def is_ready(self):
        return self.run(self._container["readinessProbe"]["exec"]["command"]).returncode == 0

    def takes(self, password):
        return self.run(["redis-cli", "AUTH", password]).stdout == "OK\n"

    def command_line(self):
        return pathlib.Path(f"/proc/{self._popen.pid}/cmdline").read_text()


# The chart's README.md names them.
[ACCOUNTS] = re.findall(r"`kubectl exec -i NAME-redis-0 -- sh -c '(.*)'`", (CHART / "README.md").read_text())


@pytest.mark.parametrize("password", [*PASSWORDS, "ends a line\n"])
def test_any_password_will_do_and_is_not_shown(tmp_path, password):
    with Redis(tmp_path, password) as redis:
        wait_for("Redis is ready", lambda: redis.is_ready() or not redis.running())
        assert redis.takes(password.rstrip("\n")) and not redis.takes("another") and not redis.takes("")
        assert "redis-server" in redis.command_line() and password.rstrip("\n") not in redis.command_line()


def test_none_at_all_is_refused(tmp_path):
    with Redis(tmp_path, "\n") as redis:
        assert redis.wait() == 1 and "the password of Redis is empty" in redis.log


def test_a_new_one_comes_beside_the_old_one(tmp_path):
    with Redis(tmp_path, "old one") as redis:
        wait_for("Redis is ready", redis.is_ready)
        assert redis.run(["sh", "-c", ACCOUNTS], input=">new one").stdout == "OK\n"
        assert redis.takes("old one") and redis.takes("new one") and redis.is_ready()
        redis.give("new one")
        assert redis.is_ready()
        assert redis.run(["sh", "-c", ACCOUNTS], input="<old one").stdout == "OK\n"
        assert redis.takes("new one") and not redis.takes("old one") and redis.is_ready()


def jobs(channel):
    """The code of a call that asks Redis."""
    try:
        channel.unary_unary("/latentd.v1.ImageGeneration/ListJobs")(b"", timeout=10)
        return grpc.StatusCode.OK
    except grpc.RpcError as error:
        return error.code()


def test_latentd_takes_the_new_one_without_a_restart(tmp_path):
    for name in "redis", "pod":
        (tmp_path / name).mkdir()
    with Redis(tmp_path / "redis", PASSWORDS[2]) as redis:
        wait_for("Redis is ready", redis.is_ready)
        objects = render("laptop", redis={"source": "external", "address": redis.address, "passwordSecret": "p"})
        pod = LocalPod(tmp_path / "pod", objects, "r-latentd", secrets={"p": {"password": PASSWORDS[2]}}, variables={"CPU_LIMIT": "1"})
        assert not any(PASSWORDS[2] in each for each in pod.arguments)
        with serve(pod), grpc.insecure_channel(pod.address(50051)) as channel:
            assert jobs(channel) == grpc.StatusCode.OK
            assert redis.run(["sh", "-c", ACCOUNTS], input=">new one").stdout == "OK\n"
            (tmp_path / "pod/redis-password/password").write_text("new one")
            assert redis.run(["sh", "-c", ACCOUNTS], input=f"<{PASSWORDS[2]}").stdout == "OK\n"
            assert jobs(channel) == grpc.StatusCode.OK
            redis.give("new one")
            for kind in "normal", "pubsub":
                redis.run(["sh", "-c", ACCOUNTS.replace("-x ACL SETUSER default", f"CLIENT KILL TYPE {kind}")], check=True)
            wait_for("latentd has connected anew", lambda: jobs(channel) == grpc.StatusCode.OK)
