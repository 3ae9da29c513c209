"""What there is to choose from."""

from __future__ import annotations

import threading
import time

import latentd
from latentd import v1
from latentd_comfyui.choices import Choices, offer_of
from latentd_comfyui.request import Server

HERE, THERE = Server("here:1"), Server("there:1")


def eventually(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def choices_of(ask):
    choices = Choices(ask, fresh_seconds=0)
    choices.learn(HERE)
    return choices


def test_names_of_each_kind():
    sd, xl, broken = v1.Model(name="models/sd"), v1.Model(name="models/xl"), v1.Model(name="models/broken")
    for model, samplers in ((sd, ["ddim", "euler"]), (xl, ["euler", "lcm"]), (broken, ["never"])):
        for name in samplers:
            model.samplers.add(name=name)
    broken.state = v1.Model.STATE_BROKEN
    kinds = v1.Adapter.DESCRIPTOR.enum_types_by_name["Kind"].values_by_name
    adapters = [v1.Adapter(name=f"adapters/{kind}", kind=kind) for kind in kinds]
    assert offer_of([sd, broken, xl], adapters) == {
        "models": ["sd", "xl"],
        "samplers": ["ddim", "euler", "lcm"],
        "loras": ["KIND_LORA"],
        "controlnets": ["KIND_CONTROLNET"],
        "motions": ["KIND_MOTION"],
        "image_prompts": ["KIND_IMAGE_PROMPT"],
    }


def test_names_of_all_servers_each_once():
    offers = {HERE: {"models": ["sd", "xl"]}, THERE: {"models": ["xl", "lcm"]}}
    choices = choices_of(offers.__getitem__)
    choices.learn(THERE)
    eventually(lambda: choices.names("models") == ["sd", "xl", "lcm"])
    assert choices.names("loras") == []


def test_a_server_that_does_not_answer_is_not_waited_for():
    answer = threading.Event()

    def ask(server):
        answer.wait(30)
        return {"models": ["sd"]}

    choices = choices_of(ask)
    assert choices.names("models") == []
    answer.set()
    eventually(lambda: choices.names("models") == ["sd"])


def test_a_server_is_asked_once_at_a_time():
    began, answer = [], threading.Event()

    def ask(server):
        began.append(server)
        answer.wait(30)
        return {}

    choices = choices_of(ask)
    choices.names("models")
    eventually(lambda: began)
    choices.names("models")
    assert began == [HERE]
    answer.set()


def test_what_a_server_had_stays_while_it_is_away():
    answers = [{"models": ["sd"]}]

    def ask(server):
        if not answers:
            raise latentd.Unavailable("gone")
        return answers.pop()

    choices = choices_of(ask)
    eventually(lambda: choices.names("models") == ["sd"])
    choices.names("models")
    assert choices.names("models") == ["sd"]


def test_a_fresh_answer_is_not_asked_for_again():
    asked = []

    def ask(server):
        asked.append(server)
        return {"models": ["sd"]}

    choices = Choices(ask, fresh_seconds=3600)
    choices.learn(HERE)
    eventually(lambda: choices.names("models") == ["sd"])
    choices.names("models")
    assert asked == [HERE]
