"""Reads a catalogue (YAML), judges it and a table of divisions, and reports every fault before anything is imported.

A catalogue file holds `version` and `items`; each item has the columns
  code; name, en; dept (responsible department); listed (name in the published list, or null); type (即办件 | 承诺件 |
  联办件 | 上报件); power (GB/T 39046 A.1); basis (list); legal {n, unit: wd | cd | spot, from: accepted | received |
  reply, ext}; promise (working days); src: law | sample | illus; mat {must, defer, verify, pledge} (lists); fee (yuan
  or null); accept (list of tiers); decide (tier/organ, several joined by 或); deleg: yes | collect | no; flow (list);
  public (days, or {days, minor}); peak (months); note.
Never changes anything: what to do with an edition is the caller's. Rules of content are in `schemas.catalogue`.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final, cast

import yaml
from msgspec import Struct, structs

from office.enrolling import FIRST_ROW
from office.texts import has_unseen
from schemas.catalogue import ITEM_FIELDS, Edition, Fault, parse_items
from schemas.divisions import Division, DivisionTree, InvalidDivision, parse_row, tree_faults
from schemas.names import OfficeId
from schemas.refusals import Refused

FILE_BYTES_MAX: Final = 8 * 1024 * 1024
"""686 items, the largest catalogue known, are about 450 KiB."""


class ImportRefused(Refused):
    """A file that cannot be read at all."""


class Preflight(Struct, frozen=True):
    """The report before an import: either an edition that may be published, or everything that is wrong."""

    source: str
    """File name, without its folder."""
    edition: Edition | None
    faults: tuple[Fault, ...]
    mended: tuple[Fault, ...] = ()
    """What was put right on reading and should be put right in the file."""

    def text(self, language: str = "zh") -> str:
        """The report as an operator reads it, one line a fault."""
        if self.edition is None:
            return _report(self.source, *_refused(self.faults), (*self.faults, *self.mended), language)
        count, version = len(self.edition.items), self.edition.version
        zh, en = f"共 {count} 项，版本 {version}，没有问题。", f"{count} items, edition {version}, no fault."
        return _report(self.source, zh, en, self.mended, language)


class DivisionsPreflight(Struct, frozen=True):
    """The report before a table of divisions is imported: a tree that may be kept, or everything that is wrong."""

    source: str
    """File name, without its folder."""
    tree: DivisionTree | None
    faults: tuple[Fault, ...] = ()

    def text(self, language: str = "zh") -> str:
        """The report as an operator reads it, one line a fault."""
        if self.tree is None:
            return _report(self.source, *_refused(self.faults), self.faults, language)
        count, name = len(self.tree), self.tree.county.name
        return _report(
            self.source, f"{name}，共 {count} 个区划，没有问题。", f"{name}, {count} divisions, no fault.", (), language
        )


def _refused(faults: Sequence[Fault]) -> tuple[str, str]:
    return f"有 {len(faults)} 处问题，未导入任何内容。", f"{len(faults)} faults, nothing imported."


def _report(source: str, zh: str, en: str, faults: Sequence[Fault], language: str) -> str:
    is_english = language.startswith("en")
    head = f"{source}: {en}" if is_english else f"{source}:{zh}"
    return "\n".join([head, *(_fault_line(fault, is_english=is_english) for fault in faults)])


def read_catalogue(path: Path, effective_from: date, *, is_sample: bool = False) -> Preflight:
    """Read a catalogue file. Faults of content are in the report; raises `ImportRefused` if the file cannot be read."""
    text = _read_text(path)
    try:
        document: object = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ImportRefused(
            "catalogue_not_yaml",
            f"{path.name} 不是有效的 YAML 文件；请检查缩进、引号和冒号后重试。",
            f"{path.name} is not valid YAML; check indentation, quotes and colons and try again.",
        ) from error
    version, rows = _rows(document)
    if not version or rows is None:
        fault = Fault(0, "", "version, items", "文件应有 version 和 items 两栏", "the file needs version and items")
        return Preflight(path.name, None, (fault,))
    mended = tuple(fault for number, row in enumerate(rows, start=1) for fault in _mend(number, row))
    parsed = parse_items(version, effective_from, rows, is_sample=is_sample)
    if not isinstance(parsed, Edition):
        return Preflight(path.name, None, tuple(sorted(parsed)), mended)
    faults = _unseen_in(parsed)
    return Preflight(path.name, None if faults else parsed, faults, mended)


def _unseen_in(edition: Edition) -> tuple[Fault, ...]:
    """Line ends, tabs and unseen characters in what filings repeat word for word: the desk would refuse every one."""
    said = [("", edition.version)]
    for item in edition.items.values():
        said += [(item.code, name) for names in structs.astuple(item.materials) for name in names]
    zh = "版本或材料名称含有换行、制表符或看不见的字符"
    en = "the version or a material's name holds a line end, a tab or an unseen character"
    codes = dict.fromkeys(code for code, text in said if has_unseen(text, is_prose=False))
    return tuple(Fault(0, code, "version, mat", zh, en) for code in codes)


def check_divisions(source: str, rows: Sequence[Mapping[str, str]], county: OfficeId) -> DivisionsPreflight:
    """Judge a county's table of divisions (columns code, name, level, parent): every row, then the tree they make.

    Raises nothing: every fault is in the report. `source`: the file's name; `county`: whose table it must be. Rows are
    counted as a spreadsheet does: the headings are the first, and an empty one is passed over.
    """
    divisions: list[Division] = []
    faults: list[Fault] = []
    for number, row in enumerate(rows, start=FIRST_ROW):
        if not any(row.values()):
            continue
        try:
            divisions.append(parse_row(number, row))
        except InvalidDivision as refusal:
            faults.append(Fault(number, (row.get("code") or "")[:20], "", refusal.zh, refusal.en))
    # Without the rows that are wrong others only seem to be orphans.
    faults = faults or [Fault(0, "", "", refusal.zh, refusal.en) for refusal in tree_faults(divisions)]
    if faults:
        return DivisionsPreflight(source, None, tuple(faults))
    tree = DivisionTree(divisions)
    if tree.county.code != county:
        zh = f"区划表属于 {tree.county.code}，本县为 {county}；请改用本县的区划表"
        en = f"the table is that of {tree.county.code}, this county is {county}; take this county's"
        return DivisionsPreflight(source, None, (Fault(0, tree.county.code, "code", zh, en),))
    return DivisionsPreflight(source, tree)


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ImportRefused(
                "file_too_large",
                f"{path.name} 超过 {FILE_BYTES_MAX // 1024 // 1024} MiB；请按县分开导入。",
                f"{path.name} is larger than {FILE_BYTES_MAX // 1024 // 1024} MiB; import one county at a time.",
            )
        # Spreadsheet programs put a byte order mark in front.
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path) from error
    for number, line in enumerate(text.split("\n"), start=1):
        if has_unseen(line.rstrip("\r").replace("\t", " "), is_prose=False):
            raise ImportRefused(
                "unseen_character",
                f"{path.name} 第 {number} 行含有看不见的字符；请重新输入该行后重试。",
                f"{path.name}, line {number}, holds a character that cannot be seen; type the line anew.",
            )
    return text


def _unreadable(path: Path) -> ImportRefused:
    return ImportRefused(
        "file_unreadable",
        f"{path.name} 无法读取；请确认文件存在并以 UTF-8 编码保存。",
        f"{path.name} cannot be read; make sure that it exists and is saved as UTF-8.",
    )


def _mend(number: int, row: dict[str, object]) -> list[Fault]:
    """Join a text that YAML cut at an unquoted comma, and say so.

    Inside braces a comma ends a value, and what follows becomes a column of its own without a value. Nothing else looks
    like that, so the text can be put together again without guessing.
    """
    mended: list[Fault] = []
    before = ""
    for column in list(row):
        text = row.get(before)
        if column in ITEM_FIELDS or row[column] is not None or not isinstance(text, str):
            before = column
            continue
        row[before] = f"{text},{column}"
        del row[column]
        zh, en = (
            "文字在逗号处被截断，已接回；请在文件中加引号",
            "the text was cut at a comma and joined again; quote it in the file",
        )
        mended.append(Fault(number, str(row.get("code", ""))[:20], before, zh, en))
    return mended


def _rows(document: object) -> tuple[str, list[dict[str, object]] | None]:
    """Version and rows of a document, as far as it has them."""
    if not isinstance(document, dict):
        return "", None
    fields = cast("dict[object, object]", document)
    items = fields.get("items")
    if not isinstance(items, list):
        return "", None
    rows = [cast("dict[str, object]", row if isinstance(row, dict) else {}) for row in cast("list[object]", items)]
    return str(fields.get("version") or ""), rows


def _fault_line(fault: Fault, *, is_english: bool) -> str:
    row = (f"row {fault.row}" if is_english else f"第 {fault.row} 行") if fault.row else ""
    place = " · ".join(part for part in (f"{row} {fault.item}".strip(), fault.field) if part)
    if is_english:
        return f"  {place}: {fault.en}" if place else f"  {fault.en}"
    return f"  {place}：{fault.zh}" if place else f"  {fault.zh}"
