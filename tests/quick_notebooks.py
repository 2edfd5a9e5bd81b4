"""Every notebook through papermill, small (profile `quick`): `make test` asks for it by name, after the unit tests."""

import dataclasses
import json

import pytest

from enamel_lib.reproduce import notebooks

ONE_AFTER_THE_OTHER = {"07-evolution", "08-controls"}  # on one worker: 08 reads the designs that 07 has made


def job_of(job):
    marks = [pytest.mark.xdist_group("designs")] if job.notebook.stem in ONE_AFTER_THE_OTHER else []
    return pytest.param(job, id=job.notebook.stem, marks=marks)


@pytest.mark.parametrize("job", [job_of(job) for job in notebooks.plan("quick")])
def test_a_small_run_goes_through(job):
    assert notebooks.run(job)["status"] == "done"


@pytest.mark.xdist_group("designs")
def test_the_controls_are_those_of_the_designs_just_made(tmp_path):
    """08 once read the committed designs, whatever 07 had made."""
    targets = [3.8, 4.2]
    for job, given in zip(notebooks.plan("quick", ["07", "08"]), ({"targets": targets}, {}), strict=True):
        parameters = job.parameters | given | {"out": str(tmp_path / "figures")}
        job = dataclasses.replace(job, parameters=parameters, executed=tmp_path / job.notebook.name)
        assert notebooks.run(job)["status"] == "done"
    facts = json.loads((tmp_path / "figures" / "facts" / "08.json").read_text())
    assert facts["targets of the designs"]["value"] == targets
