"""The one place that knows where things are, and how to write so that no file is half there and no two runs mix."""

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from enamel_lib.errors import InputError

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
DATA = ROOT / "data"
RAW = DATA / "raw"  # the user's own files, read-only
HOME_VARIABLE = "ENAMEL_HOME"  # names another folder for all that is generated, where the checkout is read-only
HOME = Path(os.environ.get(HOME_VARIABLE) or ROOT).resolve()
PROCESSED = HOME / "data" / "processed"  # generated, ignored by git
MODELS = DATA / "models"  # shipped weights and their cards
PUBLISHED = DATA / "published"  # numbers printed in the paper
REFERENCE = DATA / "reference"  # reference data that ship with the project
SEARCHES = DATA / "searches"  # shipped results of long searches
FIGURES = ROOT / "figures"
NOTEBOOKS = ROOT / "notebooks"
BUILD = HOME / "build"  # executed notebooks, benchmarks, manifests; ignored by git
SHARED = ROOT.parent / "shared" / "data"  # more reference data beside the checkout, where there are any

PARTIAL = ".partial-"  # how names of files begin that are being written; then the number of the process
LOCK = ".enamel-lock"


def model(name: str | os.PathLike, default: str) -> Path:
    """File of a model: that path itself, or by its name in `MODELS`, or the `default` of its kind."""
    name = default if str(name) == "default" else name
    return Path(name) if Path(name).suffix else MODELS / f"{name}.keras"


@contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it becomes `path`, on any error it is removed.

    The temporary name keeps the suffix, because image and array writers choose the format by it. Missing folders above
    `path` are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{PARTIAL}{os.getpid()}-", suffix=path.suffix)
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


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`, which becomes `path` at the end, or vanishes on any error.

    Raises InputError if `path` is there already, other than as an empty folder.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{path}: already there and not empty; remove it or choose another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=PARTIAL))
    try:
        yield folder
        folder.chmod(0o755)  # mkdtemp makes folders private
        folder.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def claimed(folder: Path, lock: str = LOCK) -> Iterator[None]:
    """Keep a folder, made if missing, for this process; first remove what a process that was killed left half written.

    The kernel gives a lock up however its holder ends. Raises InputError if another run holds `lock` in this folder.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (folder / lock).open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise InputError(
                    f"{folder} is in use by {file.read()}; wait for its end, or give another --out"
                ) from None
            file.truncate(0)
            file.write(f"process {os.getpid()} ({' '.join(sys.argv)[:200]})")
            file.flush()
            try:
                for pattern in ("", "*/", "*/*/") if lock == LOCK else ("",):
                    for path in folder.glob(f"{pattern}{PARTIAL}*-*"):
                        if not _is_alive(path.name.split("-")[1]):
                            path.unlink(missing_ok=True)
                yield
            finally:
                (folder / lock).unlink(missing_ok=True)
    finally:
        with suppress(OSError):  # not empty
            for each in missing:
                each.rmdir()


def _is_alive(process: str) -> bool:
    """Whether another process of this number runs; what is no number is not ours to judge."""
    if not process.isdecimal():
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return int(process) != os.getpid()
