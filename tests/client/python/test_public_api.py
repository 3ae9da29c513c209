"""Both clients are one API."""

from __future__ import annotations

import inspect

import latentd
import pytest

METHODS = [name for name, _ in inspect.getmembers(latentd.Client, inspect.isfunction) if not name.startswith("_")]


def test_the_clients_have_the_same_methods():
    theirs = inspect.getmembers(latentd.AsyncClient, inspect.isfunction)
    assert [name for name, _ in theirs if not name.startswith("_")] == METHODS


@pytest.mark.parametrize("name", [*METHODS, "__init__"])
def test_the_clients_take_the_same_arguments(name):
    ours = inspect.signature(getattr(latentd.Client, name)).parameters.values()
    theirs = inspect.signature(getattr(latentd.AsyncClient, name)).parameters.values()
    assert [(p.name, p.kind, p.default) for p in ours] == [(p.name, p.kind, p.default) for p in theirs]


def test_what_is_public_is_documented():
    for name in latentd.__all__:
        thing = getattr(latentd, name)
        assert thing.__doc__ or name == "Event", name
    for name in METHODS:
        assert getattr(latentd.Client, name).__doc__, name
