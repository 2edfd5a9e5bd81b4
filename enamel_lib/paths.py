"""The one place that knows where things are, and how to write a file so that it is never half there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
DATA = ROOT / "data"
RAW = DATA / "raw"  # the user's own files, read-only
PROCESSED = DATA / "processed"  # generated, ignored by git
MODELS = DATA / "models"  # shipped weights and their cards
PUBLISHED = DATA / "published"  # numbers printed in the paper
REFERENCE = DATA / "reference"  # reference data that ship with the project
SEARCHES = DATA / "searches"  # shipped results of long searches
FIGURES = ROOT / "figures"
NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"  # executed notebooks, benchmarks, manifests; ignored by git
SHARED = ROOT.parent / "shared" / "data"  # more reference data beside the checkout, where there are any


@contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it becomes `path`, on any error it is removed.

    The temporary name keeps the suffix, because image and array writers choose the format by it. Missing folders above
    `path` are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".partial-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes files private
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
