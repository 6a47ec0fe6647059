"""Oversight under attack and across versions: forged, written by stolen devices, crossing on the way, at old nodes."""

import pytest
from msgspec import structs

from office import oversight as oversight_module
from office import register as register_module
from office import routing
from schemas.codec import encode
from schemas.names import OfficeId, OfficerId
from schemas.oversight import OVERSIGHT, Overseen, Rung, Sender, encode_overseen
from schemas.oversight_fold import Stage
from schemas.wire import KIND_REVOKED, Revoked, Size
from tests.golden.oversight import overseen
from tests.support.counties import COUNTY, FAR_VILLAGE, OTHER_TOWNSHIP, TOWNSHIP, VILLAGE, County, Office, run
from tests.support.overseeing import (
    answer,
    order,
    orders_at,
    pass_days,
    refolded,
    same_everywhere,
    score,
    scores_at,
    sweep,
    the_order,
    today_of,
    verdict,
    write,
)

COUNTY_KINDS = [event for event in overseen() if event.sender is Sender.COUNTY]


def whole() -> County:
    """Two townships, a village each."""
    return County(TOWNSHIP, OTHER_TOWNSHIP, VILLAGE, FAR_VILLAGE)


def issued(county: County) -> None:
    """An order reaches its township."""
    write(county[COUNTY], order(county))
    county.settle()


def as_said_by(event: Overseen, office: OfficeId) -> Overseen:
    """The same in another office's name."""
    return structs.replace(event, office=office, officer=OfficerId(f"{office}/li"))


def entries_of(office: Office) -> int:
    """How many entries are held here."""
    return len(office.store.tables.arrivals)


@pytest.mark.parametrize("event", COUNTY_KINDS, ids=lambda event: event.kind)
def test_what_is_the_countys_to_say_counts_from_nobody_else(event: Overseen) -> None:
    county = whole()
    issued(county)
    held = the_order(county[COUNTY])
    forged = as_said_by(event, TOWNSHIP)
    if "order" in forged.__struct_fields__ and event.thread is not None:
        forged = structs.replace(forged, order=held.filed.hash)
    before = [refolded(county[seat]) for seat in (COUNTY, TOWNSHIP)]
    county[TOWNSHIP].write(forged.kind, None, encode_overseen(forged))
    county[TOWNSHIP].write(forged.kind, None, encode_overseen(structs.replace(forged, office=COUNTY)))
    county.settle()
    for seat in (COUNTY, TOWNSHIP):
        assert county[seat].states() == [("quarantined", "foreign_office"), ("quarantined", "oversight_foreign")]
    assert [refolded(county[seat]) for seat in (COUNTY, TOWNSHIP)] == before
    for seat in (VILLAGE, OTHER_TOWNSHIP, FAR_VILLAGE):
        assert county[seat].states() == []
    slip = county[VILLAGE].file()
    county.settle()
    assert county[COUNTY].has(slip.case), "the line goes on"


def test_without_the_check_the_forgery_would_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """That the test above can fail."""
    county = whole()
    forged = as_said_by(order(county, to=VILLAGE), TOWNSHIP)

    def anybody(seat: OfficeId, event: Overseen) -> bool:
        return True

    monkeypatch.setattr(oversight_module, "may_send", anybody)
    county[TOWNSHIP].write(forged.kind, None, encode_overseen(forged))
    county.settle()
    assert len(orders_at(county[COUNTY])) == 1


def test_an_answer_and_a_rung_that_cross_on_the_way() -> None:
    county = whole()
    hub, township = county[COUNTY], county[TOWNSHIP]
    issued(county)
    pass_days(county, 10)
    write(township, answer(the_order(township), 1))
    assert sweep(county) == [Rung.REMINDER], "the county knows of no answer"
    county.settle()
    for office in (hub, township):
        held = the_order(office)
        assert (held.stage, held.taken) == (Stage.ANSWERED, (Rung.REMINDER,))
        assert held.answers[0].said.after == held.filed.hash, "it had not seen the reminder"
    assert same_everywhere(hub, township)
    write(hub, verdict(the_order(hub), 2))
    assert the_order(hub).stage is Stage.CLOSED


def test_what_a_stolen_device_answered_is_taken_back() -> None:
    county = whole()
    hub, stolen = county[COUNTY], county[TOWNSHIP]
    issued(county)
    positions = [
        Size(journal.origin, journal.epoch, state.size)
        for journal, state in hub.books.journals.items()
        if journal.origin == stolen.signer.node
    ]
    write(stolen, answer(the_order(stolen), 1))
    county.settle()
    assert the_order(hub).stage is Stage.ANSWERED
    early = verdict(the_order(hub), 2)
    write(hub, early)
    assert the_order(hub).stage is Stage.CLOSED
    hub.write(KIND_REVOKED, None, encode(Revoked(stolen.signer.node, positions, "被盗")))
    assert the_order(hub).stage is Stage.OPEN
    assert set(hub.states()) == {("held", "awaiting_predecessor"), ("held", "revoked")}
    county.enrol(TOWNSHIP)
    county.settle(TOWNSHIP)
    write(county[TOWNSHIP], answer(the_order(county[TOWNSHIP]), 3))
    county.settle(TOWNSHIP)
    write(hub, verdict(the_order(hub), 4))
    assert the_order(hub).stage is Stage.CLOSED


def test_a_node_of_an_earlier_version_keeps_orders_and_folds_them_after_its_upgrade(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    county = whole()
    asked, points = order(county, serial="510824-督-2026-0001"), score()
    older = {kind: rule for kind, rule in routing.RECORD_AUDIENCES.items() if kind not in OVERSIGHT}
    with monkeypatch.context() as before:
        before.setattr(register_module, "OVERSIGHT", {})
        before.setattr(routing, "RECORD_AUDIENCES", older)
        for event in (asked, points):
            county[COUNTY].write(event.kind, None, encode_overseen(event))
        county.settle()
        assert county[TOWNSHIP].states() == [("unknown", "unknown_kind")] * 2
        assert orders_at(county[TOWNSHIP]) == []
    for seat in (TOWNSHIP, COUNTY):
        office = county[seat]
        reading = run(office.casebook.refold([None]))
        assert [(settled.state, settled.code) for settled in reading.settled] == [("", "")] * 2
        rows = office.casebook.drain()
        office.cases.project(rows)
    assert the_order(county[TOWNSHIP]).issued == asked
    assert [one.points for one in scores_at(county[TOWNSHIP])] == [-20]
    write(county[TOWNSHIP], answer(the_order(county[TOWNSHIP]), 1))
    county.settle()
    assert the_order(county[COUNTY]).stage is Stage.ANSWERED


def test_everything_again_writes_nothing() -> None:
    """A neighbour that lost its memory of the line sends all of it again."""
    county = whole()
    issued(county)
    write(county[TOWNSHIP], answer(the_order(county[TOWNSHIP]), 1))
    county.settle()
    before = {seat: entries_of(office) for seat, office in county.offices.items()}
    for office in county.offices.values():
        for link in office.books.links.values():
            link.acknowledged.clear()
    county.settle()
    assert same_everywhere(county[COUNTY], county[TOWNSHIP])
    assert all(entries_of(county[seat]) <= count + 1 for seat, count in before.items()), "but for house-keeping"


def test_nonsense_under_a_known_kind_is_kept_marked_and_stops_nothing() -> None:
    county = whole()
    hub = county[COUNTY]
    hub.write("order.issued", None, b"\x93\x01")
    hub.write("score.entered", None, encode_overseen(score())[:-1])
    slip = county[VILLAGE].file()
    county.settle()
    hub.write("order.issued", slip.case, encode_overseen(order(county)))
    issued(county)
    assert hub.states() == [("quarantined", "malformed")] * 3
    assert the_order(county[TOWNSHIP]).issued.due > today_of(county)


def test_a_failed_commit_leaves_orders_and_numbers_as_they_were() -> None:
    county = whole()
    hub = county[COUNTY]

    def fail(batch: object) -> None:
        raise OSError("no space left on device")

    hub.store.before_commit = fail
    with pytest.raises(OSError, match="space"):
        write(hub, order(county))
    hub.store.before_commit = None
    assert orders_at(hub) == []
    assert write(hub, order(county)) == 1
    assert the_order(hub).issued.serial.endswith("-0001")
