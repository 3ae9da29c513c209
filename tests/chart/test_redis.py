"""The password of the chart's Redis is the same in latentd's URL and for Redis, or Redis does not start."""

import subprocess

import pytest

from charts import only, render


def start(password):
    """Of Redis' container, with a command in the place of Redis."""
    objects = render("laptop", redis={"source": "chart", "passwordSecret": "p"})
    (redis,) = only(objects, "StatefulSet")["spec"]["template"]["spec"]["containers"]
    assert redis["args"][0] == "redis-server"
    return subprocess.run([*redis["command"], "printf", "%s ", "--dir", "/data"], env={"REDISCLI_AUTH": password, "PATH": "/usr/bin:/bin"},
                          capture_output=True, text=True)


def test_a_password_of_what_a_url_can_hold():
    assert start("aZ9-._~").stdout == "--dir /data "


@pytest.mark.parametrize("password", ("", "a%40b", "a@b", "a b", "a/b", "a:b", "a\nb", "ä"))
def test_another_is_refused(password):
    done = start(password)
    assert done.returncode == 1 and "the password of Redis may have" in done.stderr and not done.stdout
