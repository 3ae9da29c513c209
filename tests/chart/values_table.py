#!/usr/bin/env python3
"""The table of values in the chart's README.md, from the comments of values.yaml: values_table.py writes it."""

import json
import pathlib
import re

import yaml

CHART = pathlib.Path(__file__).resolve().parents[2] / "helm/latentd"
README = CHART / "README.md"
HEADER = "| value | default | meaning |\n|---|---|---|\n"


def documented():
    """(path, comment) of each value that has one, in the order of the file."""
    found, path, comment = [], [], []
    for line in (CHART / "values.yaml").read_text().splitlines():
        if text := re.fullmatch(r" *# (.*)", line):
            comment.append(text.group(1))
        elif key := re.match(r"( *)([\w.-]+):", line):
            path = [*path[:len(key.group(1)) // 2], key.group(2)]
            if comment:
                found.append((tuple(path), " ".join(comment)))
            comment = []
        elif not line.strip():
            comment = []  # a remark about what follows
    return found


def default(path):
    value = yaml.safe_load((CHART / "values.yaml").read_text())
    for key in path:
        value = value[key]
    if value in ("", {}, []):
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def table():
    return HEADER + "".join(f"| `{'.'.join(path)}` | {default(path)} | {comment} |\n" for path, comment in documented())


def with_table(text):
    before, rest = text.split(HEADER, 1)
    after = re.sub(r"\A(\|.*\n)*", "", rest)
    return before + table() + after


if __name__ == "__main__":
    README.write_text(with_table(README.read_text()))
