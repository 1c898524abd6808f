"""Which branches there are: the list of BRANCHES, else of the branches file, which also lends the names."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from include.bigmeter.errors import ConfigError, quoted

BRANCHES_FILE = Path(__file__).parents[1] / "r6_branches.csv"
BRANCHES_SETTING = "BRANCHES"
_CODE = re.compile(r"[0-9]{4}")
_MOST_NAMED = 10
_NAME_PREFIX = "กปภ.สาขา"
_SEPARATORS = re.compile(r"[,;\s]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")  # line breaks, and what no text may hold


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of the Authority: its 4-digit BA code, text, and its name, empty where no file gives one."""

    code: str
    name: str

    @property
    def label(self) -> str:
        """The code with the short name, as lists show it: ``1063 น้ำพอง``."""
        return f"{self.code} {self.name.removeprefix(_NAME_PREFIX)}".strip()


def load_branches(environment: Mapping[str, str], path: Path = BRANCHES_FILE) -> tuple[Branch, ...]:
    """Return the branches to follow, in the order of their list.

    :param environment: its ``BRANCHES`` (codes divided by commas or blanks) is the list if it is set; the file then
        only lends names.
    :param path: a CSV file whose first column is ``ba_code``, with the name in the second.
    :raises ConfigError: if the list is missing, empty, or holds a malformed or repeated code.
    """
    codes_text = environment.get(BRANCHES_SETTING, "").strip()
    if not codes_text:
        return read_branches(path)
    codes = split_codes(codes_text)
    _check_codes(codes, BRANCHES_SETTING)
    names = {branch.code: branch.name for branch in read_branches(path)} if path.exists() else {}
    return tuple(Branch(code, names.get(code, "")) for code in codes)


def split_codes(text: str) -> list[str]:
    """Return codes that are divided by commas, semicolons or blanks."""
    return [code for code in _SEPARATORS.split(text) if code]


def read_branches(path: Path) -> tuple[Branch, ...]:
    """Read the branches file.

    :raises ConfigError: as ``load_branches`` says; the message names the file and the line.
    """
    where = f"branches file {path.name}"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{where}: not found; put it at include/{path.name} or set {BRANCHES_SETTING}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{where}: is not UTF-8 text; save it as CSV UTF-8") from None
    except OSError as error:  # a directory, for one: what Docker makes of a file to mount that is missing
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"{where}: cannot be read ({reason}); it has to be a file that this user may read") from None
    rows = _rows(text, where)
    if not rows:
        raise ConfigError(f"{where}: is empty; its first line must start with ba_code, then one branch a line")
    if rows[0][0].lower() != "ba_code":
        raise ConfigError(f"{where}: its first column is {quoted(rows[0][0])}; it must be ba_code")
    branches = [Branch(row[0], row[1] if len(row) > 1 else "") for row in rows[1:]]
    _check_codes([branch.code for branch in branches], where)
    return tuple(branches)


def choose_branches(branches: Sequence[Branch], wanted: Iterable[str] | None) -> tuple[Branch, ...]:
    """Return the branches that a form asks for, each once, in the order of the list; all if it names none.

    :param wanted: codes; a label such as ``1063 น้ำพอง`` is understood by its code.
    :raises ConfigError: if a code is not in the list, or an entry is blank: what was meant is not *all of them*.
    """
    entries = [text.split() for text in wanted or ()]
    if not entries:
        return tuple(branches)
    if not all(entries):
        raise ConfigError("branches: an entry is blank; pick a branch, or leave the whole field empty for all of them")
    codes = {words[0] for words in entries}
    unknown = sorted(codes - {branch.code for branch in branches})
    if unknown:
        known = f"{branches[0].code} to {branches[-1].code}, {len(branches)} in all" if branches else "none"
        shown = [code if _CODE.fullmatch(code) else quoted(code) for code in unknown[:_MOST_NAMED]]
        more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
        raise ConfigError(f"branches: {', '.join(shown)}{more} not in the list of branches ({known}); correct the code")
    return tuple(branch for branch in branches if branch.code in codes)


def _rows(text: str, where: str) -> list[list[str]]:
    """Return the cells of the lines that have any, without blanks around them.

    :raises ConfigError: for a quote that is not closed, which would take the lines after it for one name.
    """
    rows = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(_CONTROL.search(cell) for cell in cells):
                raise ConfigError(f"{where}: line {reader.line_num}: a cell holds a line break or a control character")
            if any(cells):
                rows.append(cells)
    except csv.Error as error:
        if "field limit" in str(error):
            raise ConfigError(f"{where}: line {reader.line_num}: a cell is longer than any name") from None
        raise ConfigError(f"{where}: line {reader.line_num}: a quote is not closed, or text follows it") from None
    return rows


def _check_codes(codes: Sequence[str], where: str) -> None:
    if not codes:
        raise ConfigError(f"{where}: names no branch; list at least one 4-digit BA code")
    malformed = [code for code in codes if not _CODE.fullmatch(code)]
    if malformed:
        raise ConfigError(f"{where}: {quoted(malformed[0])} is not a branch code; write 4 digits, such as 1063")
    repeated = [code for code, count in Counter(codes).items() if count > 1]
    if repeated:
        raise ConfigError(f"{where}: {repeated[0]} stands there {Counter(codes)[repeated[0]]} times; keep one")
