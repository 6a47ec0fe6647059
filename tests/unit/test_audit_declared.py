"""What a county declares of single items for its audit: read from the settings, and refused where it says nothing."""

import pytest

from hub.audit.declared import limits_of, parse_items, parse_pairs
from hub.audit.limits import DEFAULTS, REPEATED_ITEMS
from office.settings import Settings
from schemas.refusals import Refused


def test_without_a_word_the_defaults_hold() -> None:
    assert limits_of(Settings()) == DEFAULTS


def test_thresholds_and_declarations_stand_side_by_side() -> None:
    limits = limits_of(
        Settings(
            audit={"bulk_cases_min": 20},
            audit_pairs="RS05=custody.accepted+case.decided, LY01 =step.survey+ case.decided,RS05=case.filed+fee.paid",
            audit_batch_items=" RS03 ,YB02",
            audit_repeated_items="NY02",
        )
    )
    assert limits["bulk_cases_min"] == 20
    assert limits.batch_items == {"RS03", "YB02"}
    assert limits.repeated_items == {"NY02"}
    assert limits.incompatible == {
        "RS05": (("custody.accepted", "case.decided"), ("case.filed", "fee.paid")),
        "LY01": (("step.survey", "case.decided"),),
    }


def test_a_county_may_say_that_nothing_recurs() -> None:
    assert limits_of(Settings(audit_repeated_items="none")).repeated_items == frozenset()
    assert limits_of(Settings(audit_repeated_items=" ")).repeated_items == REPEATED_ITEMS
    assert parse_items("audit_batch_items", "") == frozenset()


@pytest.mark.parametrize("text", ["rs03", "RS03 YB02", "RS03, none", "R", "RS03;YB02", "社保03", "RS-03"])
def test_what_is_no_code_of_an_item_is_refused_with_its_setting(text: str) -> None:
    with pytest.raises(Refused) as refused:
        limits_of(Settings(audit_batch_items=text))
    assert refused.value.code == "audit_items_malformed"
    assert "audit_batch_items" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "RS05",
        "RS05=",
        "RS05=case.decided",
        "RS05=case.decided+",
        "RS05=case.decided+case.decided",
        "RS05=case.decided+step.nothing",
        "RS05=accepting+deciding",
        "=case.filed+case.decided",
        "RS05=case.filed+case.decided+fee.paid",
        "RS05:case.filed+case.decided",
    ],
)
def test_what_is_no_pair_of_duties_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_pairs(f"LY01=step.survey+case.decided, {text}")
    assert refused.value.code == "audit_pairs_malformed"
