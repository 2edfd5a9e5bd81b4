"""The numbers behind the text of a notebook: recorded where they are stated, written once, set beside the paper's."""

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from enamel_lib import paths, structured
from enamel_lib.errors import DataError, InputError
from enamel_lib.reproduce.report import output_root, write_json

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import Markdown

PLACE = re.compile(r"\{([^{}|]+)(?:\|([^{}]*))?\}")  # {name of a fact} or {name of a fact|.2f}


def published(path: Path = paths.PUBLISHED / "lew2023.yml") -> dict[str, dict[str, Any]]:
    """Give the numbers printed in the paper, by chapter of `data/published/lew2023.yml`; hardness in GPa."""
    return structured.read_yaml(path, dict[str, dict[str, Any]])


class Fact(structured.Strict):
    """One fact in `figures/facts/NN.json`."""

    value: JsonValue
    paper: JsonValue = None
    unit: str = ""


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Read the facts of a notebook by name, each as it is written; a DataError if they are missing or damaged."""
    found = structured.read_json(path, dict[str, Fact], DataError)
    return {name: fact.model_dump(exclude_unset=True) for name, fact in found.items()}


class Facts:
    """Facts of one notebook, such as "05", in the order in which they are recorded.

    Floats are written to three significant digits, but never above the unit, so that a rerun on another processor gives
    the same file. A finding with a format of its own rounds what was recorded, once, as the figures beside it do.

    >>> facts = Facts("02")
    >>> facts.record("r2, paper split", 0.8564, paper=0.94)
    >>> facts.say("The network reaches **{r2, paper split|.2f}**.").data
    'The network reaches **0.86**.'
    """

    def __init__(self, number: str | int) -> None:
        self.number = f"{int(number):02d}"
        self._facts: dict[str, dict[str, Any]] = {}

    def record(self, name: str, value: Any, *, paper: Any = None, unit: str = "") -> None:
        """Record one number, text or yes/no, with the paper's beside it; an InputError if the name is taken."""
        if name in self._facts:
            raise InputError(f"fact {name!r} is recorded already; give the second one another name")
        fact = {"value": _plain(value)}
        if paper is not None:
            fact["paper"] = _plain(paper)
        if unit:
            fact["unit"] = unit
        self._facts[name] = fact

    def table(
        self,
        name: str,
        values: "Mapping[Any, Any] | pd.Series",
        *,
        paper: "Mapping[Any, Any] | pd.Series | None" = None,
        unit: str = "",
    ) -> None:
        """Record a fact for each entry of a mapping or series, with its key in place of `{}` in the name.

        Float keys are written shortly. Of the paper's values, by the same keys, not all need be there.
        """
        for key, value in values.items():
            text = f"{key:g}" if isinstance(key, float) else str(key)
            self.record(name.format(text), value, paper=None if paper is None else paper.get(key), unit=unit)

    def __getitem__(self, name: str) -> Any:
        """Value of a fact, rounded as it will be written."""
        return _rounded(self._recorded(name))

    def _recorded(self, name: str) -> Any:
        try:
            return self._facts[name]["value"]
        except KeyError:
            raise InputError(f"no fact {name!r} is recorded; there are {', '.join(self._facts) or 'none'}") from None

    def say(self, text: str) -> "Markdown":
        """State a finding, with facts in place of `{name}` or, in a format, `{name|.2f}`: Markdown for a notebook."""
        from IPython.display import Markdown

        def put(place: re.Match) -> str:
            name, form = place.groups()
            return _text(self[name]) if form is None else format(self._recorded(name), form)

        return Markdown(PLACE.sub(put, text))

    def write(self, out: str | os.PathLike = "figures", *, keep: bool = False) -> "pd.DataFrame":
        """Write `facts/NN.json` below the folder of the figures; give the facts as a table to show, as text.

        Where a part was left out for want of the real map, `keep` the committed facts of it, like its figures.
        """
        import pandas as pd

        path = f"facts/{self.number}.json"
        if keep and (committed := paths.FIGURES / path).is_file():
            self._facts = read(committed) | self._facts
        facts = {name: {key: _rounded(each) for key, each in fact.items()} for name, fact in self._facts.items()}
        write_json(output_root() / out / path, facts)
        pd.set_option("display.max_rows", None, "display.max_colwidth", None)  # facts are read whole, or not at all
        rows = [
            (f"{name} ({fact['unit']})" if "unit" in fact else name, _text(fact["value"]), _text(fact.get("paper")))
            for name, fact in facts.items()
        ]
        return pd.DataFrame(rows, columns=["fact", "here", "paper"])


def _plain(value: Any) -> Any:
    """Turn numpy scalars into plain ones, and make NaN None."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _rounded(value: Any) -> Any:
    """Round the floats of a fact."""
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if not isinstance(value, float):
        return value
    return round(value, max(0, 2 - math.floor(math.log10(abs(value))))) if value else 0.0


def _text(value: Any) -> str:
    """Show a value: thousands apart, whole floats without a trailing `.0`."""
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or (isinstance(value, float) and abs(value) >= 1000):
        return f"{value:,.0f}"
    return f"{value:g}" if isinstance(value, float) else str(value)
