"""What the cells of a roster file mean: its delimiter, its header, and one line of it.

Longer than most modules: all that is decided about one line stands together.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from app.addresses import BadAddress, canonical
from app.core.errors import N_, Refusal

COLUMNS = ("user_code", "last_name", "email", "status", "class_name", "date", "lo_root_id")
"""The seven columns, in the order that a file without a header has them in."""
NEEDED = ("last_name", "email", "status", "lo_root_id")
COLUMN_LIMIT = 100
CELL_LIMIT = 1_000
"""Characters of one cell that is read."""
DELIMITERS = ",;\t|"

TWO_NAMES = N_("This address stands with two last names; neither is applied.")

_ALIASES = {
    "user_code": "usercode usercodes userid code",
    "last_name": "lastname lastnames surname surnames familyname apellido apellidos",
    "email": "email emails emailaddress mail workemail",
    "status": "status accountstatus",
    "class_name": "classname class course",
    "date": "date",
    "lo_root_id": "lorootid lorootids loid loids loroot",
}
_COLUMN_OF = {alias: name for name, words in _ALIASES.items() for alias in words.split()}
_SAMPLE_ROWS = 50
# Looking for an address in all cells of a line that makes no sense would let such lines cost much.
_SEARCHED = 20

# Exports put one apostrophe before what a spreadsheet would take for a formula, full-width signs
# too, and before cells that looked like that already (OWASP ASVS 1.2.10). A carriage return has
# become a newline when a cell comes here.
_GUARDED = re.compile("''*[=+\\-@\t\n\uff1d\uff0b\uff0d\uff20]")
# Zero-width joiners (U+200C, U+200D) belong to the spelling of Persian and Indic names and stay.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
# Unicode counts these apostrophes among the letters.
_APOSTROPHES = "\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\ua78b\ua78c"
_ONE_LETTER = str.maketrans(
    {"ł": "l", "ø": "o", "ß": "ss", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe"}
    | {"þ": "th", "\N{LATIN SMALL LETTER DOTLESS I}": "i"}
    | {"\N{GREEK SMALL LETTER FINAL SIGMA}": "\N{GREEK SMALL LETTER SIGMA}"}
    | dict.fromkeys(_APOSTROPHES)
)
_LATIN_ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv"})


class FileRefused(Refusal):
    """A file that cannot be read as a roster; `line` is where, if one line is to blame."""

    code = "file_refused"
    status = 422
    words = N_("%(reason)s")

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason=reason, line=line)
        self.line = line
        # A reason that is about the line names it by itself.
        if line is not None and not reason.startswith(f"Line {line} "):
            self.words = N_("Line %(line)s: %(reason)s")


class Line(NamedTuple):
    """One good line. `number` is the physical line where it starts; all else is its trimmed text.

    `email` is as written and `address` its canonical form; `surname_key` compares surnames.
    """

    number: int
    user_code: str
    last_name: str
    email: str
    address: str
    status: str
    active: bool
    class_name: str
    date: str
    lo_root_ids: tuple[str, ...]
    surname_key: str


class Problem(NamedTuple):
    """A line that cannot be taken; `column` is empty where the whole line is meant.

    `address` is whose line it seems to be, so that a person with only problem lines can be kept.
    """

    number: int
    column: str
    reason: str
    address: str | None


class Remark(NamedTuple):
    """Something odd about a line that is taken all the same."""

    number: int
    column: str
    reason: str


@dataclass(frozen=True)
class Shape:
    """Where the seven columns stand in a file; `width` is the place of one that is not there."""

    places: tuple[int, ...]
    width: int
    least: int
    headed: bool


HEADERLESS = Shape(tuple(range(len(COLUMNS))), len(COLUMNS), len(COLUMNS), headed=False)


class _Unfit(Exception):
    """What keeps a line from being taken: the column and the reason."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


def find_delimiter(text: str) -> str:
    """Return the delimiter under which the first lines make most sense; a comma if none does."""
    return max(DELIMITERS, key=lambda delimiter: _sense(text, delimiter))


def _sense(text: str, delimiter: str) -> tuple[int, int, int]:
    """Say how well a delimiter fits: known header names, lines without a header, lines alike."""
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    rows = [row for row in islice(reader, _SAMPLE_ROWS) if any(row)]
    names = len(_known(rows[0])) if rows and is_header(rows[0]) else 0
    people = sum(len(row) == len(COLUMNS) and len(_addresses(row[2:3])) for row in rows)
    widths = Counter(len(row) for row in rows if len(row) > 1)
    return names, people, max(widths.values(), default=0)


def is_header(row: Sequence[str]) -> bool:
    """Say whether the first row names columns rather than a person.

    One known name is enough where the row could not be a line without a header anyway.
    """
    return not _addresses(row) and len(_known(row)) >= (2 if len(row) == len(COLUMNS) else 1)


def mapped(mapping: Mapping[str, int], width: int, *, headed: bool) -> Shape:
    """The shape of a file of `width` columns whose places somebody named.

    Raises FileRefused where a needed column has no place, and where two have the same.
    """
    for column in NEEDED:
        if column not in mapping:
            raise FileRefused(f"No column is said to be “{column}”.")
    places = [place for name, place in mapping.items() if name in COLUMNS]
    if len(set(places)) < len(places) or not all(0 <= place < width for place in places):
        raise FileRefused(N_("Each of our columns needs a column of the file for itself."))
    if (
        not headed
        and width == len(COLUMNS)
        and [mapping.get(name) for name in COLUMNS] == [*range(width)]
    ):
        return HEADERLESS
    return Shape(
        places=tuple(mapping.get(name, width) for name in COLUMNS),
        width=width,
        least=1 + max(mapping[name] for name in NEEDED),
        headed=headed,
    )


def guess_mapping(row: Sequence[str]) -> dict[str, int]:
    """Which columns of a header are ours, as far as their names say so.

    Of two that mean the same the first is taken, but for those that a list needs: somebody is to
    choose one of them.
    """
    twice = doubled(row)
    return {name: place for place, name in reversed(_known(row)) if name not in twice}


def doubled(row: Sequence[str]) -> dict[str, list[int]]:
    """The needed columns that a header names more than once, each with its places."""
    places: dict[str, list[int]] = {name: [] for name in NEEDED}
    for place, name in _known(row):
        if name in places:
            places[name].append(place)
    return {name: found for name, found in places.items() if len(found) > 1}


def holds_address(row: Sequence[str]) -> bool:
    """Whether a cell of the row is an email address, as no header has one."""
    return bool(_addresses(row[:COLUMN_LIMIT]))


def read_header(row: Sequence[str], line: int = 1) -> Shape:
    """Find the columns by name, in any order; `line` is where the header stands.

    Raises FileRefused if one is missing or doubled.
    """
    found = {name: place for place, name in reversed(_known(row))}
    twice = doubled(row)
    for column in NEEDED:
        if column not in found:
            words = f"The header has no column “{column}”. Add it and upload it again."
            raise FileRefused(words, line)
        if column in twice:
            both = " and ".join(str(place + 1) for place in twice[column])
            words = f"The header names “{column}” more than once, in columns {both}."
            raise FileRefused(words, line)
    return Shape(
        places=tuple(found.get(name, len(row)) for name in COLUMNS),
        width=len(row),
        least=1 + max(found[name] for name in NEEDED),
        headed=True,
    )


def says_itself(row: Sequence[str]) -> bool:
    """Whether a first line names all that a list needs, or is a line of the seven columns."""
    if is_header(row):
        return set(NEEDED) <= {name for _, name in _known(row)} and not doubled(row)
    email = COLUMNS.index("email")
    return len(row) == len(COLUMNS) and bool(_addresses(row[email : email + 1]))


def _known(row: Sequence[str]) -> list[tuple[int, str]]:
    """List the cells that name one of our columns: place and name."""
    plain = (re.sub(r"[\W_]+", "", cell.lower()) for cell in row)
    return [(place, _COLUMN_OF[word]) for place, word in enumerate(plain) if word in _COLUMN_OF]


def read_line(
    number: int, row: list[str], shape: Shape, encoding: str, remarks: list[Remark]
) -> Line | Problem:
    """Make a Line of the cells of one row, or a Problem with the first thing that is wrong.

    What is odd about a Line is added to `remarks`.
    """
    try:
        code, last_name, email, status, class_name, date, ids = _cells(row, shape, encoding)
        if not last_name:
            raise _Unfit("last_name", N_("The last name is blank."))
        if not email:
            raise _Unfit("email", N_("The email address is blank."))
        address = canonical(email)
    except _Unfit as unfit:
        return Problem(number, unfit.column, unfit.reason, address_of(row, shape))
    except BadAddress as bad:
        return Problem(number, "email", str(bad), None)
    key = surname_key(last_name)
    active = _is_active(number, status, remarks)
    held = _lo_root_ids(number, ids, remarks)
    return Line(
        number, code, last_name, email, address, status, active, class_name, date, held, key
    )


def _cells(row: list[str], shape: Shape, encoding: str) -> list[str]:
    """Return the seven cells in the order of COLUMNS, trimmed and without an export's apostrophe.

    Raises _Unfit for a wrong number of fields and for cells that no roster has.
    """
    if not shape.least <= len(row) <= shape.width:
        raise _Unfit("", _wrong_count(len(row), shape))
    if shape is not HEADERLESS:
        padded = row + [""] * (shape.width + 1 - len(row))
        row = [padded[place] for place in shape.places]
    cells = [cell.strip() for cell in row]
    whole = "".join(cells)
    if "'" in whole:
        cells = [unguarded(cell) for cell in cells]
        whole = "".join(cells)
    if not whole.isprintable() or len(whole) > CELL_LIMIT:
        _check_cells(cells)
    if encoding == "cp1252" and not whole.isascii():
        _check_mixed(cells)
    return cells


def _wrong_count(count: int, shape: Shape) -> str:
    if shape is HEADERLESS:
        return f"The line has {count} fields; without a header it needs exactly {shape.width}."
    if count > shape.width:
        return f"The line has too many fields: {count}, and the header names {shape.width}."
    return f"The line has too few fields: {count}, and the header names {shape.width}."


def _check_cells(cells: Iterable[str]) -> None:
    for column, cell in zip(COLUMNS, cells, strict=True):
        if len(cell) > CELL_LIMIT:
            raise _Unfit(column, f"The cell is longer than {CELL_LIMIT:,} characters.")
        if "\n" in cell:
            raise _Unfit(column, N_("The cell has a line break inside."))
        if unseen := _UNSEEN.search(cell):
            raise _Unfit(column, f"The cell has an invisible character, U+{ord(unseen[0]):04X}.")


def _check_mixed(cells: Iterable[str]) -> None:
    """Refuse a cell of a Windows-1252 file that is UTF-8: such a file was pasted together."""
    for column, cell in zip(COLUMNS, cells, strict=True):
        if cell.isascii():
            continue
        try:
            right = cell.encode("cp1252").decode()
        except UnicodeDecodeError:
            continue
        raise _Unfit(column, f"The cell is UTF-8, not Windows-1252; it seems to mean “{right}”.")


def _is_active(number: int, status: str, remarks: list[Remark]) -> bool:
    word = status.casefold()
    if word not in ("active", "inactive"):
        reason = f"The status “{status}” is not known, so it is not active."
        remarks.append(Remark(number, "status", reason))
    return word == "active"


def split_ids(text: str) -> tuple[str, ...]:
    """The LO Root IDs of a text, split at `;` and `,`, trimmed, in their order and once each."""
    parts = (part.strip() for part in re.split("[;,]", text))
    return tuple(dict.fromkeys(part for part in parts if part))


def _lo_root_ids(number: int, cell: str, remarks: list[Remark]) -> tuple[str, ...]:
    # The text `nan` is what an earlier program wrote where there was no id.
    parts = split_ids(cell)
    ids = tuple(part for part in parts if part != "nan")
    if len(ids) < len(parts) or not ids:
        reason = N_("The LO Root ID is blank; the line grants none.")
        remarks.append(Remark(number, "lo_root_id", reason))
    return ids


def address_of(row: Sequence[str], shape: Shape) -> str | None:
    """Say whose line this seems to be: the email column, or else the only address in the row."""
    place = shape.places[COLUMNS.index("email")]
    for cells in (row[place : place + 1], row[:_SEARCHED]):
        found = _addresses(cells)
        if len(found) == 1:
            return found.pop()
    return None


def _addresses(cells: Iterable[str]) -> set[str]:
    found = set()
    for cell in cells:
        if "@" in cell and len(cell) <= CELL_LIMIT:
            try:
                found.add(canonical(unguarded(cell.strip())))
            except BadAddress:
                continue
    return found


def unguarded(cell: str) -> str:
    """A trimmed cell without the apostrophe that an export put before it."""
    return cell[1:].strip() if _GUARDED.match(cell) else cell


def surname_key(name: str) -> str:
    """Return what two spellings of a surname have in common: "O'Neil Jr." and "ONEIL" are alike.

    Accents, case, blanks, punctuation and Jr, Sr, II, III, IV at the end do not count; letters of
    every script do. Empty only for a blank name. `surname_key` of the result is the result.
    """
    if name.isascii() and name.isalpha():
        return name.lower()
    text = unicodedata.normalize("NFKD", name).lower().translate(_ONE_LETTER)
    text = unicodedata.normalize("NFC", _LATIN_ACCENTS.sub("", text))
    words = "".join(
        letter if unicodedata.category(letter)[0] in "LMN" else _gap(letter) for letter in text
    ).split()
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words.pop()
    return "".join(words) or name.strip().lower()


def _gap(letter: str) -> str:
    """Part words at blanks, hyphens, commas and dots; all other signs stand within a word."""
    category = unicodedata.category(letter)
    return " " if category[0] == "Z" or category == "Pd" or letter in ".,\t\n" else ""
