"""The closed way in for pickles: a few known names stand for inert things, and every other is refused.

A pickle is a program. This one is first looked through without running it, so that neither its names nor what it would
unfold into come as a surprise; then it is run with substitutes, and what it built is counted before anybody walks it.
"""

import io
import pickle
import pickletools
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from enamel_lib import structured
from enamel_lib.errors import ModelError

FILE_BYTES = 1 << 31  # five times the largest published snapshot
OBJECTS, DEPTH = 1_000_000, 100  # of what a file builds, shared parts counted as often as they are met
TUPLE = 10_000  # objects within a tuple, likewise: the hash of one walks all of them
Name = tuple[str, str]

KINDS = {  # by how they begin
    b"\x1f\x8b": "a file that is compressed by gzip; unpack it first",
    b"BZh": "a file that is compressed by bzip2; unpack it first",
    b"\xfd7zXZ": "a file that is compressed by xz; unpack it first",
    b"\x28\xb5\x2f\xfd": "a file that is compressed by zstd; unpack it first",
    b"7z\xbc\xaf": "a 7z archive; unpack it first",
    b"Rar!": "a RAR archive; unpack it first",
    b"version https://git-lfs": "a Git LFS pointer, which only names the file; `git lfs pull` fetches it",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"II*\0": "a picture",
    b"MM\0*": "a picture",
    b"\x89HDF": "an HDF5 file, weights of other code",
    b"%PDF": "a PDF document",
    b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.": "a checkpoint that other code wrote with torch.save",
}
PUTS = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")
GETS = ("GET", "BINGET", "LONG_BINGET")
FOREIGN = ("DUP", "EXT1", "EXT2", "EXT4")  # codes
OTHER_CODE = ("training.", "torch.nn", "model", "networks", "__main__")  # modules of classes pickled as they are


class Refused(Exception):
    """A file asked for a name outside the closed list, in the part of it under these keys."""

    def __init__(self, name: str) -> None:
        self.name, self.keys = name, []

    def __str__(self) -> str:
        return f"{self.name} in its {'.'.join(reversed(self.keys))}" if self.keys else self.name


class Allowance:
    """How many numbers a file may still make: all in all as many as it has bytes, however often it shares them."""

    def __init__(self, content: bytes) -> None:
        self._left = len(content)

    def take(self, count: int) -> None:
        """Count numbers that are to be made; ValueError if there are more than the file can hold."""
        self._left -= count
        if self._left < 0:
            raise ValueError("its arrays unfold into more than it holds")


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, known: Mapping[Name, Any], persistent: Callable | None) -> None:
        super().__init__(file)
        self._known, self._persistent = known, persistent

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._known:
            raise Refused(f"{module}.{name}")
        return self._known[module, name]

    def persistent_load(self, key: Any) -> Any:
        if self._persistent is None:
            raise pickle.UnpicklingError("an object is kept elsewhere")
        return self._persistent(key)


def load(path: Path, known: Callable[[Allowance], Mapping[Name, Any]]) -> Any:
    """Give what a file holds, built of the `known` names, which are made anew for it; else a `ModelError`."""
    if not path.exists():
        raise ModelError(f"no snapshot {path}")
    content = structured.read_bytes(path, FILE_BYTES, ModelError)
    if kind := _other_kind(content):
        raise ModelError(f"{path} is no StyleGAN2 snapshot, but {kind}")
    try:
        loaded = read(io.BytesIO(content), known(Allowance(content)))
        _must_be_small(loaded)
    except Refused as refused:
        other = "; it was saved by other code than NVIDIA's" if refused.name.startswith(OTHER_CODE) else ""
        raise ModelError(f"{path} asks for {refused}, which no StyleGAN2 snapshot needs: refused{other}") from None
    except Exception as error:  # a damaged pickle can raise anything
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        raise ModelError(f"{path} is damaged, or no StyleGAN2 snapshot ({reason})") from None
    return loaded


def read(file: BinaryIO, known: Mapping[Name, Any], persistent: Callable | None = None) -> Any:
    """Read the next pickle of a file that lies in memory; `Refused` or any other exception if it is not sound."""
    start = file.tell()
    _look_through(file, known)
    file.seek(start)
    return _Unpickler(file, known, persistent).load()


def _look_through(file: BinaryIO, known: Iterable[Name]) -> None:
    """Follow what a pickle would put on its stack; `Refused` if it asks for another name, ValueError if it is a trap.

    On the stack are texts as they are, sizes of tuples, names that are refused, and of all else what kind it is.
    """
    refused = None
    try:
        stack, memo = [], {}
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if opcode.name in FOREIGN:
                raise ValueError(f"no pickle of this kind has the code {opcode.name}")
            if opcode.name in PUTS:
                index = len(memo) if argument is None else argument
                if index > count:  # room is made for all up to it
                    raise ValueError(f"number {index} of what it remembers")
                memo[index] = stack[-1]
                continue
            name = None
            if opcode.name in ("GLOBAL", "INST"):
                name = tuple(argument.split(" "))
            elif opcode.name == "STACK_GLOBAL":
                name = tuple(stack[-2:])
            taken = _taken(stack, opcode.stack_before)
            if name and name not in known:
                taken.append(refused := refused or Refused(".".join(map(str, name))))
            for kind in opcode.stack_after:
                stack.append(memo[argument] if opcode.name in GETS else _entry(opcode, kind, argument, taken))
    except (ValueError, LookupError):
        if not refused:
            raise
    if refused:
        raise refused


def _taken(stack: list, before: list) -> list:
    """Take from the stack what a code takes, in order."""
    marked = []
    if pickletools.markobject in before:
        while stack[-1] is not pickletools.markobject:
            marked.append(stack.pop())
        before = before[: before.index(pickletools.markobject) + 1]
    start = len(stack) - len(before)
    taken = stack[start:] + marked[::-1]
    del stack[start:]
    return taken


def _entry(opcode: pickletools.OpcodeInfo, kind: Any, argument: Any, taken: list) -> Any:
    """What a code puts on the stack for what it has taken."""
    for place, part in enumerate(taken):
        if isinstance(part, Refused):
            if opcode.name in ("SETITEM", "SETITEMS") and isinstance(taken[place - 1], str):
                part.keys.append(taken[place - 1])
            return part
    if kind is pickletools.pyunicode:
        return argument
    if kind is not pickletools.pytuple:
        return kind
    size = 1 + sum(inner if isinstance(inner, int) else 1 for inner in taken)
    if size > TUPLE:
        raise ValueError("its tuples unfold into too many objects")
    return size


def _must_be_small(loaded: Any) -> None:
    """Raise ValueError if what was built is deep, or unfolds into very many objects, as shared parts can."""
    left, met = [(loaded, 0)], 0
    while left:
        part, depth = left.pop()
        inside = vars(part) if hasattr(part, "__dict__") and not isinstance(part, dict) else part
        if isinstance(inside, dict):
            inside = [*inside, *inside.values()]
        if isinstance(inside, list | tuple | set | frozenset):
            met += len(inside)
            if met > OBJECTS or depth > DEPTH:
                raise ValueError("its objects unfold into too many")
            left += [(each, depth + 1) for each in inside]


def _other_kind(content: bytes) -> str | None:
    """Say what a file is that is no pickle, if that can be told from how it begins."""
    if not content:
        return "an empty file"
    for begin, kind in KINDS.items():
        if content.startswith(begin):
            return kind
    head = content[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "a web page, such as a notice instead of the download; fetch the file again"
    if head.startswith(b"{"):
        return "a JSON text"
    return _archive(content) if content.startswith(b"PK\x03\x04") else None


def _archive(content: bytes) -> str:
    try:
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return "a damaged zip archive"
    if any(name.endswith("data.pkl") for name in names):
        return "a checkpoint that other code (such as rosinality's) wrote with torch.save; save it by NVIDIA's"
    if "model.weights.h5" in names:
        return "a network of Keras; end its name in .keras"
    return "a zip archive; unpack it first"
