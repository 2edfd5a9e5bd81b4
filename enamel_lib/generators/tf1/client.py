"""The other environment: a StyleGAN2 computed by TensorFlow 1.14, in a process started once and asked over a pipe.

The paper called a second environment anew in every generation of its search. Here the worker (`tf1.worker`) stays; a
crash is answered by one restart, a hang by its end, and nothing of it outlives this process: its input ends with us.
"""

import contextlib
import os
import subprocess
import tempfile
import time
import weakref
from pathlib import Path
from threading import Timer

import numpy as np
from keras import ops

from enamel_lib import paths
from enamel_lib.errors import EngineError
from enamel_lib.generators.keras import NetworkGenerator
from enamel_lib.generators.tf1 import worker
from enamel_lib.stylegan2 import Generator
from enamel_lib.stylegan2.nvidia.snapshot import generator_names

PYTHON_VARIABLE = "ENAMEL_TF1_PYTHON"  # names an interpreter other than that of `make tf1`
PYTHON = paths.ROOT / ".venv-tf1" / "bin" / "python"
START_S = 120.0  # importing TensorFlow 1.14 from a cold disk takes up to 20 s
BATCH_SIZE = 8  # pictures in one request
GRACE_S = 5.0  # for a worker whose input has ended


class _Died(Exception):
    """The worker ended without an answer."""


class Tf1Generator(NetworkGenerator):
    """A generator like any other, whose network runs in another process.

    `python` is the interpreter of the TensorFlow 1.14 environment; that of `make tf1`, or `$ENAMEL_TF1_PYTHON`, if
    None. `timeout_s` is the longest wait for one answer (at most `BATCH_SIZE` pictures), s. An `EngineError` tells that
    the environment is missing or of a wrong version, or that the worker died twice or did not answer.
    """

    engine = "tf1"

    def __init__(
        self, source: Generator | str | os.PathLike, *, python: str | os.PathLike | None = None, timeout_s: float = 300
    ) -> None:
        self._python = Path(python) if python else find_python()
        if self._python is None or not os.access(self._python, os.X_OK):
            raise EngineError(
                f"there is no TensorFlow 1.14 environment ({self._python or PYTHON} is missing); `make tf1` builds one "
                f"where Python 3.6 or 3.7 is installed, or name its interpreter in ${PYTHON_VARIABLE}"
            )
        super().__init__(source)
        self.timeout_s = timeout_s
        self._process: subprocess.Popen | None = None
        self._start()

    def close(self) -> None:
        """End the worker; the next call starts it again."""
        if self._process:
            self._finalizer()
            self._process = None

    def __enter__(self) -> "Tf1Generator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _map(self, *given: np.ndarray) -> np.ndarray:
        return self._in_batches(dict(zip(("z", "labels"), given, strict=False)))

    def _draw(self, w_plus: np.ndarray) -> np.ndarray:
        return self._in_batches({"w_plus": w_plus})

    def _in_batches(self, request: dict[str, np.ndarray]) -> np.ndarray:
        count = len(next(iter(request.values())))
        starts = range(0, count, BATCH_SIZE) or (0,)
        return np.concatenate([self._ask({k: v[i : i + BATCH_SIZE] for k, v in request.items()}) for i in starts])

    def _ask(self, request: dict[str, np.ndarray]) -> np.ndarray:
        """One request; if the worker dies over it, it is started once more."""
        for _ in range(2):
            if self._process is None:
                self._start()
            try:
                return self._exchange(request, self.timeout_s)["answer"]
            except _Died:
                self.close()
        raise self._dead("died twice over the same request")

    def _start(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the worker
        self._process = subprocess.Popen(
            # -I: the folder of the worker holds modules of ours, whose names must not hide those of libraries
            [self._python, "-I", worker.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._finalizer = weakref.finalize(self, _end, self._process)  # also when this process exits
        network = {name: ops.convert_to_numpy(variable.value) for name, variable in generator_names(self.network)}
        try:
            self._exchange(network | {"resample_filter": self.network.options["resample_filter"]}, START_S)
        except _Died:
            raise self._dead("died at its start") from None

    def _exchange(self, request: dict[str, np.ndarray], timeout_s: float) -> dict[str, np.ndarray]:
        """Send a request and give the answer; a worker that takes too long is killed, which ends either."""
        deadline = time.monotonic() + timeout_s
        late = Timer(timeout_s, self._process.kill)
        late.start()
        try:
            worker.send(self._process.stdin, request)
            answer = worker.receive(self._process.stdout)
        except BrokenPipeError:
            answer = None
        finally:
            late.cancel()
        if answer is None and time.monotonic() >= deadline:
            raise self._dead("did not answer in time and was ended")
        if answer is None:
            raise _Died
        return answer

    def _dead(self, how: str) -> EngineError:
        """End what is left of the worker; the error to raise, with the last line that the worker said."""
        self.close()
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")
        return EngineError(f"the TensorFlow 1.14 worker {how} ({last}); check the environment with `enamel doctor`")


def find_python() -> Path | None:
    """Interpreter with TensorFlow 1.14: `$ENAMEL_TF1_PYTHON`, else that of `make tf1`; None if there is neither."""
    named = os.environ.get(PYTHON_VARIABLE)
    return Path(named) if named else PYTHON if PYTHON.exists() else None


def _end(process: subprocess.Popen) -> None:
    """End a worker and collect it, so that no zombie is left; a busy one is killed."""
    with contextlib.suppress(BrokenPipeError):  # of what it was not sent any more
        process.stdin.close()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
