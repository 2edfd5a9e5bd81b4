"""Leave a trace of every run: figures, results that are no figures, and the run manifest."""

import json
import os
import platform
import subprocess
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enamel_lib import paths

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 300  # of journals, at the width of `plots.style`
RECORDED_PACKAGES = ("keras", "tensorflow", "openvino", "numpy", "scikit-image", "matplotlib")


def save_figure(fig: "Figure", name: str, out: str | os.PathLike = "figures", *, keep: bool = False) -> Path:
    """Write a figure as PNG and as PDF, byte for byte the same for the same figure, which stays open; give the PNG.

    Their name, such as `"fig4-hardness-map"`, has no suffix; a relative folder `out` is below `output_root`. Where a
    part of the figure was left out for want of the real map, `keep` the one that is there.
    """
    unstated = {".png": {"Software": None}, ".pdf": {"Creator": None, "Producer": None, "CreationDate": None}}
    for suffix, metadata_ in unstated.items():  # versions and dates would differ between machines
        path = output_root() / out / f"{name}{suffix}"
        if keep and path.exists():
            continue
        with paths.atomic(path) as temporary:
            fig.savefig(temporary, dpi=DPI, metadata=metadata_)
    return path.with_suffix(".png")


def results_folder(out: str | os.PathLike = "figures") -> Path:
    """Folder of results that are no figures, such as designs: `data/results` beside the folder of the figures `out`."""
    return (output_root() / out).parent / "data" / "results"


def find_result(name: str, out: str | os.PathLike = "figures") -> Path:
    """Path of a result that a notebook before made: below the same output root, or else as it was committed."""
    made = results_folder(out) / name
    return made if made.exists() else paths.DATA / "results" / name


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Write `content` as indented JSON; NaN is not allowed."""
    with paths.atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_manifest(path: str | os.PathLike, profile: str, notebooks: dict[str, dict[str, Any]]) -> None:
    """Write what was run, from which commit, with which versions, and how it went: `notebooks.run` by name."""
    versions = {name: version for name in RECORDED_PACKAGES if (version := installed_version(name))}
    manifest = {
        "profile": profile,
        "commit": _commit(),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions,
        "notebooks": notebooks,
        "minutes": round(sum(run["minutes"] for run in notebooks.values()), 2),
    }
    write_json(path, manifest)


def installed_version(package: str) -> str | None:
    """Give the installed version of `package`, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def output_root() -> Path:
    """Give the folder that relative output folders are below: `paths.HOME`, or `ENAMEL_OUTPUT_ROOT` where set.

    The tests set it, because nbval runs the committed notebooks as they are and must not touch committed figures.
    """
    return paths.HOME / os.environ.get("ENAMEL_OUTPUT_ROOT", "")


def _commit() -> str | None:
    """Give the commit of the checkout, with `-dirty` after local changes; None where there is no git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    with suppress(OSError):
        return subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True).stdout.strip() or None
    return None
