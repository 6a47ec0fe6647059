"""The doorstep's verdict, and the authority that a resident gives: what stands, what is missing, what cannot be."""

from datetime import date, timedelta

import pytest
from msgspec import structs

from office.seeds import load_calendar, load_catalogue
from schemas.casework.intake_rules import (
    MaterialRefused,
    check_materials,
    gaps_in,
    last_promise_day,
    reusable_until,
)
from schemas.casework.mandates import MANDATE_MAX, SCOPES_OF, UNBOUND, MandateRefused, check_mandate, words_of
from schemas.casework.values import Applicant, Consent, Mandate, Material, MaterialStatus, Scope, SignedHow
from schemas.catalogue import Delegation

TODAY = date(2026, 3, 6)
CALENDAR = load_calendar()
ITEMS = load_catalogue().items
HELP = ITEMS["MZ03"]
"""临时救助: two papers required, one deferrable, one checked against data; promised in 15 working days."""
PENSION = ITEMS["RS01"]
"""On the spot, one deferrable."""
WANG = Applicant("王秀英", "111", "510824194910010025")

REQUIRED = [Material("申请书", MaterialStatus.PROVIDED), Material("居民身份证", MaterialStatus.PROVIDED)]
PROOF = "困难佐证（病历、事故认定书）"


def test_everything_there_is_complete_and_what_is_checked_against_data_is_not_asked_for() -> None:
    assert gaps_in(HELP, [*REQUIRED, Material(PROOF, MaterialStatus.PROVIDED)]) == ()


def test_a_deferrable_paper_may_be_promised_and_is_a_gap_without_a_promise() -> None:
    assert gaps_in(HELP, [*REQUIRED, Material(PROOF, MaterialStatus.DEFERRED, date(2026, 3, 20))]) == ()
    assert gaps_in(HELP, REQUIRED) == (PROOF,)


def test_all_gaps_are_named_at_once() -> None:
    assert gaps_in(HELP, []) == ("申请书", "居民身份证", PROOF)


@pytest.mark.parametrize("item", ITEMS.values(), ids=lambda item: item.code)
def test_every_item_can_be_filed_complete_and_with_all_its_promises(item: object) -> None:
    assert isinstance(item, type(HELP))
    listed = item.materials
    last = last_promise_day(item, TODAY, CALENDAR)
    materials = [
        *(Material(name, MaterialStatus.PROVIDED) for name in listed.required),
        *(Material(name, MaterialStatus.DEFERRED, last) for name in listed.deferrable),
        *(Material(name, MaterialStatus.VERIFIED) for name in listed.verified),
        *(Material(name, MaterialStatus.PLEDGED) for name in listed.pledged),
    ]
    check_materials(item, materials, (), TODAY, CALENDAR)
    assert not gaps_in(item, materials)
    assert last > TODAY or not listed.deferrable


@pytest.mark.parametrize(
    ("material", "code"),
    [
        (Material("居民身份证", MaterialStatus.DEFERRED, date(2026, 3, 20)), "material_not_of_that_class"),
        (Material("居民身份证", MaterialStatus.VERIFIED), "material_not_of_that_class"),
        (Material(PROOF, MaterialStatus.PLEDGED), "material_not_of_that_class"),
        (Material(PROOF, MaterialStatus.DEFERRED), "promise_date"),
        (Material(PROOF, MaterialStatus.DEFERRED, date(2026, 3, 5)), "promise_date"),
        (Material(PROOF, MaterialStatus.DEFERRED, date(2026, 3, 28)), "promise_date"),
        (Material(PROOF, MaterialStatus.REUSED, date(2026, 5, 1), "510824100205-AB00017"), "reuse_without_consent"),
    ],
)
def test_what_cannot_be_said_of_a_material_is_refused(material: Material, code: str) -> None:
    with pytest.raises(MaterialRefused) as refused:
        check_materials(HELP, [material], (), TODAY, CALENDAR)
    assert refused.value.code == code
    check_materials(HELP, [Material(PROOF, MaterialStatus.DEFERRED, date(2026, 3, 27))], (), TODAY, CALENDAR)


def test_a_paper_is_used_again_with_consent_a_source_and_in_time() -> None:
    handed_in = TODAY - timedelta(days=90)
    assert reusable_until(handed_in) == TODAY
    fine = Material("居民身份证", MaterialStatus.REUSED, TODAY, "510824100205-AB00017")
    check_materials(HELP, [fine], (Consent.REUSE,), TODAY, CALENDAR)
    for wrong in (structs.replace(fine, source=""), structs.replace(fine, until=TODAY - timedelta(days=1))):
        with pytest.raises(MaterialRefused, match="reuse_expired"):
            check_materials(HELP, [wrong], (Consent.REUSE,), TODAY, CALENDAR)
    with pytest.raises(MaterialRefused, match="material_twice"):
        check_materials(HELP, [fine, fine], (Consent.REUSE,), TODAY, CALENDAR)


def test_an_on_the_spot_item_lends_its_legal_term_to_promises() -> None:
    legal = CALENDAR.add_working_days(TODAY, PENSION.legal.days).day
    assert last_promise_day(PENSION, TODAY, CALENDAR) == legal


MANDATE = Mandate(
    (Scope.FILE, Scope.SUPPLEMENT, Scope.COLLECT), date(2026, 6, 6), "王秀英", SignedHow.THUMBPRINT, "委托……", UNBOUND
)
PERMIT = ITEMS["RS02"]
"""An agent only carries papers."""
WEDDING = ITEMS["MZ10"]
"""Nobody may stand in."""


def test_an_authority_stands_when_item_term_and_signature_carry_it() -> None:
    check_mandate(MANDATE, HELP, WANG, TODAY)
    check_mandate(structs.replace(MANDATE, scopes=(Scope.SUPPLEMENT, Scope.COLLECT)), PERMIT, WANG, TODAY)
    check_mandate(structs.replace(MANDATE, signed_by="王小明", relation="儿子"), HELP, WANG, TODAY)
    check_mandate(structs.replace(MANDATE, until=TODAY), HELP, WANG, TODAY)
    check_mandate(structs.replace(MANDATE, until=TODAY + MANDATE_MAX), HELP, WANG, TODAY)


@pytest.mark.parametrize(
    ("changed", "item", "code"),
    [
        ({"until": TODAY - timedelta(days=1)}, HELP, "mandate_term"),
        ({"until": TODAY + MANDATE_MAX + timedelta(days=1)}, HELP, "mandate_term"),
        ({"signed_by": "王小明"}, HELP, "mandate_relation"),
        ({"signed_by": "王小明", "relation": "  "}, HELP, "mandate_relation"),
        ({"read_back": " "}, HELP, "mandate_not_read"),
        ({"scopes": (Scope.COLLECT,)}, HELP, "mandate_does_not_file"),
        ({"scopes": (Scope.FILE, Scope.FILE)}, HELP, "mandate_scope"),
        ({}, PERMIT, "mandate_scope"),
        ({}, WEDDING, "mandate_not_possible"),
    ],
)
def test_an_authority_that_cannot_be_is_refused_in_words(changed: dict[str, object], item: object, code: str) -> None:
    assert isinstance(item, type(HELP))
    with pytest.raises(MandateRefused) as refused:
        check_mandate(structs.replace(MANDATE, **changed), item, WANG, TODAY)
    assert refused.value.code == code
    assert "王小明" not in refused.value.zh + refused.value.en


def test_the_words_to_read_aloud_name_matter_person_scope_term_and_that_it_is_free() -> None:
    words = words_of(HELP, "王秀英", "白观村", (Scope.FILE, Scope.COLLECT), date(2026, 6, 6))
    for part in ("王秀英", "白观村", "临时救助", "提交申请、领取结果", "2026年6月6日", "不收取任何费用"):
        assert part in words
    assert "补充材料" not in words


def test_what_may_be_left_to_an_agent_follows_the_item() -> None:
    assert set(SCOPES_OF) == set(Delegation)
    assert Scope.FILE not in SCOPES_OF[Delegation.COLLECT]
    assert SCOPES_OF[Delegation.NO] == ()
