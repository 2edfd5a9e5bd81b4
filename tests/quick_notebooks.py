"""Every notebook through papermill, small (profile `quick`): `make test` asks for it by name, after the unit tests."""

import pytest

from enamel_lib.reproduce import notebooks

JOBS = notebooks.plan("quick")


@pytest.mark.parametrize("job", JOBS, ids=[job.notebook.stem for job in JOBS])
def test_a_small_run_goes_through(job):
    assert notebooks.run(job)["status"] == "done"
