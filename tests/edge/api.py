"""The API as its descriptor set tells it: messages, methods and their HTTP mappings."""

import os
import re
import urllib.parse
from dataclasses import dataclass

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

_files = descriptor_pb2.FileDescriptorSet()
with open(os.environ["LATENTD_DESCRIPTORS"], "rb") as _file:
    _files.ParseFromString(_file.read())
POOL = descriptor_pool.DescriptorPool()
for _each in _files.file:
    POOL.Add(_each)


def message_class(name):
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(name))


def to_dict(message):
    return json_format.MessageToDict(message, descriptor_pool=POOL)


def from_dict(name, fields):
    return json_format.ParseDict(fields, message_class(name)(), descriptor_pool=POOL)


def decode(name, data):
    return to_dict(message_class(name).FromString(data))


@dataclass(frozen=True)
class Method:
    path: str  # "/latentd.v1.Models/GetModel"
    request: str
    response: str
    streams: bool
    verb: str
    template: str  # "/latentd/v1/{name=models/*}"
    has_body: bool

    def http(self, fields):
        """Verb, path and body that say the same as `fields`; what is neither in path nor body is a query."""
        rest = dict(fields)
        path = re.sub(r"{(\w+)[^}]*}", lambda match: urllib.parse.quote(str(rest.pop(match[1]))), self.template)
        return self.verb, path, rest


def _read(service, method):
    options = message_class("google.protobuf.MethodOptions").FromString(method.options.SerializeToString())
    rule = options.Extensions[POOL.FindExtensionByName("google.api.http")]
    verb = rule.WhichOneof("pattern")
    return Method(
        path=f"/latentd.v1.{service.name}/{method.name}",
        request=method.input_type.lstrip("."),
        response=method.output_type.lstrip("."),
        streams=method.server_streaming,
        verb=verb.upper(),
        template=getattr(rule, verb),
        has_body=rule.body == "*",
    )


METHODS = {
    f"{service.name}.{method.name}": _read(service, method)
    for file in _files.file if file.package == "latentd.v1"
    for service in file.service
    for method in service.method
}
