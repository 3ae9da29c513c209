"""Messages from Python values: keyword arguments, mappings, pictures."""

from __future__ import annotations

import difflib
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from PIL import Image

from latentd import v1


def fill(message: Message, fields: Mapping[str, Any], path: str = "") -> None:
    """Sets fields by their names; those that are None are left out. Errors name the field: TypeError for one that does
    not exist or takes another type, ValueError for a value that it cannot hold."""
    for name, value in fields.items():
        field: Any = message.DESCRIPTOR.fields_by_name.get(name)
        if field is None:
            raise TypeError(f"{message.DESCRIPTOR.name} has no field {path}{name}{_suggestion(message, name)}")
        if value is not None:
            _set(message, field, value, f"{path}{name}")


def _suggestion(message: Message, name: str) -> str:
    close = difflib.get_close_matches(name, message.DESCRIPTOR.fields_by_name, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _set(message: Message, field: FieldDescriptor, value: Any, path: str) -> None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        with _named(path):
            getattr(message, field.name).update(_typed(value, Mapping, path))
    elif not field.is_repeated:
        _set_one(message, field, value, path)
    elif field.message_type is not None:
        for i, item in enumerate(_items(field, value, path)):
            _merge(getattr(message, field.name).add(), item, f"{path}[{i}]")
    else:
        items = _items(field, value, path)
        if field.enum_type is not None:
            items = [_number(field.enum_type, item, path) for item in items]
        with _named(path):
            getattr(message, field.name).extend(items)


def _set_one(message: Message, field: FieldDescriptor, value: Any, path: str) -> None:
    if field.containing_type is v1.InputImage.DESCRIPTOR and field.name == "data":
        value = _picture(value, path)
    elif field.enum_type is not None:
        value = _number(field.enum_type, value, path)
    elif field.message_type is not None and not field.message_type.full_name.startswith("google.protobuf."):
        getattr(message, field.name).SetInParent()
        _merge(getattr(message, field.name), value, path)
        return
    elif field.message_type is not None and isinstance(value, (int, float)):
        value = timedelta(seconds=value)
    with _named(path):
        setattr(message, field.name, value)


def _merge(message: Message, value: Any, path: str) -> None:
    """A message from what stands for it: one of its type, a mapping of its fields, or what is natural for its kind."""
    if isinstance(value, type(message)):
        message.MergeFrom(value)
    elif isinstance(value, Mapping):
        fill(message, value, f"{path}.")
    elif isinstance(message, v1.InputImage):
        message.data = _picture(value, path)
    elif isinstance(message, v1.Lora) and isinstance(value, str):
        message.name = value
    else:
        raise TypeError(f"{path} takes {message.DESCRIPTOR.name} or a mapping, not {type(value).__name__}")


def _items(field: FieldDescriptor, value: Any, path: str) -> list[Any]:
    if field.message_type is v1.Lora.DESCRIPTOR and isinstance(value, Mapping):
        return [{"name": name, "scale": scale} for name, scale in value.items()]
    if isinstance(value, (str, bytes, Mapping)):
        raise TypeError(f"{path} takes list, not {type(value).__name__}")
    return list(_typed(value, Iterable, path))


def _picture(value: Any, path: str) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, (str, os.PathLike)):
        return Path(value).read_bytes()
    if isinstance(value, Image.Image):
        file = io.BytesIO()
        value.save(file, "PNG")
        return file.getvalue()
    raise TypeError(f"{path} takes a path, bytes or a Pillow image, not {type(value).__name__}")


def _number(enum: EnumDescriptor, value: Any, path: str) -> int:
    """The number of an enum's value, which may be given as a name, whole or without its prefix, in any case."""
    if isinstance(value, int):
        return value
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    name = _typed(value, str, path).upper()
    for candidate in (name, prefix + name):
        if candidate in enum.values_by_name:
            number: int = enum.values_by_name[candidate].number
            return number
    names = ", ".join(v.name.removeprefix(prefix) for v in enum.values[1:])
    raise ValueError(f"{path} is {value!r}, but must be one of {names}")


def _typed(value: Any, kind: type, path: str) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{path} takes {kind.__name__}, not {type(value).__name__}")
    return value


@contextmanager
def _named(path: str) -> Iterator[None]:
    """Has protobuf's errors name the field."""
    try:
        yield
    except UnicodeError as error:
        raise ValueError(f"{path} is not valid Unicode: {error}") from error
    except (TypeError, ValueError) as error:
        raise type(error)(f"{path}: {error}") from error
