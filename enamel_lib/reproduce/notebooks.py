"""Run the numbered notebooks through papermill, with the parameters of a profile."""

import ast
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient.exceptions import DeadKernelError
from pydantic import BaseModel

from enamel_lib import paths, structured
from enamel_lib.errors import InputError, check_choice

PROFILES = Path(__file__).parent / "profiles"
EVERY = "every"  # the key of a profile that holds for all notebooks
KEPT_CELL_METADATA = {"tags"}
WIDGET = "application/vnd.jupyter.widget-view+json"


class Record(BaseModel):
    """How long a notebook took, in a manifest (`report.write_manifest`)."""

    minutes: float


class Manifest(BaseModel):
    """What is read of a manifest."""

    profile: str
    notebooks: dict[str, Record]


class ThisPython(AsyncKernelManager):
    """Starts kernels of this interpreter, also where the user has another kernel named python3."""

    def _kernel_spec_manager_default(self) -> KernelSpecManager:
        return KernelSpecManager(parent=self, kernel_dirs=[])


@dataclass(frozen=True)
class Job:
    """One notebook and the parameters that a profile gives it."""

    notebook: Path
    parameters: dict[str, Any]
    executed: Path  # where the copy with outputs goes

    @property
    def cells(self) -> int:
        """Number of cells, for a progress bar; papermill adds one when there are parameters."""
        return len(_read(self.notebook).cells) + bool(self.parameters)


def discover(numbers: list[str] | None = None) -> list[Path]:
    """Find the notebooks `NN-name.ipynb`, in order: those with some numbers, such as `["01", "5"]`, or else all.

    Raises InputError if a number has no notebook, or there is none at all.
    """
    found = {path.name[:2]: path for path in sorted(paths.NOTEBOOKS.glob("[0-9][0-9]-*.ipynb"))}
    if not found:
        raise InputError(f"no notebook NN-name.ipynb in {paths.NOTEBOOKS}; run this from a checkout of the project")
    wanted = sorted({number.zfill(2) for number in numbers or found})
    for number in wanted:
        check_choice("notebook", number, found)
    return [found[number] for number in wanted]


def declared_parameters(notebook: Path) -> dict[str, Any]:
    """Read the names and values of the cell tagged `parameters`: plain literals only, or else an InputError."""
    tagged = [cell for cell in _read(notebook).cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise InputError(f"{notebook.name} has {len(tagged)} cells tagged 'parameters'; it needs one")
    try:
        statements = ast.parse(tagged[0].source).body
        return {_name(statement): ast.literal_eval(statement.value) for statement in statements}
    except (SyntaxError, ValueError) as error:
        raise InputError(f"{notebook.name}: the parameters cell may hold only lines 'name = literal'") from error


def _read(notebook: Path) -> nbformat.NotebookNode:
    try:
        return nbformat.read(notebook, as_version=4)
    except (ValueError, AttributeError) as error:
        raise InputError(f"{notebook} is not a notebook that can be read: {error}") from error


def _name(statement: ast.stmt) -> str:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    raise ValueError("not an assignment to one name")


def load_profile(name: str) -> dict[str, dict[str, Any]]:
    """Read a profile: notebook name (or `every`) -> parameter -> value; an InputError if it has another shape."""
    check_choice("profile", name, sorted(path.stem for path in PROFILES.glob("*.yml")))
    return structured.read_yaml(PROFILES / f"{name}.yml", dict[str, dict[str, Any]] | None) or {}


def plan(profile: str, numbers: list[str] | None = None) -> list[Job]:
    """Pair each wanted notebook with its parameters; an InputError at what the profile names and the notebooks do not.

    The whole profile is checked, also the part about notebooks that are not wanted now.
    """
    values = load_profile(profile)
    declared = {path.stem: declared_parameters(path) for path in discover()}
    for stem in values:
        if stem != EVERY and stem not in declared:
            raise InputError(f"profile {profile!r} names the notebook {stem!r}; there are {', '.join(declared)}")
    parameters = {stem: values.get(EVERY, {}) | values.get(stem, {}) for stem in declared}
    for stem, given in parameters.items():
        if undeclared := sorted(given.keys() - declared[stem].keys()):
            raise InputError(
                f"profile {profile!r} sets {', '.join(undeclared)} in {stem}, which declares only "
                f"{', '.join(declared[stem]) or 'nothing'}"
            )
    return [Job(path, parameters[path.stem], paths.BUILD / profile / path.name) for path in discover(numbers)]


def earlier_minutes(profile: str) -> dict[str, float]:
    """Minutes that notebooks took in this profile, by name: here, or else when the committed figures were made."""
    minutes = {}
    for folder in (paths.FIGURES, paths.BUILD / profile):
        if not (file := folder / "manifest.json").exists():
            continue
        manifest = structured.read_json(file, Manifest, InputError)
        if manifest.profile == profile:
            minutes |= {stem: record.minutes for stem, record in manifest.notebooks.items()}
    return minutes


def run(job: Job, on_cell: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Execute one notebook into the build folder and clean the copy; `on_cell` hears of the start of every cell.

    Gives `status` ("done", or the cell and the error) and `minutes`.
    """
    import papermill

    start, status = time.monotonic(), "done"
    job.executed.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(
            job.notebook,
            job.executed,
            parameters=job.parameters,
            kernel_name="python3",
            kernel_manager_class=ThisPython,
            language="python",
            cwd=job.notebook.parent,
            progress_bar=False,
            extra_arguments=["--log-level=ERROR"],  # a kernel's warnings would break the progress bar
            on_cell_start=lambda cell, cell_index: on_cell(),
        )
    except papermill.PapermillExecutionError as error:
        status = f"cell {error.exec_count}: {error.ename}: {error.evalue}".splitlines()[0]
    except DeadKernelError:
        status = "the kernel died; was there enough memory?"
    sanitize(job.executed)
    return {"status": status, "minutes": round((time.monotonic() - start) / 60, 2)}


def sanitize(notebook: Path) -> None:
    """Rewrite an executed notebook without what differs between machines.

    Goes: papermill's records, timings, standard error, the kernel's version, the folder of the checkout, and of a
    widget what only a kernel could show, so that its still picture is seen.
    """
    content = _read(notebook)
    content.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in content.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in KEPT_CELL_METADATA and v})
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
            for output in cell.outputs:
                output.get("data", {}).pop(WIDGET, None)
    text = nbformat.writes(content).replace(f"{paths.ROOT}{os.sep}", "")
    with paths.atomic(notebook) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
