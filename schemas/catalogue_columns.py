"""The columns of a catalogue: what each is called, what it must hold, and the words of its choices.

One table for everything that speaks of columns: the judge of rows (`schemas.catalogue_rows`), the county's workbook
(`hub.catalogue.workbook`) and the comparison of editions (`schemas.catalogue_compare`). Never judges a row.
"""

from collections.abc import Mapping
from typing import Annotated, Final, cast

from msgspec import Meta, Struct

from schemas.divisions import Tier

LIST_SEPARATORS: Final = ("\n", "；", ";")
"""What parts the entries of a list in one cell; no entry may hold one, in whatever file it comes."""

Entry = Annotated[str, Meta(min_length=1, max_length=120, pattern=r"\A[^;；\n]+\Z")]
"""One entry of a list."""

Entries = Annotated[tuple[Entry, ...], Meta(max_length=60)]

Row = tuple[int, Mapping[str, object]]
"""A row's number, as the reader of the file counts, and its columns."""


class Column(Struct, frozen=True):
    """One column of a catalogue."""

    heading: str
    """What a spreadsheet calls it."""
    zh: str
    """What it must hold; said of a cell that does not, and in the template."""
    en: str
    words: Mapping[str, str] = {}
    """Where there is a choice: code → Chinese word."""


TIER_WORDS: Final = {Tier.VILLAGE.value: "村级", Tier.TOWNSHIP.value: "乡镇", Tier.COUNTY.value: "县级"}
"""Code → Chinese word."""

_SWITCH: Final = {"true": "是", "false": "否"}
LIST_ZH: Final = "多项用分号或换行隔开，每项不超过 120 字，项内不能有分号"
LIST_EN: Final = "a list; each entry at most 120 characters, without a semicolon"
_DAY_ZH: Final = "应为真实存在的日期，如 2026-03-01"
_DAY_EN: Final = "a day that exists, such as 2026-03-01"

COLUMNS: Final[Mapping[str, Column]] = {
    "code": Column("事项编码", "应为 2 至 20 位大写字母或数字，每项唯一", "2 to 20 capital letters or digits"),
    "name": Column("事项名称", "应为 1 至 120 字", "1 to 120 characters"),
    "en": Column("英文名称", "应为 1 至 120 个字符", "1 to 120 characters"),
    "dept": Column("实施部门", "应为 1 至 120 字", "1 to 120 characters"),
    "listed": Column(
        "清单名称", "公开清单中的名称，没有则留空；不超过 120 字", "the name in the published list, or none"
    ),
    "type": Column(
        "办件类型",
        "应为即办件、承诺件、联办件或上报件",
        "即办件 / 承诺件 / 联办件 / 上报件",
        {word: word for word in ("即办件", "承诺件", "联办件", "上报件")},
    ),
    "power": Column(
        "事项类型",
        "应为 GB/T 39046 的两位代码，如 01 行政许可、05 行政给付、20 公共服务；在 YAML 中须加引号",
        'the two digits of GB/T 39046, such as "01" (quoted in YAML)',
        {
            "00": "行政权力",
            "01": "行政许可",
            "02": "行政处罚",
            "03": "行政强制",
            "04": "行政征收",
            "05": "行政给付",
            "06": "行政检查",
            "07": "行政确认",
            "08": "行政奖励",
            "09": "行政裁决",
            "10": "其他行政权力",
            "20": "公共服务",
        },
    ),
    "basis": Column("法律依据", f"至少一项，至多 20 项；{LIST_ZH}", f"1 to 20 entries: {LIST_EN}"),
    "conditions": Column("申请条件", "哪些人可以申请；不超过 2000 字", "who may apply; at most 2,000 characters"),
    "procedure": Column(
        "办理程序", "向公众说明的办理过程；不超过 2000 字", "told to the public; at most 2,000 characters"
    ),
    "legal.n": Column(
        "法定时限", "应为 0 至 365 的整数；当场办结填 0", "a whole number from 0 to 365; 0 = on the spot"
    ),
    "legal.unit": Column(
        "法定时限单位",
        "应为工作日（wd）、自然日（cd）或当场（spot）",
        "wd (working days), cd (calendar days) or spot",
        {"wd": "工作日", "cd": "自然日", "spot": "当场"},
    ),
    "legal.from": Column(
        "法定时限起算",
        "应为受理（accepted）、收到申请（received）或收到核实反馈（reply）",
        "accepted, received or reply",
        {"accepted": "受理", "received": "收到申请", "reply": "收到核实反馈"},
    ),
    "legal.ext": Column(
        "可延长", "与法定时限同单位，应为 0 至 365 的整数；不可延长填 0", "a whole number from 0 to 365"
    ),
    "promise": Column(
        "承诺时限", "以工作日计，应为 0 至 365 的整数；当场办结填 0", "working days, 0 to 365; 0 = on the spot"
    ),
    "src": Column(
        "时限来源",
        "应为条文已核（law）、公开样例（sample）或示意值（illus）",
        "law, sample or illus",
        {"law": "条文已核", "sample": "公开样例", "illus": "示意值"},
    ),
    "mat.must": Column("必要材料", LIST_ZH, LIST_EN),
    "mat.defer": Column("可容缺材料", LIST_ZH, LIST_EN),
    "mat.verify": Column("数据核验材料", LIST_ZH, LIST_EN),
    "mat.pledge": Column("告知承诺材料", LIST_ZH, LIST_EN),
    "fee": Column(
        "收费标准",
        "以元计，应为 0 至 1000000 的整数；不收费填 0，依省级规定填“依规定”（YAML 中为 null）",
        "yuan, a whole number from 0 to 1,000,000; null = by provincial rule",
        {"null": "依规定"},
    ),
    "fee_basis": Column("收费依据", "收费的应填写；不超过 400 字", "needed for a fee; at most 400 characters"),
    "accept": Column(
        "受理层级",
        "应为村级（village）、乡镇（township）、县级（county）中的一个或几个，不重复",
        "village, township, county: one or several, none twice",
        TIER_WORDS,
    ),
    "decide": Column(
        "决定机关",
        "应写作“层级/单位”，层级为乡镇（township）或县级（county），如 县级/民政局；几个机关用“或”连接；村级不能决定",
        "tier/organ, such as county/民政局 (township or county, a village cannot decide); join several by 或",
    ),
    "deleg": Column(
        "代办方式",
        "应为可代办（yes）、只代收代送（collect）或须本人到场（no）；在 YAML 中 yes 和 no 须加引号",
        '"yes", collect or "no" (quoted in YAML)',
        {"yes": "可代办", "collect": "只代收代送", "no": "须本人到场"},
    ),
    "flow": Column(
        "特有环节",
        f"除受理、审查、决定、送达、归档外的环节，按先后；{LIST_ZH}",
        f"steps besides acceptance, review, decision, issue and archive, in their order: {LIST_EN}",
    ),
    "public.days": Column("公示天数", "应为 0 至 365 的整数；不公示填 0", "a whole number from 0 to 365"),
    "public.minor": Column("公示未成年人", "应为是或否（true、false）", "true or false", _SWITCH),
    "peak": Column("高峰月份", "应为 1 至 12 的月份，不重复，用顿号隔开", "months from 1 to 12, none twice"),
    "contact": Column("咨询方式", "电话、地点和时间；不超过 200 字", "telephone, place, hours; at most 200 characters"),
    "complaint": Column("投诉方式", "不超过 200 字", "at most 200 characters"),
    "suspended_from": Column("暂停起始日", f"自该日起不收新件；{_DAY_ZH}", _DAY_EN),
    "suspended_until": Column("暂停截止日", f"暂停的最后一日；{_DAY_ZH}", _DAY_EN),
    "suspension_document": Column("暂停文号", "暂停办理的文件号；不超过 120 字", "at most 120 characters"),
    "deems_opinions": Column(
        "逾期视为同意",
        "联办件中部门逾期未答复是否视为同意，应为是或否（true、false）",
        "true or false: a late opinion in a joint case counts as agreement",
        _SWITCH,
    ),
    "note": Column("备注", "不超过 400 字", "at most 400 characters"),
}
"""By English code, in the order of a spreadsheet."""

GROUPS: Final = ("legal", "mat", "public")
"""Columns that a file may nest. A bare value stands for the first of the group."""

PROSE: Final = frozenset({"conditions", "procedure", "fee_basis", "contact", "complaint", "note"})
"""Columns that hold free text: it may have lines."""

LISTS: Final = frozenset({"basis", "flow", "accept", "peak", "mat.must", "mat.defer", "mat.verify", "mat.pledge"})
"""Columns that hold several entries."""


def show_value(column: str, value: object, language: str = "zh") -> str:
    """What a column holds, as a person reads it."""
    is_english = language.startswith("en")
    words: Mapping[str, str] = {} if is_english else COLUMNS[column].words
    if isinstance(value, tuple):
        separator = "; " if is_english else "；"
        return separator.join(words.get(str(entry), str(entry)) for entry in cast("tuple[object, ...]", value))
    if value is None:
        return words.get("null", "")
    code = str(value).lower() if isinstance(value, bool) else str(value)
    return words.get(code, code)
