"""The sample edition: the source file, completed with what it does not say, so that it can be published as a sample.

The source names no procedure, no conditions and no basis of fees. A procedure is derived from the steps, conditions
point to the legal basis, and both say that they are a sample's; the two fees are looked up in the law. Half-width
punctuation between Chinese characters becomes full-width. Nothing else is changed. Next: `deploy.seed_import`.
"""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final, cast

from msgspec import structs

from hub.catalogue.importing import read_yaml
from hub.catalogue.preflight import Preflight, judge
from schemas.catalogue import Edition, ServiceItem, planned_steps
from schemas.catalogue_columns import Row

FIRST_DAY: Final = date(2026, 1, 1)
"""The sample edition names no day; it is in force for every day of the sample."""

FEE_BASES: Final = {
    "GA03": "居民身份证法第20条；发改价格〔2003〕2322号（换领每证 20 元）",
    "NY03": "按省级规定执行（样例，未核）",
}

_CHINESE: Final = re.compile("[\u3400-\u9fff]")
_FULL_WIDTH: Final = str.maketrans(",;:?!()", "，；：？！（）")


def read_sample(path: Path) -> Preflight:
    """The report on the source file, with the completed edition in it."""
    draft = read_yaml(path)
    rows = [_completed(row) for row in draft.rows]
    report = judge(structs.replace(draft, cover={**draft.cover, "sample": True}, rows=rows), FIRST_DAY)
    return report if report.edition is None else structs.replace(report, edition=_disclosed(report.edition))


def _completed(row: Row) -> Row:
    number, cells = row
    basis = FEE_BASES.get(str(cells.get("code")))
    return number, dict(_full_width(cells)) | ({"fee_basis": basis} if basis else {})


def _full_width(cells: object) -> Iterator[tuple[str, object]]:
    for name, value in cast("dict[str, object]", cells).items():
        if isinstance(value, dict):
            yield name, dict(_full_width(cast("dict[str, object]", value)))
        elif isinstance(value, list):
            yield name, [_in_full_width(entry) for entry in cast("list[object]", value)]
        else:
            yield name, _in_full_width(value)


def _in_full_width(value: object) -> object:
    return value.translate(_FULL_WIDTH) if isinstance(value, str) and _CHINESE.search(value) else value


def _disclosed(edition: Edition) -> Edition:
    items = {code: structs.replace(item, **_texts(item)) for code, item in edition.items.items()}
    return structs.replace(edition, items=items)


def _texts(item: ServiceItem) -> dict[str, str]:
    basis = [text.replace("[核]", "") for text in item.basis]
    steps = "、".join(planned.name for planned in planned_steps(item))
    return {
        "procedure": f"提交材料后依次办理：{steps}（样例，按目录所列环节排列）。",
        "conditions": f"符合以下依据规定的条件：{'；'.join(basis)}（样例，条件未逐条列出，由主管部门核定）。",
    }
