"""Metrics as a page in Prometheus' text format shows them."""

import re

_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:\\.|[^"\\])*)"')


def read(page):
    """For each sample's name, for each of its labels the values."""
    metrics = {}
    for name, labels in _SAMPLE.findall(page):
        values = metrics.setdefault(name, {})
        for label, value in _LABEL.findall(labels):
            values.setdefault(label, set()).add(value)
    return metrics


def family(name):
    """The histogram or summary that a sample belongs to; others belong to themselves."""
    return re.sub(r"_(bucket|sum|count)$", "", name)
