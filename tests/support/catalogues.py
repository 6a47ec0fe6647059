"""One good row of a catalogue, for tests to change."""

from datetime import date

from schemas.catalogue import Edition
from schemas.catalogue_rows import Cover, Parsed, parse_edition

DAY = date(2026, 1, 1)
COVER = Cover("v1", DAY)

ROW: dict[str, object] = {
    "code": "RS01",
    "name": "城乡居民基本养老保险参保登记",
    "en": "Resident basic pension enrolment",
    "dept": "县人社局",
    "listed": None,
    "type": "即办件",
    "power": "20",
    "basis": ["社会保险法第20、22条"],
    "legal": {"n": 10, "unit": "wd", "from": "received"},
    "promise": 0,
    "src": "law",
    "mat": {"must": ["居民身份证"], "defer": ["社会保障卡复印件"]},
    "fee": 0,
    "accept": ["village", "township", "county"],
    "decide": "county/城乡居保经办机构",
    "deleg": "yes",
    "flow": [],
    "peak": [1, 2],
}


def parsed(*rows: dict[str, object]) -> Parsed:
    """What comes of these rows, numbered from 1."""
    return parse_edition(COVER, list(enumerate(rows, start=1)))


def edition_of(*rows: dict[str, object]) -> Edition:
    """The edition of rows that have no fault."""
    edition = parsed(*rows).edition
    assert edition is not None
    return edition
