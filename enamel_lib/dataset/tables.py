"""Tables of people, as spreadsheets and microscopes write them: read right, saying what was recognised, or refused.

Text in UTF-8, UTF-16 or cp1252, separated by commas, semicolons or tabs, with decimal points or commas, or an Excel
workbook, whatever it is named. Columns are found by name and unit, and numbers come in the unit that a column has here.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd

from enamel_lib.dataset import sheets
from enamel_lib.errors import DataError

SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".ods")  # of tables, upper or lower case
HEADER_WITHIN = 30  # lines: what an instrument writes above the names of the columns
UNITS = {  # how much one is of the unit used here
    "GPa": {"GPa": 1, "MPa": 1e-3, "N/mm2": 1e-3, "kPa": 1e-6, "Pa": 1e-9, "kgf/mm2": 9.80665e-3},
    "um": {"um": 1, "micron": 1, "microns": 1, "micrometer": 1, "micrometre": 1, "nm": 1e-3, "mm": 1e3, "m": 1e6},
    "px": {"px": 1, "pixel": 1, "pixels": 1},
    "": {},
}
KNOWN = {unit.casefold(): (kind, unit) for kind, units in UNITS.items() for unit in units}
ENDING = re.compile(rf"(.+?)(?:[\s_/,]|\sin\s)+({'|'.join(map(re.escape, KNOWN))})")
STATISTICS = ("mean", "average", "avg", "median", "sd", "std", "stdev", "stddev", "cov", "min", "max", "count", "sum")
MISSING = ("", "nan", "na", "n/a", "#n/a", "none", "-", "--")  # what stands for no value
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+")


@dataclass(frozen=True)
class Column:
    """A column that a table may have.

    Attributes
    ----------
    name
        As documented, with its unit if that must be stated: `x_um` is found as `x (um)`, `X [nm]` or `x/mm`, too.
    unit
        "GPa", "um" or "px" of numbers; "" of text.
    also
        Further names; one without a unit is taken to be in `unit`.
    limits
        Of the numbers, inclusive.
    needed
        Whether it must be there and filled.
    usual
        Where values lie in practice: tenfold smaller ones are refused, unless brackets in the header state the unit.
    """

    name: str
    unit: str = ""
    also: tuple[str, ...] = ()
    limits: tuple[float, float] = (-1e9, 1e9)
    needed: bool = True
    usual: tuple[float, float] | None = None
    skip: bool = False  # rows without a value are left out, not refused

    def matches(self, header: str) -> bool:
        """Whether a header names this column, in a unit of its kind."""
        base, unit, _ = _parts(header)
        known = [_parts(name) for name in (self.name, *self.also)]
        if unit:
            kind, _ = KNOWN.get(unit, (self.unit, unit))
            return kind == self.unit and any(base == name for name, *_ in known)
        return any(base == name and not stated for name, stated, _ in known)


@dataclass(frozen=True)
class Table:
    """What a table holds.

    Attributes
    ----------
    path
        Of the file.
    rows
        The columns asked for that are there, by their documented name: float64 in their unit (NaN where nothing is
        stated) or stripped text; the index is the line in the file.
    said
        What was recognised that is not a matter of course, for the user to see; empty if nothing.
    """

    path: Path
    rows: pd.DataFrame
    said: str = ""

    def where(self, line: int) -> str:
        """Name a line, as errors do."""
        return f"{self.path}, line {line}"


def find(folder: Path, name: str) -> Path | None:
    """Give the table of this name in a folder, whatever the case of its letters and its kind (`SUFFIXES`); else None.

    Raises DataError if there are two.
    """
    stem = Path(name).stem.casefold()
    there = folder.iterdir() if folder.is_dir() else ()
    found = sorted(path for path in there if path.stem.casefold() == stem and path.suffix.lower() in SUFFIXES)
    if len(found) > 1:
        raise DataError(f"{found[0]}: {found[1].name} is there, too; keep one of the two")
    return found[0] if found else None


def find_file(path: Path) -> Path:
    """Give the file that a path names, whatever the case of the letters in its name; the path itself if there is none.

    >>> find_file(Path("no/such/folder/0.png")).name
    '0.png'
    """
    if path.exists() or not path.parent.is_dir():
        return path
    alike = [other for other in path.parent.iterdir() if other.name.casefold() == path.name.casefold()]
    return alike[0] if len(alike) == 1 else path


def read(path: Path, columns: Sequence[Column]) -> Table:
    """Read a table; raises DataError, with file, line and remedy, where it cannot be understood for sure."""
    if not path.is_file():
        raise DataError(f"{path}: no such table; the expected files are listed in data/README.md")
    said, candidates = sheets.read(path)
    candidates = [(remark, lines) for remark, lines in candidates if lines]
    if not candidates:
        raise DataError(f"{path}: empty; the first line names the columns {', '.join(c.name for c in columns)}")
    _, remark, lines, at = max(
        (
            (_fit(line, columns), remark, lines, number)
            for remark, lines in candidates
            for number, line in lines[:HEADER_WITHIN]
        ),
        key=lambda found: found[0],
    )
    said += [remark] if remark else []
    if at != lines[0][0]:
        said.append(f"columns are named on line {at}")
    header = next(cells for number, cells in lines if number == at)
    found = _columns(path, header, columns)
    body = [(number, cells) for number, cells in lines if number > at and any(cells)]
    body = _without_statistics(body, said)
    units = {spec.name: _parts(header[place])[1] for spec, place in found}
    if body and all(_unit(cell) in KNOWN for cell in body[0][1] if cell):
        units |= {spec.name: _unit(body[0][1][place]) or units[spec.name] for spec, place in _within(found, body[0][1])}
        said.append(f"units are stated on line {body[0][0]}")
        body = body[1:]
    if not body:
        raise DataError(f"{path}: no rows; one row for each label is expected")
    _check_width(path, header, body)
    rows = pd.DataFrame(
        {spec.name: [cells[place] if place < len(cells) else "" for _, cells in body] for spec, place in found},
        index=pd.Index([number for number, _ in body], name="line"),
        dtype=object,
    )
    for name in (spec.name for spec, _ in found if spec.skip):
        if (missing := rows[name].map(_plain).isin(MISSING)).any():
            rows, said = rows[~missing], [*said, f"{missing.sum()} rows without {name!r} left out"]
    decimal = _decimal_comma(path, rows[[spec.name for spec, _ in found if spec.unit]], remark)
    said += ["decimal commas"] if decimal else []
    for spec, place in found:
        if spec.unit:
            rows[spec.name] = _numbers(path, rows[spec.name], spec, header[place], units[spec.name], decimal, said)
        elif spec.needed and (rows[spec.name] == "").any():
            line = (rows[spec.name] == "").idxmax()
            raise DataError(f"{path}, line {line}: {spec.name!r} is empty; fill it in or remove the line")
    return Table(path, rows, f"{path.name}: {'; '.join(said)}" if said else "")


def _plain(text: str) -> str:
    """Lower case, one way of writing µ, ² and spaces."""
    return unicodedata.normalize("NFKC", text).casefold().replace("μ", "u").replace("^", "").strip()


def _unit(text: str) -> str:
    return _plain(text).strip("()[]{} ").replace(" ", "")


@lru_cache(maxsize=1024)
def _parts(header: str) -> tuple[str, str, bool]:
    """Take a header apart: name, unit ("" if none is stated), and whether brackets state it.

    >>> _parts("H (GPa)"), _parts("x_um"), _parts("X / µm"), _parts("hardness")
    (('h', 'gpa', True), ('x', 'um', False), ('x', 'um', False), ('hardness', '', False))
    """
    text = _plain(header)
    bracketed = re.fullmatch(r"(.+?)\s*[(\[{](.*)[)\]}]", text)
    if bracketed:
        name, unit = bracketed[1], _unit(bracketed[2])
    else:
        ending = ENDING.fullmatch(text)
        name, unit = ending.groups() if ending else (text, "")
    return re.sub(r"[^a-z0-9]", "", name), unit, bool(bracketed)


def _fit(line: list[str], columns: Sequence[Column]) -> tuple[int, int]:
    """How well a line names the columns: how many of the needed ones, and how many in all."""
    there = [spec for spec in columns if any(cell and spec.matches(cell) for cell in line)]
    return sum(spec.needed for spec in there), len(there)


def _columns(path: Path, header: list[str], columns: Sequence[Column]) -> list[tuple[Column, int]]:
    """Find each column; its place in the header."""
    found = []
    names = [name for name in header if name]
    for spec in columns:
        places = [place for place, name in enumerate(header) if name and spec.matches(name)]
        exact = [place for place in places if header[place] == spec.name]
        places = exact or places
        if len(places) > 1:
            raise DataError(f"{path}: column {spec.name!r} is there twice in {names}; rename or remove one")
        without_unit = (_parts(spec.name)[0], "")
        bare = [name for name in names if not places and spec.unit == "um" and _parts(name)[:2] == without_unit]
        if bare:
            raise DataError(f"{path}: column {bare[0]!r} states no unit; write {spec.name}, or {bare[0]} (nm)")
        if not places and spec.needed:
            known = " or ".join((spec.name, *spec.also))
            raise DataError(f"{path}: column {spec.name!r} is missing from {names}; name it {known}, unit in brackets")
        for place in places:
            unit = _parts(header[place])[1]
            if unit and unit not in KNOWN and spec.unit:
                known = ", ".join(UNITS[spec.unit])
                raise DataError(f"{path}: unit {unit!r} of column {header[place]!r} is not known; known are {known}")
            found.append((spec, place))
    return found


def _within(found: list[tuple[Column, int]], cells: list[str]) -> list[tuple[Column, int]]:
    return [(spec, place) for spec, place in found if place < len(cells)]


def _without_statistics(body: list, said: list[str]) -> list:
    """Leave out the lines at the end where a program wrote means and the like."""
    kept = list(body)
    while kept and re.sub(r"[^a-z]", "", _plain(next(filter(None, kept[-1][1])))) in STATISTICS:
        kept.pop()
    if len(kept) < len(body):
        said.append(f"statistics from line {body[len(kept)][0]} on left out")
    return kept


def _check_width(path: Path, header: list[str], body: list) -> None:
    named = [place for place, name in enumerate(header) if name]
    for number, cells in body:
        beyond = [cell for place, cell in enumerate(cells) if cell and (place > named[-1])]
        if beyond:
            raise DataError(
                f"{path}, line {number}: more values than columns ({beyond[0]!r}); write decimals with a point, or "
                "put semicolons between columns"
            )


def _decimal_comma(path: Path, cells: pd.DataFrame, remark: str) -> bool:
    """Whether numbers are written with a comma; never a guess."""
    written = [text for name in cells for text in cells[name] if text]
    with_comma = [text for text in written if re.fullmatch(r"[+-]?\d*(,\d+)+(e[+-]?\d+)?", text, re.IGNORECASE)]
    if not with_comma:
        return False
    if any("." in text for text in written):
        raise DataError(
            f"{path}: numbers are written with a comma ({with_comma[0]!r}) and with a point; use one of them"
        )
    if remark != sheets.SEPARATORS[";"] and all(GROUPED.fullmatch(text) for text in with_comma):
        raise DataError(f"{path}: {with_comma[0]!r} may be a thousand or a decimal; write it without a comma")
    return True


def _numbers(
    path: Path, texts: pd.Series, spec: Column, header: str, unit: str, decimal: bool, said: list[str]
) -> pd.Series:
    _, stated = KNOWN.get(unit, (spec.unit, spec.unit))
    factor = UNITS[spec.unit].get(stated)
    if factor is None:
        raise DataError(f"{path}, {header!r}: {stated} is no unit of it; known are {', '.join(UNITS[spec.unit])}")
    if factor != 1:
        said.append(f"{header!r} from {stated} to {spec.unit}")
    written = texts.str.replace("\u2212", "-").str.replace("[\u00a0\u2009\u202f]", "", regex=True)
    if decimal:
        written = written.str.replace(",", ".")
    numbers = written.where(written.map(lambda text: bool(NUMBER.fullmatch(text)))).astype(float) * factor
    low, high = spec.limits
    wrong = ~numbers.between(low, high) & ~((texts == "") & (not spec.needed))
    if wrong.any():
        line = wrong.idxmax()
        as_mpa = spec.unit == "GPa" and low <= numbers[line] / 1000 <= high
        hint = "it looks like MPa: name the column 'H (MPa)'" if as_mpa else "check it and its unit; write it like 4.2"
        raise DataError(
            f"{path}, line {line}, {header!r}: {texts[line]!r} is not a number from {low:g} to {high:g} {spec.unit}; "
            f"{hint}"
        )
    middle = numbers.median() * 10
    if spec.usual and spec.usual[0] <= middle <= spec.usual[1] and not _parts(header)[2]:
        raise DataError(
            f"{path}, {header!r}: values about {numbers.median():.2g} GPa are a tenth of enamel's "
            f"({spec.usual[0]:g} to {spec.usual[1]:g}): labels too small (kgf, a lost digit)? If right, name the "
            "column 'hardness (GPa)'"
        )
    return numbers
