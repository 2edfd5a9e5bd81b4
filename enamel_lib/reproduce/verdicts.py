"""The paper's claims, each with a verdict and the facts that it hangs on (`data/published/claims.yml`)."""

import math
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import Field

from enamel_lib import paths, structured
from enamel_lib.errors import DataError
from enamel_lib.reproduce import facts, report

CLAIMS = paths.PUBLISHED / "claims.yml"
VERDICTS = ("holds", "in part", "only with leakage", "artefact", "does not hold", "not testable here")
OPEN = "open: a fact has changed"
Verdict = Literal[VERDICTS]


class Fact(structured.Strict):
    """A fact of a notebook, "NN: name" as in `figures/facts`, and the bound within which the verdict stands."""

    fact: Annotated[str, Field(pattern=r"^\d\d: .+")]
    above: float = -math.inf
    below: float = math.inf
    equals: bool | str | None = None

    def stands(self, value: Any) -> bool:
        """Whether the value is within the bound; what is no number is in none."""
        if self.equals is not None:
            return value == self.equals
        return isinstance(value, int | float) and self.above < value < self.below


class Claim(structured.Strict):
    """What the paper says, and where; the verdict here, why, and what decides it, the first of all."""

    claim: str
    where: str
    verdict: Verdict
    because: str
    decided_by: Annotated[list[Fact], Field(min_length=1)]


def verdicts(out: str = "figures", *, file: Path = CLAIMS) -> pd.DataFrame:
    """Set each claim beside its verdict and the facts that decide it.

    Parameters
    ----------
    out
        Folder of the figures, as in notebooks; facts that are not there are those that are committed.

    Returns
    -------
    table
        `claim`, `where`, `verdict`, `because` and `facts` (a text with their values); the verdict is open where a fact
        has left the bound that it stands in.

    Raises
    ------
    DataError
        If a fact is not known.
    """
    known: dict[str, dict[str, Any]] = {}
    rows = []
    for one in structured.read_yaml(file, list[Claim]):
        values = {}
        for fact in one.decided_by:
            number, _, name = fact.fact.partition(": ")
            if number not in known:
                made = report.output_root() / out / f"facts/{number}.json"
                path = made if made.exists() else paths.FIGURES / f"facts/{number}.json"
                known[number] = facts.read(path)
            if name not in known[number]:
                raise DataError(f"{file}: notebook {number} records no fact {name!r}; correct its name, or run it")
            values[fact.fact] = known[number][name]["value"]
        stands = all(fact.stands(values[fact.fact]) for fact in one.decided_by)
        said = "; ".join(f"{name} = {value}" for name, value in values.items())
        rows.append({"claim": one.claim, "where": one.where, "verdict": one.verdict if stands else OPEN})
        rows[-1] |= {"because": one.because, "facts": said}
    return pd.DataFrame(rows)
