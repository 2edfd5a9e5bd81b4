"""Nothing stands in red under a reader's first cell: TensorFlow starts without a word, unless it is asked to speak."""

import os
import subprocess
import sys

import nbformat
import papermill
from nbformat.v4 import new_code_cell, new_notebook

START = "from enamel_lib import indenter\nindenter.build_indenter(25)(__import__('numpy').zeros((1, 25, 25, 3)))"


def test_tensorflow_starts_without_a_word_and_standard_error_is_back():
    """As under `make`, which sets a level; the kernel below sets none."""
    code = f"{START}\nimport os; os.write(2, b'heard')"
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert run.stderr == b"heard"


def test_a_notebook_shows_nothing_red(tmp_path, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    path = str(tmp_path / "start.ipynb")
    nbformat.write(new_notebook(cells=[new_code_cell(START + ";")]), path)
    executed = papermill.execute_notebook(path, path, kernel_name="python3", progress_bar=False)
    assert [output for output in executed.cells[0].outputs if output.output_type != "execute_result"] == []
