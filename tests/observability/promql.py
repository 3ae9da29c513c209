"""What an expression of PromQL names: enough of its grammar for that; whether it is well-formed is promtool's to say."""

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(r"""
    (?P<comment>\#[^\n]*) | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*') | (?P<range>\[[^\]]*\]) |
    (?P<number>\d[\w.]*) | (?P<name>[a-zA-Z_:][\w:]*) | (?P<sign>=~|!~|!=|==|>=|<=|\S)
""", re.VERBOSE)
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_OPERATORS = {"and", "or", "unless", "bool", "offset"}


@dataclass
class Selector:
    metric: str
    matchers: list = field(default_factory=list)  # (label, sign, value)


@dataclass
class Named:
    selectors: list = field(default_factory=list)
    grouping: set = field(default_factory=set)  # labels of by (…), on (…) and the like


def parse(expression):
    tokens = [(match.lastgroup, match[0]) for match in _TOKEN.finditer(expression) if match.lastgroup != "comment"]
    texts = [text for _, text in tokens] + ["", ""]
    named = Named()
    at = 0
    while at < len(tokens):
        kind, text = tokens[at]
        at += 1
        if kind != "name":
            continue
        if text in _GROUPING and texts[at] == "(":
            end = texts.index(")", at)
            named.grouping |= {label for label in texts[at + 1:end] if label != ","}
            at = end
        elif texts[at] != "(" and texts[at] not in _GROUPING and text not in _OPERATORS:
            selector = Selector(text)
            if texts[at] == "{":
                end = texts.index("}", at)
                inside = [each for each in texts[at + 1:end] if each != ","]
                selector.matchers = [(label, sign, value[1:-1]) for label, sign, value in zip(*[iter(inside)] * 3, strict=True)]
                at = end
            named.selectors.append(selector)
    return named
