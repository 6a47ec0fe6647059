"""The verdict at the doorstep: is everything there that the item asks for, and what may be said of each material.

Three answers: complete; complete with promises, each with its day (容缺受理); or gaps, all at once (一次性告知).
A village is told and may file all the same: the township judges. What is *impossible* is refused at the pen: a material
of another class than the catalogue gives it, a promise without a day or beyond the handling time, a paper that is
reused without consent or after its term.
The promised day lies within the promised handling time. An on-the-spot item has none; its legal term takes its place.
Never asks what day it is. Next: `office.doorstep`, `office.intake`.
"""

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Final

from schemas.calendar import WorkCalendar
from schemas.casework.values import Consent, Material, MaterialStatus
from schemas.catalogue import Materials, ServiceItem, TermUnit
from schemas.refusals import Refused

REUSE_DAYS: Final = 90
"""How long a paper that was handed in stands for a new case: a quarter, where the item does not say otherwise."""


class MaterialRefused(Refused):
    """Something is said of a material that cannot be; nothing was written."""


def gaps_in(item: ServiceItem, materials: Sequence[Material]) -> tuple[str, ...]:
    """What the item asks for and is neither there nor promised. What is checked against data need not be brought."""
    stated = {material.name for material in materials}
    listed = item.materials
    return tuple(name for name in (*listed.required, *listed.deferrable, *listed.pledged) if name not in stated)


def statuses_of(listed: Materials, name: str) -> tuple[MaterialStatus, ...]:
    """What may be said of a material beside that it is missing, by its class in the catalogue."""
    usual = (MaterialStatus.PROVIDED, MaterialStatus.REUSED)
    for names, status in (
        (listed.deferrable, MaterialStatus.DEFERRED),
        (listed.verified, MaterialStatus.VERIFIED),
        (listed.pledged, MaterialStatus.PLEDGED),
    ):
        if name in names:
            return (*usual, status)
    return usual


def last_promise_day(item: ServiceItem, today: date, calendar: WorkCalendar) -> date:
    """Until when a material that is missing today may be promised."""
    if not item.is_on_the_spot:
        return calendar.add_working_days(today, item.promise_days).day
    if item.legal.unit is TermUnit.CALENDAR_DAYS:
        return calendar.add_calendar_days(today, item.legal.days).day
    return calendar.add_working_days(today, item.legal.days).day


def reusable_until(handed_in: date) -> date:
    """The last day on which a paper that was handed in on that day may be reused."""
    return handed_in + timedelta(days=REUSE_DAYS)


def check_materials(
    item: ServiceItem,
    materials: Sequence[Material],
    consents: Collection[Consent],
    today: date,
    calendar: WorkCalendar,
) -> None:
    """Raise `MaterialRefused` for what cannot be said of a material."""
    names = [material.name for material in materials]
    if len(set(names)) < len(names):
        raise MaterialRefused(
            "material_twice",
            "同一项材料填写了两次，没有登记；请每项材料只保留一条后重试。",
            "A material is named twice; nothing was filed. Name each once and try again.",
        )
    for material in materials:
        if material.status not in statuses_of(item.materials, material.name):
            raise MaterialRefused(
                "material_not_of_that_class",
                f"目录不允许“{material.name}”按此方式办理，没有登记；请收取原件，或按缺件处理。",
                f"The catalogue does not let «{material.name}» be dealt with in that way; nothing was filed. Take the "
                "paper in, or leave it as missing.",
            )
        if material.status is MaterialStatus.DEFERRED:
            _check_promise(item, material, today, calendar)
        if material.status is MaterialStatus.REUSED:
            _check_reuse(material, consents, today)


def _check_promise(item: ServiceItem, material: Material, today: date, calendar: WorkCalendar) -> None:
    last = last_promise_day(item, today, calendar)
    if material.until is None or not today <= material.until <= last:
        raise MaterialRefused(
            "promise_date",
            f"“{material.name}”后补须写明日期，最早今天，最迟 {last.isoformat()}（承诺办理时限内）；请改正日期。",
            f"«{material.name}» may come later only with a day, from today to {last.isoformat()}, within the promised "
            "handling time; correct the day.",
        )


def _check_reuse(material: Material, consents: Collection[Consent], today: date) -> None:
    if Consent.REUSE not in consents:
        raise MaterialRefused(
            "reuse_without_consent",
            "沿用以前交过的材料须经本人同意，没有登记；请询问本人并勾选同意，或重新收取材料。",
            "Papers handed in earlier are used again only with the person's consent; nothing was filed. Ask, and tick "
            "the consent, or take the paper in again.",
        )
    if not material.source or material.until is None or material.until < today:
        raise MaterialRefused(
            "reuse_expired",
            f"“{material.name}”没有可沿用的有效材料（未写明来源件或已过有效期）；请重新收取。",
            f"There is no valid «{material.name}» to use again: its source is not named, or its term is over. Take it "
            "in anew.",
        )
