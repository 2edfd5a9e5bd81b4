"""Leave a trace of every run: figures, the numbers behind the text (facts), and the run manifest."""

import json
import math
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enamel_lib import paths
from enamel_lib.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DPI = 160
RECORDED_PACKAGES = ("keras", "tensorflow", "openvino", "numpy", "scikit-image", "matplotlib")


def save_figure(fig: "Figure", name: str, out: str | os.PathLike = paths.FIGURES) -> Path:
    """Write a figure as PNG, byte for byte the same for the same figure.

    Parameters
    ----------
    fig
        The figure; it stays open, so that a notebook can show it.
    name
        File name without suffix, for example ``"fig4-hardness-map"``.
    out
        Folder; a relative one is below `output_root`.

    Returns
    -------
    pathlib.Path
        The PNG written.
    """
    path = output_root() / out / f"{name}.png"
    with paths.atomic(path) as temporary:
        fig.savefig(temporary, dpi=DPI, metadata={"Software": None})  # the version would differ between machines
    return path


def write_facts(number: str | int, facts: dict[str, Any], out: str | os.PathLike = paths.FIGURES) -> "pd.DataFrame":
    """Write the numbers of one notebook to ``facts/NN.json`` and give them as a table to show.

    Floats are rounded to three significant digits, but never above the unit, so that a rerun on another processor
    gives the same file.

    Parameters
    ----------
    number
        Number of the notebook, for example ``"05"``.
    facts
        Name -> value, or name -> ``{"value": ..., "paper": ..., "unit": ...}`` with the paper's number beside it.
    out
        Folder of the figures; a relative one is below `output_root`.

    Returns
    -------
    pandas.DataFrame
        Columns ``fact``, ``here`` and ``paper``, as text, in the order given.
    """
    import pandas as pd

    records = {}
    for name, fact in facts.items():
        fact = dict(fact) if isinstance(fact, dict) else {"value": fact}
        if "value" not in fact or not fact.keys() <= {"value", "paper", "unit"}:
            raise InputError(f"fact {name!r} has the keys {sorted(fact)}; it needs value, and may have paper and unit")
        records[name] = {key: _rounded(value) for key, value in fact.items()}
    write_json(output_root() / out / "facts" / f"{int(number):02d}.json", records)
    rows = [
        (f"{name} ({fact['unit']})" if fact.get("unit") else name, _text(fact["value"]), _text(fact.get("paper")))
        for name, fact in records.items()
    ]
    return pd.DataFrame(rows, columns=["fact", "here", "paper"])


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Write `content` as sorted, indented JSON; NaN is not allowed."""
    with paths.atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def write_manifest(path: str | os.PathLike, profile: str, notebooks: dict[str, dict[str, Any]]) -> None:
    """Write what was run, from which commit, with which versions, and how it went.

    Parameters
    ----------
    path
        The JSON file.
    profile
        Name of the profile.
    notebooks
        Name of the notebook -> ``{"status": "done" or the error, "minutes": float}``.
    """
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
    """Give the folder that relative output folders are below: the checkout, or `ENAMEL_OUTPUT_ROOT` where set.

    The tests set it, because nbval runs the committed notebooks as they are and must not touch committed figures.
    """
    return paths.ROOT / os.environ.get("ENAMEL_OUTPUT_ROOT", "")


def _rounded(value: Any) -> Any:
    """Turn numpy scalars into plain ones, round floats, and make NaN None."""
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return round(value, max(0, 2 - math.floor(math.log10(abs(value))))) if value else 0.0


def _text(value: Any) -> str:
    """Show a value in the facts table: thousands apart, whole floats without a trailing ``.0``."""
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or (isinstance(value, float) and abs(value) >= 1000):
        return f"{value:,.0f}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _commit() -> str | None:
    """Give the commit of the checkout, with ``-dirty`` after local changes; None where there is no git."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=paths.ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()


def stages(planned: list[dict[str, Any]]) -> str:
    """Stages of a training recipe in words: how many pictures of which size."""
    return ", ".join(f"{stage['images']:,} at {stage['size']} px" for stage in planned)
