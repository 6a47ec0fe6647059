"""Editions from rows: what each column of a catalogue may hold, and everything that can be wrong with a row.

Rows come in already read from a file, with their columns by English code; `legal`, `mat` and `public` may be nested, as
in YAML, or flat (`legal.n`), as in a spreadsheet. Every fault is named and nothing is made while there is one. Only the
county needs this: village computers get items, not rows.
Never reads a file. Next: `hub.catalogue.preflight`, which reports; `schemas.catalogue` for what comes out.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Final, Literal, cast

import msgspec
from msgspec import Meta, Struct

from schemas.casework.steps import Step
from schemas.catalogue import (
    ITEM_BYTES_MAX,
    ITEM_DIGEST_BYTES,
    ITEMS_MAX,
    MANIFEST_BYTES_MAX,
    CaseType,
    Decider,
    Delegation,
    Edition,
    Fault,
    LegalTerm,
    Materials,
    PublicNotice,
    ServiceItem,
    TermSource,
    TermStart,
    TermUnit,
    read_step,
)
from schemas.catalogue_columns import COLUMNS, GROUPS, TIER_WORDS, Entries, Entry, Row
from schemas.catalogue_materials import Material
from schemas.codec import encode
from schemas.divisions import Tier

LONGEST_HOLIDAY_DAYS: Final = 8
"""National Day with Mid-Autumn: a legal term in calendar days may lose so many of its working days."""

_Days = Annotated[int, Meta(ge=0, le=365)]
_Name = Annotated[str, Meta(min_length=1, max_length=120)]
_Prose = Annotated[str, Meta(max_length=2000)]
_Note = Annotated[str, Meta(max_length=400)]
_Contact = Annotated[str, Meta(max_length=200)]
_Month = Annotated[int, Meta(ge=1, le=12)]
_Power = Literal["00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "20"]


class _ItemRow(Struct, forbid_unknown_fields=True, kw_only=True):
    """One row; `COLUMNS` says what each column means."""

    code: Annotated[str, Meta(pattern=r"\A[A-Z0-9]{2,20}\Z")]
    name: _Name
    en: _Name
    dept: _Name
    listed: _Name | None = None
    case_type: Literal["即办件", "承诺件", "联办件", "上报件"] = msgspec.field(name="type")
    power: _Power
    basis: Annotated[tuple[Entry, ...], Meta(min_length=1, max_length=20)]
    conditions: _Prose = ""
    procedure: _Prose = ""
    legal_days: _Days = msgspec.field(name="legal.n")
    legal_unit: TermUnit = msgspec.field(name="legal.unit")
    legal_start: TermStart = msgspec.field(name="legal.from")
    extension_days: _Days = msgspec.field(name="legal.ext", default=0)
    promise: _Days
    src: TermSource
    required: Entries = msgspec.field(name="mat.must", default=())
    deferrable: Entries = msgspec.field(name="mat.defer", default=())
    verified: Entries = msgspec.field(name="mat.verify", default=())
    pledged: Entries = msgspec.field(name="mat.pledge", default=())
    fee: Annotated[int, Meta(ge=0, le=1_000_000)] | None
    fee_basis: _Note = ""
    accept: Annotated[tuple[Tier, ...], Meta(min_length=1, max_length=3)]
    decide: _Name
    deleg: Delegation
    flow: Entries = ()
    notice_days: _Days = msgspec.field(name="public.days", default=0)
    shows_minors: bool = msgspec.field(name="public.minor", default=True)
    peak: Annotated[tuple[_Month, ...], Meta(max_length=12)] = ()
    contact: _Contact = ""
    complaint: _Contact = ""
    suspended_from: date | None = None
    suspended_until: date | None = None
    suspension_document: Annotated[str, Meta(max_length=120)] = ""
    deems_opinions: bool = False
    note: _Note = ""

    def materials(self) -> tuple[tuple[str, str], ...]:
        """(column, name) of every material."""
        classes = (
            ("mat.must", self.required),
            ("mat.defer", self.deferrable),
            ("mat.verify", self.verified),
            ("mat.pledge", self.pledged),
        )
        return tuple((column, name) for column, names in classes for name in names)


FIELDS: Final = {field.encode_name: field for field in msgspec.structs.fields(_ItemRow)}
"""What msgspec knows of each column."""

NEEDED: Final = frozenset(code for code, field in FIELDS.items() if field.required)
"""Columns without which there is no item."""

_CASE_TYPES: Final = {
    "即办件": CaseType.INSTANT,
    "承诺件": CaseType.PROMISED,
    "联办件": CaseType.JOINT,
    "上报件": CaseType.REPORTED_UPWARD,
}
_CASE_TYPE_WORDS: Final = {case_type: word for word, case_type in _CASE_TYPES.items()}
_DECIDING_TIERS: Final = {
    word: tier for tier in (Tier.TOWNSHIP, Tier.COUNTY) for word in (tier.value, TIER_WORDS[tier.value])
}


class Cover(Struct, frozen=True):
    """What a file says of the edition as a whole."""

    version: str
    effective_from: date
    document: str = ""
    approver: str = ""
    is_sample: bool = False


class Parsed(Struct, frozen=True):
    """What came of the rows: an edition, or every fault; and what looks wrong and need not be."""

    edition: Edition | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()


def parse_edition(cover: Cover, rows: Sequence[Row], materials: Sequence[Material] | None = None) -> Parsed:
    """An edition from rows already read from a file, or every fault found: one bad row must not hide the next.

    `materials`: the county's dictionary; None = it keeps none.
    """
    if not 0 < len(rows) <= ITEMS_MAX:
        zh, en = f"目录应有 1 至 {ITEMS_MAX} 项，现有 {len(rows)} 项", f"a catalogue has 1 to {ITEMS_MAX} items"
        return Parsed(None, (Fault(0, "", "items", zh, en),))
    items: dict[str, ServiceItem] = {}
    faults: list[Fault] = []
    warnings: list[Fault] = []
    codes: set[str] = set()
    names: dict[str, str] = {}
    for number, cells in rows:
        code = code_of(cells)
        if code and code in codes:
            faults.append(Fault(number, code, "code", "事项编码重复", "the code occurs twice"))
        codes.add(code)
        row = _read_row(number, code, cells)
        if isinstance(row, list):
            faults += row
            continue
        item = items[code] = _item(row)
        found = (*_contradictions(row), *_misnamed(row, materials), *_oversized(item))
        faults += [Fault(number, code, *what) for what in found]
        warnings += [Fault(number, code, *what) for what in _doubts(row)]
        other = names.setdefault(row.name, code)
        if other != code:
            zh, en = f"与 {other} 同名，请核对是否重复", f"has the name of {other}: is it the same?"
            warnings.append(Fault(number, code, "name", zh, en))
    if sum(len(code) + ITEM_DIGEST_BYTES + 4 for code in items) > MANIFEST_BYTES_MAX:
        zh, en = (
            "事项过多而编码过长，一版目录发不出去；请缩短编码",
            "too many items for codes so long; shorten the codes",
        )
        faults.append(Fault(0, "", "code", zh, en))
    if faults:
        return Parsed(None, tuple(faults), tuple(warnings))
    ordered = dict(sorted(items.items()))
    edition = Edition(
        cover.version, cover.effective_from, None, cover.is_sample, ordered, cover.document, cover.approver
    )
    return Parsed(edition, (), tuple(warnings))


def code_of(row: Mapping[str, object], column: str = "code") -> str:
    """The code by which a report names a row, as far as it can be read."""
    code = row.get(column)
    return code.strip()[:20] if isinstance(code, str) else ""


def flatten(row: Mapping[str, object]) -> dict[str, object]:
    """A row with its nested columns as `group.column`, and without blanks around texts."""
    flat: dict[str, object] = {}
    for column, value in row.items():
        if column in GROUPS and isinstance(value, Mapping):
            nested = cast("Mapping[object, object]", value)
            flat |= {f"{column}.{inner}": _stripped(cell) for inner, cell in nested.items()}
        elif column in GROUPS:
            flat[next(code for code in COLUMNS if code.startswith(f"{column}."))] = _stripped(value)
        else:
            flat[str(column)] = _stripped(value)
    return flat


def row_of(item: ServiceItem) -> dict[str, object]:
    """The flat row of which `parse_edition` makes this very item."""
    materials = item.materials
    return {
        "code": item.code,
        "name": item.name,
        "en": item.name_en,
        "dept": item.department,
        "listed": item.listed_name,
        "type": _CASE_TYPE_WORDS[item.case_type],
        "power": item.power,
        "basis": item.basis,
        "conditions": item.conditions,
        "procedure": item.procedure,
        "legal.n": item.legal.days,
        "legal.unit": item.legal.unit.value,
        "legal.from": item.legal.start.value,
        "legal.ext": item.legal.extension_days,
        "promise": item.promise_days,
        "src": item.term_source.value,
        "mat.must": materials.required,
        "mat.defer": materials.deferrable,
        "mat.verify": materials.verified,
        "mat.pledge": materials.pledged,
        "fee": item.fee_yuan,
        "fee_basis": item.fee_basis,
        "accept": tuple(tier.value for tier in item.accepting_tiers),
        "decide": " 或 ".join(f"{decider.tier.value}/{decider.organ}" for decider in item.deciders),
        "deleg": item.delegation.value,
        "flow": item.steps,
        "public.days": item.notice.days,
        "public.minor": item.notice.shows_minors,
        "peak": item.peak_months,
        "contact": item.contact,
        "complaint": item.complaint,
        "suspended_from": item.suspended_from,
        "suspended_until": item.suspended_until,
        "suspension_document": item.suspension_document,
        "deems_opinions": item.deems_opinions,
        "note": item.remark,
    }


def _stripped(value: object) -> object:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return [entry.strip() if isinstance(entry, str) else entry for entry in cast("list[object]", value)]
    return value


def _read_row(number: int, code: str, row: Mapping[str, object]) -> _ItemRow | list[Fault]:
    flat = flatten(row)
    if COLUMNS.keys().isdisjoint(flat):
        return [Fault(number, code, "row", "没有内容，或没有一个认得的栏目", "is empty, or has no known column")]
    faults = [
        Fault(number, code, column[:40], "没有这一栏，请核对栏目名称", "there is no such column; check its name")
        for column in flat
        if column not in COLUMNS
    ]
    faults += [
        Fault(
            number,
            code,
            column,
            f"缺少{COLUMNS[column].heading}：{COLUMNS[column].zh}",
            f"missing: {COLUMNS[column].en}",
        )
        for column in COLUMNS
        if column in NEEDED and column not in flat
    ]
    faults += [
        Fault(number, code, column, COLUMNS[column].zh, COLUMNS[column].en)
        for column, value in flat.items()
        if column in COLUMNS and not _fits(column, value)
    ]
    return faults or msgspec.convert(flat, _ItemRow)


def _fits(column: str, value: object) -> bool:
    try:
        read = msgspec.convert(value, FIELDS[column].type)
    except msgspec.ValidationError:
        return False
    return column != "decide" or bool(_parse_deciders(read))


def _parse_deciders(text: str) -> tuple[Decider, ...]:
    """Read "county/民政局" or "township/小额 或 县级/民政局"; () if a part does not read. A village cannot decide."""
    deciders: list[Decider] = []
    for part in text.split("或"):
        tier, _, organ = (word.strip() for word in part.partition("/"))
        if not organ or tier not in _DECIDING_TIERS:
            return ()
        deciders.append(Decider(_DECIDING_TIERS[tier], organ))
    return tuple(deciders)


Found = tuple[str, str, str]
"""Column, and what is wrong in Chinese and English."""


def _contradictions(row: _ItemRow) -> list[Found]:
    """What no catalogue may say, though each column by itself is right."""
    first, last, document = row.suspended_from, row.suspended_until, row.suspension_document
    is_spot = row.legal_unit is TermUnit.ON_THE_SPOT
    rules = (
        (
            is_spot and bool(row.legal_days or row.extension_days),
            ("legal.n", "当场办结的事项，法定时限和可延长都应为 0", "on the spot: the term and its extension are 0"),
        ),
        (
            row.promise > _working_days_at_most(row.legal_days, row.legal_unit),
            ("promise", "承诺时限长于法定时限", "the promised term is longer than the legal one"),
        ),
        (
            bool(row.fee) and not row.fee_basis,
            ("fee_basis", "收费的事项应填写收费依据", "a fee needs what it rests on"),
        ),
        (not row.materials(), ("mat.must", "没有列出材料", "no material is named")),
        (len(set(row.accept)) < len(row.accept), ("accept", "受理层级重复", "a tier occurs twice")),
        (
            set(row.accept) == {Tier.VILLAGE},
            ("accept", "村级只代收，受理层级还应有乡镇或县级", "a village only carries: add township or county"),
        ),
        (len(set(row.peak)) < len(row.peak), ("peak", "月份重复", "a month occurs twice")),
        (
            first is not None and last is not None and last < first,
            ("suspended_until", "暂停截止日早于起始日", "the suspension ends before it begins"),
        ),
        (
            first is None and bool(last or document),
            ("suspended_from", "暂停办理应填写起始日", "a suspension needs its first day"),
        ),
        (
            first is not None and not document,
            ("suspension_document", "暂停办理应填写文号", "a suspension needs its document"),
        ),
    )
    return [found for is_wrong, found in rules if is_wrong]


def _doubts(row: _ItemRow) -> list[Found]:
    """What may be meant as it stands, and mostly is not."""
    has_notice = any(planned.step is Step.PUBLICITY for planned in map(read_step, row.flow) if planned is not None)
    calendar_days = row.legal_days if row.legal_unit is TermUnit.CALENDAR_DAYS else None
    rules = (
        (
            (row.case_type == "即办件") != (row.promise == 0),
            ("promise", "即办件的承诺时限应为 0，其他办件类型应大于 0", "0 for 即办件 and for no other type"),
        ),
        (
            row.deleg is Delegation.YES and Tier.VILLAGE not in row.accept,
            ("deleg", "村级可代办，而受理层级中没有村级", "an agent may stand in, but no village takes it in"),
        ),
        (
            has_notice != (row.notice_days > 0),
            ("public.days", "公示天数与特有环节中有无公示不一致", "days of notice, and no such step; or the reverse"),
        ),
        (
            row.deems_opinions and row.case_type != "联办件",
            ("deems_opinions", "只对联办件有意义", "means something for joint cases only"),
        ),
        (
            calendar_days is not None
            and row.promise > _working_days_at_most(max(0, calendar_days - LONGEST_HOLIDAY_DAYS), row.legal_unit),
            (
                "promise",
                "遇长假时，承诺的工作日可能晚于法定的自然日",
                "over a long holiday this may end after the legal term",
            ),
        ),
    )
    unknown = [
        ("flow", f"环节“{word}”不能识别，按审查处理", f"the step {word} is not known, it counts as a review")
        for word in row.flow
        if read_step(word) is None
    ]
    return [*(found for is_doubtful, found in rules if is_doubtful), *unknown]


def _misnamed(row: _ItemRow, materials: Sequence[Material] | None) -> list[Found]:
    """Materials listed twice, and those that the dictionary calls otherwise or does not know."""
    counts = Counter(name for _, name in row.materials())
    columns = {name: column for column, name in row.materials()}
    found = [
        (columns[name], f"材料“{name}”列了不止一次，只能属于一类", f"{name} is listed more than once")
        for name, count in counts.items()
        if count > 1
    ]
    if materials is None:
        return found
    names = {material.name for material in materials}
    proper = {alias: material.name for material in materials for alias in material.aliases}
    for name in counts:
        if name in proper:
            zh, en = f"“{name}”在材料字典中称“{proper[name]}”", f"the dictionary calls {name} {proper[name]}"
            found.append((columns[name], f"{zh}，请改用该名称", en))
        elif name not in names:
            found.append((columns[name], f"材料字典中没有“{name}”", f"{name} is not in the dictionary of materials"))
    return found


def _oversized(item: ServiceItem) -> list[Found]:
    """An item that no entry could carry: it would import and never reach a village."""
    if len(encode(item)) <= ITEM_BYTES_MAX:
        return []
    return [("row", "全部文字过长，一条记录放不下；请精简", "its texts are too long for one entry; shorten them")]


def _working_days_at_most(days: int, unit: TermUnit) -> int:
    """How many working days a legal term has in the ordinary weeks that suit it best."""
    if unit is TermUnit.CALENDAR_DAYS:
        weeks, rest = divmod(days, 7)
        return 5 * weeks + min(5, rest)
    return days if unit is TermUnit.WORKING_DAYS else 0


def _item(row: _ItemRow) -> ServiceItem:
    return ServiceItem(
        code=row.code,
        name=row.name,
        name_en=row.en,
        department=row.dept,
        case_type=_CASE_TYPES[row.case_type],
        power=row.power,
        basis=row.basis,
        legal=LegalTerm(row.legal_days, row.legal_unit, row.legal_start, row.extension_days),
        promise_days=row.promise,
        term_source=row.src,
        materials=Materials(row.required, row.deferrable, row.verified, row.pledged),
        fee_yuan=row.fee,
        accepting_tiers=row.accept,
        deciders=_parse_deciders(row.decide),
        delegation=row.deleg,
        steps=row.flow,
        notice=PublicNotice(row.notice_days, row.shows_minors),
        peak_months=row.peak,
        listed_name=row.listed,
        remark=row.note,
        conditions=row.conditions,
        procedure=row.procedure,
        fee_basis=row.fee_basis,
        contact=row.contact,
        complaint=row.complaint,
        suspended_from=row.suspended_from,
        suspended_until=row.suspended_until,
        suspension_document=row.suspension_document,
        deems_opinions=row.deems_opinions,
    )
