"""The other environment: a StyleGAN2 snapshot computed by TensorFlow 1.14, started once and asked over a pipe.

The paper called a second environment anew in every generation of its search. Here the worker (`tf1.worker`) stays; a
crash is answered by one restart, a hang by its end, and nothing of it outlives this process: its input ends with us.
"""

import io
import os
import select
import subprocess
import tempfile
import time
import weakref
from pathlib import Path

import numpy as np

from enamel_lib import paths
from enamel_lib.errors import EngineError, InputError, ModelError
from enamel_lib.generators.base import ImageGenerator
from enamel_lib.generators.tf1 import worker

PYTHON_VARIABLE = "ENAMEL_TF1_PYTHON"  # names an interpreter other than that of `make tf1`
PYTHON = paths.ROOT / ".venv-tf1" / "bin" / "python"
START_S = 120.0  # importing TensorFlow 1.14 from a cold disk takes up to 20 s
BATCH_SIZE = 8  # pictures in one request
GRACE_S = 5.0  # for a worker whose input has ended
ERRORS = {"environment": EngineError, "snapshot": ModelError, "request": InputError}


class _Died(Exception):
    """The worker ended without an answer."""


class Tf1Generator(ImageGenerator):
    """A generator like any other, whose network runs in another process.

    Parameters
    ----------
    snapshot
        `network-snapshot-*.pkl`, a pickled (G, D, Gs).
    python
        Interpreter of the TensorFlow 1.14 environment; that of `make tf1`, or `$ENAMEL_TF1_PYTHON`, if None.
    timeout_s
        Longest wait for one answer (at most `BATCH_SIZE` pictures), s.

    Raises
    ------
    InputError
        If there is no such snapshot.
    ModelError
        If it is not a StyleGAN2 snapshot of the published kind.
    EngineError
        If the environment is missing or of a wrong version, or the worker dies twice or does not answer.
    """

    def __init__(self, snapshot: str | os.PathLike, *, python: str | os.PathLike | None = None, timeout_s: float = 300):
        self.snapshot, self.timeout_s = Path(snapshot).resolve(), timeout_s
        if not self.snapshot.is_file():
            raise InputError(f"{self.snapshot}: no such file; give the path of a network-snapshot-*.pkl")
        self._python = Path(python) if python else find_python()
        if self._python is None or not os.access(self._python, os.X_OK):
            raise EngineError(
                f"there is no TensorFlow 1.14 environment ({self._python or PYTHON} is missing); `make tf1` builds one "
                f"where Python 3.6 or 3.7 is installed, or name its interpreter in ${PYTHON_VARIABLE}"
            )
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
        return self._in_batches(dict(zip(("z", "labels"), given, strict=False)), "w")[:, 0]

    def _draw(self, w_plus: np.ndarray) -> np.ndarray:
        return self._in_batches({"w_plus": w_plus}, "image")

    def _in_batches(self, request: dict[str, np.ndarray], answer: str) -> np.ndarray:
        count = len(next(iter(request.values())))
        starts = range(0, count, BATCH_SIZE) or (0,)
        parts = [self._ask({key: value[i : i + BATCH_SIZE] for key, value in request.items()})[answer] for i in starts]
        return np.concatenate(parts)

    def _ask(self, request: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One request; if the worker dies over it, it is started once more."""
        if self._process is None:
            self._start()
        try:
            return self._exchange(request, self.timeout_s)
        except _Died:
            self.close()
        self._start()
        try:
            return self._exchange(request, self.timeout_s)
        except _Died:
            raise self._dead("died twice over the same request") from None

    def _start(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the worker
        self._process = subprocess.Popen(
            # -I: the folder of the worker holds modules of ours, whose names must not hide those of libraries
            [self._python, "-I", worker.__file__, self.snapshot],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
        )
        os.set_blocking(self._process.stdin.fileno(), False)
        self._finalizer = weakref.finalize(self, _end, self._process)  # also when this process exits
        try:
            hello = self._exchange(None, START_S)
        except _Died:
            raise self._dead("died at its start") from None
        self.latent_dim, self.label_dim, self.layers, self.resolution = (
            int(hello[name]) for name in ("latent_dim", "label_dim", "layers", "resolution")
        )
        self.w_avg = hello["w_avg"]

    def _exchange(self, request: dict[str, np.ndarray] | None, timeout_s: float) -> dict[str, np.ndarray]:
        """Write a request, if any, and read the answer."""
        deadline = time.monotonic() + timeout_s
        if request is not None:
            message = io.BytesIO()
            worker.send(message, request)
            rest = message.getbuffer()
            while rest:
                self._wait(self._process.stdin, select.POLLOUT, deadline)
                try:
                    rest = rest[os.write(self._process.stdin.fileno(), rest) :]
                except BrokenPipeError:
                    raise _Died from None
        head = self._read(worker.LENGTH.size, deadline)
        body = self._read(*worker.LENGTH.unpack(head), deadline)
        answer = worker.receive(io.BytesIO(head + body))
        if "error" in answer:
            self.close()
            raise ERRORS[str(answer["kind"])](f"{self.snapshot.name}: {answer['error']}")
        return answer

    def _read(self, count: int, deadline: float) -> bytes:
        parts, missing = [], count
        while missing:
            self._wait(self._process.stdout, select.POLLIN, deadline)
            part = os.read(self._process.stdout.fileno(), min(missing, 1 << 20))
            if not part:
                raise _Died
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _wait(self, stream: io.IOBase, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(stream, event)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            self._process.kill()
            raise self._dead("did not answer in time and was ended")

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
    process.stdin.close()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
