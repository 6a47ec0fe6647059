"""Reads a catalogue (YAML or XLSX), judges it and a table of divisions, and reports every fault before an import.

A YAML file holds `version` and `items`, perhaps `effective_from`, `document`, `approver`, `sample`, and `materials`,
the county's dictionary (id, name, aliases). Each item has the columns of `schemas.catalogue_columns`, of which these
may be nested: legal {n, unit, from, ext}, mat {must, defer, verify, pledge}, public {days, minor}. A workbook has the
same columns, flat and with Chinese headings (`hub.catalogue.workbook`).
Never changes anything: what to do with an edition is the caller's. Next: `hub.catalogue.preflight`.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, cast

import yaml
from msgspec import Struct

from hub.catalogue.preflight import COVER, Draft, Preflight, judge, refused, report
from office.enrolling import FIRST_ROW
from office.texts import has_unseen
from schemas.catalogue import Fault
from schemas.catalogue_columns import COLUMNS, GROUPS, LISTS
from schemas.catalogue_rows import code_of
from schemas.divisions import Division, DivisionTree, InvalidDivision, parse_row, tree_faults
from schemas.names import OfficeId
from schemas.refusals import Refused

FILE_BYTES_MAX: Final = 8 * 1024 * 1024
"""686 items, the largest catalogue known, are about 450 KiB."""


_TOP: Final = {*COLUMNS, *GROUPS}


class ImportRefused(Refused):
    """A file that cannot be read at all."""


class DivisionsPreflight(Struct, frozen=True):
    """The report before a table of divisions is imported: a tree that may be kept, or everything that is wrong."""

    source: str
    """File name, without its folder."""
    tree: DivisionTree | None
    faults: tuple[Fault, ...] = ()

    def text(self, language: str = "zh") -> str:
        """The report as an operator reads it, one line a fault."""
        if self.tree is None:
            return report(self.source, *refused(self.faults), self.faults, language)
        count, name = len(self.tree), self.tree.county.name
        return report(
            self.source, f"{name}，共 {count} 个区划，没有问题。", f"{name}, {count} divisions, no fault.", (), language
        )


def read_any(path: Path, first: date | None = None, *, otherwise: date | None = None) -> Preflight:
    """Read and judge a catalogue, workbook or text by the file's name.

    `first`: the day from which it shall be in force, whatever the file says; `otherwise`: the day if the file says
    none. Faults of content are in the report; raises `Refused` if the file cannot be read.
    """
    return judge(read_draft(path), first, otherwise=otherwise)


def read_draft(path: Path) -> Draft:
    """A catalogue as the file has it. Raises `Refused` if it cannot be read."""
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return read_yaml(path)
    if suffix != ".xlsx":
        raise ImportRefused(
            "catalogue_kind",
            f"{path.name} 不是 XLSX 或 YAML 文件；表格请用“另存为”存成 XLSX（空白表可用 catalogue template 生成），"
            "未导入任何内容。",
            f"{path.name} is neither XLSX nor YAML; save a table as XLSX (catalogue template makes an empty one). "
            "Nothing was imported.",
        )
    from hub.catalogue.workbook import read_workbook

    return read_workbook(path)


class _Loader(yaml.SafeLoader):
    """Days stay texts, so that one that does not exist is a fault of its row; a column may be given once."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """What a plain word is, days left aside."""
        tag = str(super().resolve(kind, value, implicit))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        return "tag:yaml.org,2002:str" if tag == "tag:yaml.org,2002:timestamp" else tag

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse a column that occurs twice: of two values one would be lost without a word."""
        names = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        name, count = next(iter(names.most_common(1)), ("", 0))
        if count > 1:
            raise yaml.constructor.ConstructorError(None, None, f"{name} occurs twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> Draft:
    """A catalogue in YAML. Raises `ImportRefused` if it cannot be read."""
    loader = _Loader(_read_text(path))
    try:
        root = loader.get_single_node()
        document = loader.construct_document(root) if root is not None else None  # pyright: ignore[reportUnknownMemberType]
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if isinstance(mark, yaml.Mark) else 1
        raise ImportRefused(
            "catalogue_not_yaml",
            f"{path.name} 不是有效的 YAML 文件（第 {line} 行附近）；请检查缩进、引号、冒号和重复的栏目后重试。",
            f"{path.name} is not valid YAML, near line {line}; check indentation, quotes, colons and columns that "
            "occur twice, and try again.",
        ) from error
    finally:
        loader.dispose()
    fields = cast("dict[object, object]", document) if isinstance(document, dict) else {}
    items = numbered_rows(fields, "items", root)
    if "version" not in fields or items is None:
        fault = Fault(0, "", "version, items", "文件应有 version 和 items 两栏", "the file needs version and items")
        return Draft(path.name, faults=(fault,))
    cover = {name: fields[name] for name in COVER if name in fields}
    mended = tuple(fault for number, row in items for fault in _mend(number, row))
    return Draft(path.name, cover, items, numbered_rows(fields, "materials", root) or (), warnings=mended)


def numbered_rows(
    fields: Mapping[object, object], name: str, root: yaml.Node | None
) -> list[tuple[int, dict[str, object]]] | None:
    """The rows of one list with the lines on which they begin; None if there is no such list."""
    rows = fields.get(name)
    if not isinstance(rows, list) or root is None:
        return None
    nodes = next(value for key, value in root.value if key.value == name).value
    return [
        (node.start_mark.line + 1, cast("dict[str, object]", row if isinstance(row, dict) else {}))
        for node, row in zip(nodes, cast("list[object]", rows), strict=True)
    ]


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
    """Join texts that YAML cut at an unquoted comma, and say so.

    Inside braces a comma ends a value, and what follows becomes a column of its own without a value; in a list it
    leaves an entry with a bracket that does not close. Nothing else looks like that, so the text can be put together
    again without guessing.
    """
    mended: list[str] = []
    before = ""
    for column in list(row):
        text = row.get(before)
        if column in _TOP or row[column] is not None or not isinstance(text, str):
            before = column
            continue
        row[before] = f"{text},{column}"
        del row[column]
        mended.append(before)
    for column in sorted(LISTS & row.keys()):
        entries = row[column]
        if isinstance(entries, list) and (whole := _joined(cast("list[object]", entries))) != entries:
            row[column] = whole
            mended.append(column)
    zh = "文字在逗号处被截断，已接回；请在文件中加引号"
    en = "the text was cut at a comma and joined again; quote it in the file"
    return [Fault(number, code_of(row), column, zh, en) for column in mended]


def _joined(entries: list[object]) -> list[object]:
    """A list in which an entry with an open bracket has what follows, up to where the bracket closes."""
    whole: list[object] = []
    for entry in entries:
        last = whole[-1] if whole else None
        if isinstance(last, str) and isinstance(entry, str) and last.count("(") > last.count(")"):
            whole[-1] = f"{last},{entry}"
        else:
            whole.append(entry)
    return whole
