"""Plugin for `pytest -n 2`: each worker and what it starts keep to their half of the cores.

TensorFlow and OpenVINO start a thread for every core they may use; two of them on the same cores wait for each other.
"""

import os


def pytest_configure(config):
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist
        workers, number = config.workerinput["workercount"], int(config.workerinput["workerid"].removeprefix("gw"))
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[number % len(cores) :: workers])
