"""Notebooks through papermill, small (profile `quick`): `make test` asks for it by name, after the unit tests.

Those that read tiles, and 05, run small in `clone_notebooks.py`, and through nbval on simulated data.
"""

import dataclasses
import json

import pytest

from enamel_lib.reproduce import notebooks
from tests.clone_notebooks import OWN_DATA

DESIGNS = ["07", "08"]  # run below
ELSEWHERE = {*OWN_DATA, "05-hardness-map"}
HERE = [job for job in notebooks.plan("quick") if job.notebook.stem not in ELSEWHERE]


@pytest.mark.parametrize(
    "job", [job for job in HERE if job.notebook.stem[:2] not in DESIGNS], ids=lambda job: job.notebook.stem
)
def test_a_small_run_goes_through(job):
    assert notebooks.run(job)["status"] == "done"


def test_the_controls_are_those_of_the_designs_just_made(tmp_path):
    """08 once read the committed designs, whatever 07 had made."""
    targets = [3.8, 4.2]
    for job, given in zip(notebooks.plan("quick", DESIGNS), ({"targets": targets}, {}), strict=True):
        parameters = job.parameters | given | {"out": str(tmp_path / "figures")}
        job = dataclasses.replace(job, parameters=parameters, executed=tmp_path / job.notebook.name)
        assert notebooks.run(job)["status"] == "done"
    facts = json.loads((tmp_path / "figures" / "facts" / "08.json").read_text())
    assert facts["targets of the designs"]["value"] == targets
