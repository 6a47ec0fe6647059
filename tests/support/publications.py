"""Editions and statements of the register for tests: what a small county would publish."""

from datetime import date
from typing import Final

from msgspec import structs

from office.publishing import PublishEdition
from office.seeds import load_catalogue
from schemas.catalogue import Edition, ServiceItem
from schemas.names import OfficeId, OfficerId
from schemas.openings import OpeningRule, RuleKind
from schemas.register import Answer as EnquiryAnswer
from schemas.register import EnquiryRecorded, OpeningPublished
from tests.support.counties import COUNTY, Office, leader, op, run

FIRST_DAY: Final = date(2026, 3, 1)
WANG: Final = leader().officer
ZHAO: Final = OfficerId(f"{COUNTY}/zhao")


def item(code: str = "RS01", **changes: object) -> ServiceItem:
    """An item of the sample with everything disclosed, changed in some fields."""
    complete: dict[str, object] = {
        "conditions": "本县户籍居民",
        "procedure": "受理、审核、办结",
        "fee_basis": "不收费",
    }
    return structs.replace(load_catalogue().items[code], **(complete | changes))


def edition(version: str = "2026.1", *items: ServiceItem, first: date = FIRST_DAY) -> Edition:
    """An edition of these items; of RS01 and MZ03 when none is given."""
    held = {one.code: one for one in items or (item(), item("MZ03"))}
    return Edition(version, first, None, False, dict(sorted(held.items())), "苍府办〔2026〕1号", WANG)


def publish_edition(county: Office, operation: int, wanted: Edition) -> int:
    """Publish an edition at the county."""
    return run(county.publishing.publish(PublishEdition(op(operation), WANG, wanted)))


def opening(
    office: OfficeId, site: OfficeId, operation: int, *weekdays: int, first: date = FIRST_DAY
) -> OpeningPublished:
    """A site opens on these weekdays."""
    rules = (OpeningRule(RuleKind.WEEKDAYS, weekdays),)
    return OpeningPublished(op(operation), office, OfficerId(f"{office}/li"), site, FIRST_DAY, rules)


def enquiry(office: OfficeId, operation: int, item: str = "RS01") -> EnquiryRecorded:
    """Somebody asked."""
    return EnquiryRecorded(op(operation), office, OfficerId(f"{office}/li"), item, EnquiryAnswer.ANSWERED)
