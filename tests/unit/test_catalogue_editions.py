"""Which edition judges which act (RULINGS B8), and a clock that cannot be right."""

from datetime import date

import pytest
from msgspec import structs

from office.catalogue import Catalogue
from office.seeds import load_catalogue
from schemas.casework.fold import follow
from schemas.catalogue import Edition, Materials
from schemas.divisions import Tier
from schemas.names import Instant
from tests.support.casebook import Casebook

DAY_MS = 86_400_000
JUNE_2026 = Instant(1_780_272_000_000)
JUNE_2027 = Instant(JUNE_2026 + 365 * DAY_MS)


def edition(version: str, first: date, promise_days: int) -> Edition:
    item = structs.replace(load_catalogue().get_item("RS01"), promise_days=promise_days)
    return structs.replace(
        load_catalogue(), version=version, effective_from=first, items={**load_catalogue().items, "RS01": item}
    )


OLD = edition("2026.11-sample", date(2026, 1, 1), 5)
NEW = edition("2027.1", date(2027, 1, 1), 3)


def test_a_decision_follows_the_edition_of_the_day_and_all_else_the_cases_own() -> None:
    catalogue = Catalogue([NEW, OLD])
    case = follow(None, *Casebook().file())
    assert case is not None
    own = catalogue.find_item(case, "papers.requested", "RS01", JUNE_2027)
    present = catalogue.find_item(case, "case.decided", "RS01", JUNE_2027)
    assert own is not None
    assert present is not None
    assert (own.promise_days, present.promise_days) == (5, 3)
    assert catalogue.in_force(JUNE_2026) is OLD
    assert catalogue.item_of(case) == own


@pytest.mark.parametrize("act", ["term.extended", "case.converted"])
def test_what_changes_a_term_is_judged_by_the_edition_under_which_the_term_runs(act: str) -> None:
    """Filed at the end of the old year, accepted in the new one: the due day is the new edition's, and so is the act's
    last day.
    """
    catalogue = Catalogue([NEW, OLD])
    case = follow(None, *Casebook().file())
    assert case is not None
    for accepted_at, edition_of_terms in ((None, OLD), (JUNE_2026, OLD), (JUNE_2027, NEW)):
        accepted = structs.replace(case, accepted_at=accepted_at)
        item = catalogue.find_item(accepted, act, "RS01", JUNE_2027)
        assert item is edition_of_terms.items["RS01"]
        assert item == catalogue.terms_of(accepted)


def test_an_acceptance_follows_the_competence_of_the_day_and_the_materials_of_the_filing() -> None:
    moved = structs.replace(NEW.items["RS01"], accepting_tiers=(Tier.COUNTY,), materials=Materials())
    catalogue = Catalogue([structs.replace(NEW, items={"RS01": moved}), OLD])
    case = follow(None, *Casebook().file())
    item = catalogue.find_item(case, "custody.accepted", "RS01", JUNE_2027)
    assert item is not None
    assert item.accepting_tiers == (Tier.COUNTY,)
    assert item.materials == OLD.items["RS01"].materials != Materials()
    abolished = Catalogue([structs.replace(NEW, items={}), OLD])
    assert abolished.find_item(case, "custody.accepted", "RS01", JUNE_2027) is OLD.items["RS01"], "it is finished"


def test_outside_all_dates_the_nearest_edition_is_used() -> None:
    last = structs.replace(NEW, effective_until=date(2028, 12, 31))
    first = structs.replace(OLD, effective_until=date(2026, 12, 31))
    catalogue = Catalogue([last, first])
    assert catalogue.in_force(Instant(0)) is first
    assert catalogue.in_force(Instant(4_070_908_800_000)) is last


def test_a_clock_that_fell_back_judges_by_the_edition_of_the_last_beacon_and_terms_by_what_was_claimed() -> None:
    catalogue = Catalogue([NEW, OLD], not_before=lambda: JUNE_2027)
    assert catalogue.in_force(Instant(0)) is NEW
    case = follow(None, *Casebook().file())
    assert case is not None
    assert catalogue.edition_of_terms(case) is OLD, "every tier counts the same days"


def test_an_edition_that_is_never_in_force_still_names_old_cases() -> None:
    gone = structs.replace(NEW, items={})
    catalogue = Catalogue([gone], known=[OLD])
    case = follow(None, *Casebook().file())
    assert case is not None
    item = catalogue.item_of(case)
    assert item is not None
    assert item.promise_days == 5
    assert catalogue.find_item(case, "case.decided", "RS01", JUNE_2027) is item, "what is under way is finished"
    assert catalogue.find_item(None, "case.filed", "RS01", JUNE_2027) is None, "and nothing new is begun"
    assert catalogue.in_force(JUNE_2026).version == "2027.1"


def test_a_list_names_an_item_as_in_force_now_and_a_retired_one_as_it_was_last_called() -> None:
    renamed = structs.replace(NEW, items={"RS01": structs.replace(NEW.items["RS01"], name="城乡参保登记")})
    catalogue = Catalogue([OLD, renamed])
    names = [item.name for at in (JUNE_2026, JUNE_2027) if (item := catalogue.find_named("RS01", at)) is not None]
    assert names == [OLD.items["RS01"].name, "城乡参保登记"]
    retired = Catalogue([structs.replace(NEW, items={})], known=[OLD]).find_named("RS01", JUNE_2027)
    assert retired is not None
    assert retired.name == OLD.items["RS01"].name
    assert catalogue.find_named("ZZ99", JUNE_2027) is None


def test_a_catalogue_without_an_edition_is_a_defect() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Catalogue([])
