"""The main job, told from the counter: a village files while its line is down, and the result comes back."""

from office.slips import is_secret_of
from schemas.casework.lifecycle import Stage
from schemas.casework.values import Handover, Outcome
from schemas.names import is_mistyped
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE, County, Office, agent, clerk, op, run


def agree(county: County, *offices: Office) -> None:
    """Every office holds the same case files, and each is what its entries say."""
    for office in offices:
        assert office.cases.files == offices[0].cases.files
        assert office.refolded() == office.cases.files
        assert office.states() == []


def test_filed_without_a_line_decided_at_the_township_and_handed_over_in_the_village() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village, township, hub = county[VILLAGE], county[TOWNSHIP], county[COUNTY]

    # The line is down. The agent files and offers all the same; the resident goes home with a slip.
    slip = village.file(item="WJ02")
    assert not is_mistyped(slip.tracking)
    run(village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    assert village.case(slip.case).stage is Stage.OFFERED
    assert not township.has(slip.case)

    # The line is back: one exchange a hop.
    county.settle()
    assert hub.case(slip.case) == township.case(slip.case) == village.case(slip.case)

    # The township accepts, asks for a paper once, and decides under its own authority.
    desk, li = township.desk, clerk()
    run(desk.accept_custody(li, slip.case, op(3)))
    run(desk.request_papers(li, slip.case, op(4), materials=["户口簿"], reason="缺户口簿"))
    county.settle()
    run(village.desk.bring_papers(agent(), slip.case, op(5), materials=["户口簿"]))
    county.settle()
    run(desk.receive_papers(li, slip.case, op(6), materials=["户口簿"]))
    assert township.case(slip.case).wanted == ()
    assert township.case(slip.case).brought == ()
    run(desk.decide(li, slip.case, op(7), outcome=Outcome.GRANTED, reason="符合条件", basis="食品安全法第36条"))
    run(desk.offer_custody(li, slip.case, op(8), to=VILLAGE))
    county.settle()

    # The village hands over and strikes off.
    run(village.desk.accept_custody(agent(), slip.case, op(9)))
    run(village.desk.hand_over(agent(), slip.case, op(10), recipient="王秀英", how=Handover.HOME))
    run(village.desk.close_case(agent(), slip.case, op(11)))
    county.settle()

    case = hub.case(slip.case)
    assert case.stage is Stage.CLOSED
    assert case.turn == 10
    assert case.filing is not None
    assert is_secret_of(case.filing, slip.secret.lower())
    agree(county, village, township, hub)
    assert {row.office for row in hub.store.tables.receipts.values()} == {TOWNSHIP, COUNTY}


def test_offered_on_to_the_county_decided_there_and_handed_over_in_the_village() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village, township, hub = county[VILLAGE], county[TOWNSHIP], county[COUNTY]
    slip = village.file(item="CL01")
    run(village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    county.settle()
    run(township.desk.accept_custody(clerk(), slip.case, op(3)))
    run(township.desk.offer_custody(clerk(), slip.case, op(4), to=COUNTY, note="初审：评定表属实"))
    county.settle()
    official = clerk(COUNTY)
    run(hub.desk.accept_custody(official, slip.case, op(5)))
    run(
        hub.desk.decide(
            official,
            slip.case,
            op(6),
            outcome=Outcome.REFUSED,
            reason="评定未达标准",
            basis="残疾人证管理办法",
            remedy="六十日内可申请行政复议",
        )
    )
    run(hub.desk.offer_custody(official, slip.case, op(7), to=VILLAGE))
    county.settle()
    run(village.desk.accept_custody(agent(), slip.case, op(8)))
    run(village.desk.hand_over(agent(), slip.case, op(9), recipient="王秀英", how=Handover.COUNTER))
    county.settle()
    assert township.case(slip.case).stage is Stage.HANDED_OVER
    agree(county, village, township, hub)
