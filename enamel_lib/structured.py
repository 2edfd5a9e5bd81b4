"""The one way in for files that have a structure: YAML, JSON and `.npz`, checked by pydantic before anybody uses them.

Only regular files are read, and none that is larger, deeper or more entangled than what this project writes.
"""

import math
import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import from_json

from enamel_lib.errors import EnamelError, InputError, ModelError

T = TypeVar("T")
YAML_BYTES, JSON_BYTES = 1 << 16, 1 << 26
DEPTH, ALIASES = 20, 50  # of YAML; pydantic's own limit for JSON is a depth of 200
MEMBERS, UNFOLDED = 100_000, 64  # arrays in an `.npz`, and by how much more they may take than the file
SLACK = 1 << 26  # bytes; below, no ratio is asked for


class Strict(BaseModel):
    """A table of settings: every key is known, and no value is turned into another type but whole numbers to floats."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def check(kind: type[T], content: Any, *, what: str, error: type[EnamelError] = InputError) -> T:
    """Give `content` as a `kind` (what pydantic knows as a type), or raise the error: what is wrong, and where."""
    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as found:
        first = found.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        given = "" if first["type"] == "missing" else f", not {str(first['input'])[:60]!r}"
        raise error(f"{what}: {place + ': ' if place else ''}{first['msg']}{given}") from None


def read_bytes(path: Path, most: int, error: type[EnamelError] = InputError) -> bytes:
    """Content of a regular file of at most so many bytes; anything else, such as a pipe, is refused unread."""
    _must_be_regular(path, most, error)
    try:
        return path.read_bytes()
    except OSError as reason:
        raise error(f"{path}: cannot be read ({reason.strerror}); check its permissions") from None


def read_yaml(path: Path, kind: type[T]) -> T:
    """Read YAML as a `kind`; an InputError if it is another, no YAML, too large, deep or entangled."""
    content = read_bytes(path, YAML_BYTES)
    try:
        _check_yaml(content)
        given = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise InputError(f"{path} is not YAML that can be read: {str(error).partition(chr(10))[0]}") from None
    return check(kind, given, what=str(path))


def _check_yaml(content: bytes) -> None:
    """Raise ValueError at deep nesting, and at aliases that would unfold: many, or within what has a name itself."""
    named, aliases = [], 0
    for event in yaml.parse(content, yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            named.append(event.anchor is not None)
        elif isinstance(event, yaml.CollectionEndEvent):
            named.pop()
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
            if any(named) or aliases > ALIASES:
                raise ValueError("aliases within anchors, or too many of them; write the values out")
        if len(named) > DEPTH:
            raise ValueError(f"nested more than {DEPTH} deep")


def parse_json(content: str | bytes, kind: type[T], *, what: str, error: type[EnamelError] = ModelError) -> T:
    """Parse JSON as a `kind`; raise the error if it is another, or no JSON."""
    try:
        given = from_json(content)
    except ValueError as found:
        raise error(f"{what} is damaged ({found}); restore it") from None
    return check(kind, given, what=what, error=error)


def read_json(path: Path, kind: type[T], error: type[EnamelError] = ModelError) -> T:
    """Read a JSON file as a `kind`; raise the error if it is another, or no JSON."""
    return parse_json(read_bytes(path, JSON_BYTES, error), kind, what=str(path), error=error)


@contextmanager
def restoring(path: Path, advice: str = "delete it and start anew") -> Iterator[None]:
    """Turn whatever the content of a damaged file makes go wrong into a ModelError that names the file."""
    try:
        yield
    except EnamelError:
        raise
    except Exception as error:
        reason = str(error).partition("\n")[0][:200]
        raise ModelError(f"{path} is damaged ({type(error).__name__}: {reason}); {advice}") from None


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Arrays of numbers or text by name, in the order of writing; a ModelError if damaged, or not what it claims.

    What an array will take is known from its head and the list of the archive, before any memory is.
    """
    size = _must_be_regular(path, math.inf, ModelError)
    with restoring(path), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > MEMBERS or sum(member.file_size for member in members) > SLACK + UNFOLDED * size:
            raise ModelError(f"{path} claims to hold more than it can; delete it and start anew")
        for member in members:
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                head = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = head(file)
                if dtype.kind not in "biufU" or math.prod(shape) * dtype.itemsize > member.file_size:
                    raise ModelError(f"{path} claims an array {shape} of {dtype}; delete it and start anew")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}


def _must_be_regular(path: Path, most: float, error: type[EnamelError]) -> int:
    """Give the size of a file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError) as reason:
        raise error(f"{path} cannot be read ({getattr(reason, 'strerror', reason)})") from None
    if not stat.S_ISREG(found.st_mode):
        raise error(f"{path} is no regular file; give one")
    if found.st_size > most:
        raise error(f"{path} has {found.st_size:,} bytes, more than any of its kind ({most:,})")
    return found.st_size
