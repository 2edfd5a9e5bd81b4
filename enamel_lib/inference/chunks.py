"""Work cut into parts that are done anywhere, in any order, and not twice: on processes here, or on a Dask cluster.

What is done stands in a journal, a line each, so a run that was killed goes on where it was and loses only the parts
in flight.
"""

import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from enamel_lib.errors import EngineError, InputError
from enamel_lib.inference.base import Progress

Part = tuple[str, Any]  # stage, number or name
PATIENCE_S = 10  # with a scheduler that does not answer


def check_same(path: Path, stored: Any, about: dict[str, Any]) -> None:
    """Raise an InputError if what `path` holds is not of the run `about`, which was `stored` there as JSON."""
    if stored != json.loads(json.dumps(about)):
        raise InputError(f"{path} is of another run: picture, model or sizes differ; start anew with --force")


class Journal:
    """The parts that are done, each with its result, in a file that only grows; `about` says of which work."""

    def __init__(self, path: Path, about: dict[str, Any], *, resume: bool) -> None:
        self.results: dict[Part, Any] = {}
        if resume and path.exists():
            lines = path.read_bytes().split(b"\n")[:-1]  # what has no end was being written
            first, *done = map(json.loads, lines) if lines else [None]
            check_same(path, first, about)
            self.results = {(stage, number): result for stage, number, result in done}
            path.write_bytes(b"\n".join(lines) + b"\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(about) + "\n")
        self._file = path.open("a")

    def add(self, part: Part, result: Any) -> None:
        """Note a part as done; a kill of the process does not undo that."""
        self.results[part] = result
        self._file.write(json.dumps([*part, result]) + "\n")
        self._file.flush()

    def of(self, stage: str) -> list[Any]:
        """Results of a stage, by number."""
        return [self.results[part] for part in sorted(self.results) if part[0] == stage]


@contextmanager
def executor(scheduler: str | None = None, workers: int | None = None) -> Iterator[tuple[Executor, int]]:
    """Give what runs parts, and how many of them at once: `workers` processes here, or a Dask cluster's.

    `scheduler` is the address of a running dask.distributed scheduler, such as "tcp://10.0.0.1:8786", whose workers see
    the same files under the same paths.
    """
    if scheduler is None:
        workers = workers or len(os.sched_getaffinity(0))
        context = multiprocessing.get_context("spawn")  # threads of this process would not survive a fork
        with ProcessPoolExecutor(workers, context, end_with_parent) as pool:
            yield pool, workers
        return
    try:
        from distributed import Client
    except ImportError:
        raise EngineError("a Dask cluster takes the package distributed: pip install 'enamel-lib[cluster]'") from None
    try:
        client = Client(scheduler, timeout=PATIENCE_S)
    except (OSError, ValueError) as error:
        raise EngineError(f"no Dask scheduler at {scheduler} ({error}); start one with `dask scheduler`") from None
    with client:
        yield client.get_executor(pure=False), max(1, sum(client.nthreads().values()))


def run(
    on: tuple[Executor, int],
    journal: Journal,
    stage: str,
    function: Callable[[Any], Any],
    numbers: Iterable[Any],
    progress: Progress = lambda done, total: None,
) -> None:
    """Do all parts of a stage that the journal does not have, a few at once; progress hears of all that are done.

    The journal may be anything with its `results` and `add`; the numbers may be names.

    Raises EngineError if a process here was killed.
    """
    pool, at_once = on
    numbers = list(numbers)
    left = iter([number for number in numbers if (stage, number) not in journal.results])
    flying, done = {}, sum((stage, number) in journal.results for number in numbers)
    try:
        while True:
            for number in left:
                flying[pool.submit(function, number)] = number
                if len(flying) > at_once:  # one waits, so that none is idle
                    break
            if not flying:
                return
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                journal.add((stage, flying.pop(future)), future.result())
                done += 1
                progress(done, len(numbers))
    except BrokenProcessPool:
        raise EngineError(
            "a process was killed, perhaps for want of memory; go on with --resume, and fewer --workers"
        ) from None
    finally:
        for future in flying:
            future.cancel()


@contextmanager
def here() -> Iterator[tuple[Executor, int]]:
    """Give what runs parts in a thread of this process, as `executor` gives what runs them elsewhere."""
    with ThreadPoolExecutor(1) as pool:
        yield pool, 1


def end_with_parent() -> None:
    """End this process when the one that started it is killed, so that nothing is left behind."""

    def watch() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
