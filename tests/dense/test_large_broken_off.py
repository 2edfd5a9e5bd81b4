import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from enamel_lib.dense import code, large
from enamel_lib.inference import large_pictures
from tests.dense.large_maps import SHAPE, hardness, in_memory, written

SMALL_BLOCKS = """
from enamel_lib.dense import blocks
from enamel_lib.inference import ome_zarr
blocks.BLOCK_CELLS, ome_zarr.CHUNK = 32, 16
"""
KILLS = 3
RUN = """
import functools
import json
import shutil
import sys
from pathlib import Path
from enamel_lib.dense import large
from enamel_lib.inference import large_pictures

source, model, stem = map(Path, sys.argv[1:4])

def prepared(model, store, grid, resume):
    shutil.copytree(stem.parent / "graphs/work", store / "work", dirs_exist_ok=True)
    return json.loads((stem.parent / "about").read_text())

def counted(whole):
    @functools.wraps(whole)
    def part(job, number, **named):
        with (stem.parent / "started").open("a") as file:
            file.write(f"{whole.__name__} {number} {named}\\n")
        return whole(job, number, **named)
    return part

if "prepared" in sys.argv:  # TensorFlow takes longer to load than the map to be made
    large._prepare_elsewhere = prepared
for name in ("read", "finish", "shrink"):
    setattr(large, name, counted(getattr(large, name)))
if __name__ == "__main__":
    large.map_large(large_pictures.open_large(source), model, stem, pixel_size_um=0.06, workers=1, resume=True)
"""


def test_kills_at_any_moment_cost_what_was_in_flight_and_change_nothing(small_blocks, model, rgb, tmp_path):
    """By SIGKILL, of real processes: while the network is translated, the store made, and when more parts are done."""
    written(tmp_path / "a.zarr", rgb, (100, 100), "cyx")
    (tmp_path / "graphs/work").mkdir(parents=True)
    about = large._prepare(model, tmp_path / "graphs/work", code.Grid.over(SHAPE, 0.06))
    (tmp_path / "about").write_text(json.dumps(about))
    (tmp_path / "run.py").write_text(SMALL_BLOCKS + RUN)
    command = [sys.executable, tmp_path / "run.py", tmp_path / "a.zarr", model, tmp_path / "a-hardness"]
    run = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    while len(processes_of(run)) < 3:  # itself, and a new one beside what Python has to keep track of it
        time.sleep(0.02)
    ended(run)
    command.append("prepared")
    journal, rng = tmp_path / "a-hardness.zarr/work/journal", np.random.default_rng(5)
    for kill in range(KILLS):
        before = lines(journal) if kill else -1
        run = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
        while lines(journal) <= before:
            assert run.poll() is None, run.stderr.read()
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.2))
        ended(run)
        assert journal.exists(), "it was done before it was killed"
    subprocess.run(command, check=True, capture_output=True)
    started = (tmp_path / "started").read_text().splitlines()
    assert len(started) - len(set(started)) <= 2 * KILLS  # one process: one part is done, one waits or is not noted yet
    np.testing.assert_array_equal(hardness(tmp_path / "a-hardness"), in_memory(model, rgb))


def ended(run):
    """Kill a run; the processes that it started see that it is gone, and end."""
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    killed = time.monotonic()
    while processes_of(run):
        assert time.monotonic() - killed < 60
        time.sleep(0.02)


def processes_of(run):
    return subprocess.run(["ps", "-o", "pid=", "-g", str(run.pid)], capture_output=True, text=True).stdout.split()


def lines(journal):
    return journal.read_bytes().count(b"\n") if journal.exists() else -1


def test_a_cluster_that_loses_a_worker_makes_the_same_map(small_blocks, model, rgb, tmp_path):
    distributed = pytest.importorskip("distributed")
    source = large_pictures.open_large(written(tmp_path / "a.zarr", rgb, (100, 100), "cyx"))
    (tmp_path / "preload.py").write_text(SMALL_BLOCKS)
    few = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "preload": str(tmp_path / "preload.py")}
    killed = []
    with distributed.LocalCluster(**few) as cluster:

        def kill(stage, done, total):
            if stage == "reading" and done == 3:
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        stem = tmp_path / "a-hardness"
        large.map_large(source, model, stem, pixel_size_um=0.06, scheduler=cluster.scheduler_address, progress=kill)
    assert len(killed) == 1
    np.testing.assert_array_equal(hardness(stem), in_memory(model, rgb))
