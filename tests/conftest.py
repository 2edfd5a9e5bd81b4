import sys

import pytest

from enamel_lib.cli import app


@pytest.fixture
def enamel(monkeypatch, capsys):
    """Run the command in this process; gives exit code, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["enamel", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            app.main()
        return stopped.value.code or 0, *capsys.readouterr()

    return run


@pytest.fixture(scope="module", autouse=True)
def _same_weights():
    """Let Keras draw the same fresh weights in every run of a module's tests."""
    import keras  # here, not for the process that only hands out tests

    keras.utils.set_random_seed(0)
