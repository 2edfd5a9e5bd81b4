"""Table of the sizes of the notebooks' code cells: `python -m tests.notebook_sizes`."""

from pathlib import Path
from statistics import median

import nbformat

from enamel_lib import paths


def sizes(path: Path) -> dict[str, int | float | str]:
    """Count code cells and their lines, blank ones left out, and find the first code cell that shows a figure."""
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    lines = [[line for line in cell.source.splitlines() if line.strip()] for cell in code]
    drawn = [any("image/png" in output.get("data", {}) for output in cell.outputs) for cell in code]
    return {
        "notebook": path.stem,
        "code cells": len(code),
        "median": median(map(len, lines)),
        "longest": max(map(len, lines)),
        "widest line": max(len(line) for cell in lines for line in cell),
        "first figure": drawn.index(True) + 1 if any(drawn) else len(code) + 1,
        "facts cell": len(lines[-1]),
    }


if __name__ == "__main__":
    import pandas as pd

    print(pd.DataFrame([sizes(path) for path in sorted(paths.NOTEBOOKS.glob("*.ipynb"))]).to_string(index=False))
