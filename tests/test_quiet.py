"""Nothing stands in red under a reader's first cell: TensorFlow starts without a word, unless it is asked to speak."""

import os
import subprocess
import sys

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_notebook

START = "from enamel_lib import indenter\nindenter.build_indenter(25)(__import__('numpy').zeros((1, 25, 25, 3)))"


@pytest.mark.parametrize("level", [None, "3"])  # the Makefile sets 3, and a kernel inherits what its parent set
def test_tensorflow_starts_without_a_word(level):
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": level} if level else {}
    run = subprocess.run([sys.executable, "-c", START], env=environment, capture_output=True, text=True, check=True)
    assert run.stderr == ""


def test_a_notebook_shows_nothing_red(tmp_path, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    path = str(tmp_path / "start.ipynb")
    nbformat.write(new_notebook(cells=[new_code_cell(START + ";")]), path)
    executed = papermill.execute_notebook(path, path, kernel_name="python3", progress_bar=False)
    assert [output for output in executed.cells[0].outputs if output.output_type != "execute_result"] == []


def test_standard_error_is_back_after_the_import():
    code = "import os, enamel_lib, tensorflow; os.write(2, b'heard')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stderr == b"heard"
