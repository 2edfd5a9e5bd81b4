"""Files of tables to lines of cells: text of several encodings and separators, and Excel workbooks."""

import csv
import io
import re
import zipfile
from pathlib import Path
from typing import Any

from enamel_lib import structured
from enamel_lib.errors import DataError

SEPARATORS = {",": "", ";": "semicolons between columns", "\t": "tabs between columns"}
MOST_BYTES = 64_000_000  # of a table, unpacked; a million lines
STARTS = {  # of files that are no tables, by their first bytes
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
    b"\x89PNG": "a picture",
    b"II*\0": "a picture",
    b"MM\0*": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "packed with gzip",
    b"<": "a web page or XML",
    b"{": "JSON",
}

Try = tuple[str, list[tuple[int, list[str]]]]  # what it takes the file for, and its lines by number


def read(path: Path) -> tuple[list[str], list[Try]]:
    """Read a file of cells: what was recognised, and each way it may be cut; DataError if it is no table."""
    content = structured.read_bytes(path, MOST_BYTES, DataError)
    return (_workbook if content.startswith(b"PK") else _text)(path, content)


def _text(path: Path, content: bytes) -> tuple[list[str], list[Try]]:
    """Decode a text and cut it at each separator: what was recognised, and (remark, numbered lines) of each try."""
    for start, kind in STARTS.items():
        if content.lstrip().startswith(start):
            raise DataError(f"{path}: is {kind}, not a table; save it as CSV or .xlsx")
    said = []
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:2]:
        encoding = "utf-16" if content[0] > 1 else "utf-16-be" if content[0] == 0 else "utf-16-le"
        said.append("UTF-16")
    elif content[1:2] == b"\0":
        encoding = "utf-16-le"
        said.append("UTF-16")
    else:
        encoding = "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if said or b"\0" in content:
            raise DataError(f"{path}: not a table ({error.reason}); save it as CSV in UTF-8") from None
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            raise DataError(f"{path}: letters are neither UTF-8 nor cp1252; save it as CSV in UTF-8") from None
        said.append("letters as cp1252, which Windows writes")
    tries = []
    stated = re.match(r"\ufeff?sep=(.)\r?\n", text)
    for separator, remark in SEPARATORS.items():
        if stated and stated[1] != separator:
            continue
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
        try:
            lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
        except csv.Error as error:
            raise DataError(f"{path}: not a table ({error}); save it as CSV in UTF-8") from None
        lines = lines[1:] if stated else lines
        tries.append((remark, [line for line in lines if any(line[1])]))
    return said, tries


def _workbook(path: Path, content: bytes) -> tuple[list[str], list[Try]]:
    """Read the sheets of an Excel workbook; returns as of `_text`."""
    import openpyxl

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            names, unpacked = set(packed.namelist()), sum(item.file_size for item in packed.infolist())
        if "xl/workbook.xml" not in names:
            raise DataError(f"{path}: is packed (zip), but no Excel workbook; save it as .xlsx or CSV")
        if unpacked > MOST_BYTES:
            raise DataError(f"{path}: is larger than {MOST_BYTES // 10**6} MB, unpacked; save its table as CSV")
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheets = {}
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # what a file states of its size may be wrong, or huge
            rows = enumerate(sheet.iter_rows(values_only=True), start=1)
            sheets[sheet.title] = [
                (number, [_cell(value) for value in values])
                for number, values in rows
                if any(value is not None for value in values)
            ]
    except DataError:
        raise
    except Exception as error:  # a damaged workbook fails anywhere inside its reader
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(f"{path}: is a damaged Excel workbook ({reason}); save it again, or as CSV") from None
    named = path.suffix.lower() in (".xlsx", ".xlsm")
    said = ["Excel workbook" + ("" if named else f", though named {path.suffix or 'without a suffix'}")]
    return said, [(f"sheet {name!r}" if len(sheets) > 1 else "", lines) for name, lines in sheets.items()]


def _cell(value: Any) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value).strip()
