"""The post: what arrives is folded, held or quarantined, never refused and never fatal; the result is the set's."""

from random import Random

import pytest

from office import casebook as casebook_module
from office.case_rows import MemoryCases
from office.casebook import CaseInterpreter, guests_of, serial_of
from office.dispositions import CODES, explain
from schemas.casework.casefile import BREACHES, CaseFile
from schemas.casework.events import CaseEvent, CustodyAccepted, RemarkAdded, encode_event
from schemas.casework.lifecycle import Stage
from schemas.casework.values import Outcome
from schemas.names import CaseId, OfficeId, OfficerId
from sync.core.errors import LocalFault
from sync.ports import Stored, empty_batch
from tests.support.counties import (
    APPLICANT,
    COUNTY,
    FAR_VILLAGE,
    OTHER_TOWNSHIP,
    TOWNSHIP,
    VILLAGE,
    WINDOW,
    County,
    agent,
    clerk,
    op,
    run,
)


def test_an_entry_that_names_an_office_of_another_device_is_quarantined_and_the_line_goes_on() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    slip = village.file()
    run(village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    # A hostile program at the village accepts its own offer in the township's name.
    tip = village.case(slip.case).tip
    forged = CustodyAccepted(3, tip, op(3), TOWNSHIP, OfficerId(f"{TOWNSHIP}/li"))
    village.write("custody.accepted", slip.case, encode_event(forged))
    second = village.file(operation=4)
    county.settle()
    for office in (VILLAGE, TOWNSHIP, COUNTY):
        assert county[office].states() == [("quarantined", "foreign_office")]
        assert county[office].case(slip.case).stage is Stage.OFFERED
        assert county[office].has(second.case)
    # The township's own acceptance is not disturbed.
    run(county[TOWNSHIP].desk.accept_custody(clerk(), slip.case, op(5)))
    county.settle()
    assert county[COUNTY].case(slip.case).custodian == TOWNSHIP


def test_nonsense_is_kept_marked_and_harms_nobody() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    slip = village.file()
    village.write("remark.added", slip.case, b"\x93\x01")
    village.write("remark.added", None, encode_event(_remark(VILLAGE)))
    village.write("case.appealed", slip.case, b"\x90")
    county.settle()
    for office in (VILLAGE, TOWNSHIP, COUNTY):
        assert county[office].states() == [
            ("quarantined", "malformed"),
            ("quarantined", "no_subject"),
            ("unknown", "unknown_kind"),
        ]
        assert county[office].case(slip.case).turn == 1


def test_an_unknown_kind_of_the_county_reaches_the_village_as_written() -> None:
    """A newer county may say something that the township does not understand: it must pass it on all the same."""
    county = County(TOWNSHIP, VILLAGE)
    slip = county[VILLAGE].file()
    county.settle()
    county[COUNTY].write("case.rated", slip.case, b"\x91\x05")
    county.settle()
    for office in (TOWNSHIP, VILLAGE):
        bodies = [entry.body for entry in county[office].store.tables.arrivals if entry.kind == "case.rated"]
        assert bodies == [b"\x91\x05"]
        assert county[office].states() == [("unknown", "unknown_kind")]


def test_in_house_kinds_stay_in_the_line_upward() -> None:
    county = County(TOWNSHIP, VILLAGE)
    slip = county[VILLAGE].file()
    run(county[VILLAGE].desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    county.settle()
    county[TOWNSHIP].write("house.assigned", slip.case, b"\x91\x01")
    county.settle()
    assert any(entry.kind == "house.assigned" for entry in county[COUNTY].store.tables.arrivals)
    assert not any(entry.kind == "house.assigned" for entry in county[VILLAGE].store.tables.arrivals)


def test_a_fold_that_fails_quarantines_its_own_case_only(monkeypatch: pytest.MonkeyPatch) -> None:
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    first, second = village.file(operation=1), village.file(operation=2)
    county.settle()
    follow = casebook_module.follow

    def stumble(case: CaseFile | None, event: object, header: object) -> CaseFile | None:
        if case is not None and case.case == first.case:
            raise ZeroDivisionError
        return follow(case, event, header)  # pyright: ignore[reportArgumentType]

    for slip, number in ((first, 3), (second, 4)):
        run(village.desk.add_remark(agent(), slip.case, op(number), text="来过电话"))
    monkeypatch.setattr(casebook_module, "follow", stumble)
    county.settle()
    assert county[TOWNSHIP].states() == [("quarantined", "fold_failed")]
    assert county[TOWNSHIP].case(first.case).contributions == ()
    assert len(county[TOWNSHIP].case(second.case).contributions) == 1


def test_the_log_of_a_failed_fold_names_its_place_and_nothing_that_a_resident_wrote(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    county = County(TOWNSHIP, VILLAGE)
    slip = county[VILLAGE].file()

    def stumble(case: CaseFile | None, event: CaseEvent, header: object) -> CaseFile:
        raise KeyError(APPLICANT.name)

    monkeypatch.setattr(casebook_module, "follow", stumble)
    run(county[VILLAGE].desk.add_remark(agent(), slip.case, op(2), text="来过电话"))
    (record,) = [record for record in caplog.records if record.name == "office.casebook"]
    assert "KeyError" in caplog.text
    assert "test_casebook.py" in record.getMessage()
    assert APPLICANT.name not in caplog.text


def test_any_order_of_arrival_makes_the_same_case() -> None:
    """The county's entries of one life, handed to a casebook in 60 random orders, one by one and in lumps."""
    county = County(TOWNSHIP, VILLAGE)
    slip = county[VILLAGE].file(item="SC03")
    run(county[VILLAGE].desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    county.settle()
    run(county[TOWNSHIP].desk.accept_custody(clerk(), slip.case, op(3)))
    run(
        county[TOWNSHIP].desk.decide(
            clerk(), slip.case, op(4), outcome=Outcome.GRANTED, reason="符合条件", basis="食品安全法第36条"
        )
    )
    run(county[VILLAGE].desk.add_remark(agent(), slip.case, op(5), text="来过电话"))
    county.settle()
    entries = run(county[COUNTY].store.entries_about([slip.case]))
    expected = county[COUNTY].case(slip.case)
    random = Random(11)
    for _ in range(60):
        shuffled = random.sample(entries, len(entries))
        assert _fold_in_lumps(county, shuffled, random) == expected


def _fold_in_lumps(county: County, entries: list[Stored], random: Random) -> CaseFile:
    """Interpret without committing: the casebook must find the earlier entries of the same transaction by itself."""
    cases = MemoryCases()
    casebook = CaseInterpreter(cases)
    casebook.attach(_Bare(county))  # pyright: ignore[reportArgumentType]
    states: dict[bytes, str] = {}
    while entries:
        size = random.randint(1, len(entries))
        lump, entries = entries[:size], entries[size:]
        reading = run(casebook.interpret(lump))
        states |= {entry.hash: outcome.state for entry, outcome in zip(lump, reading.outcomes, strict=True)}
        for settled in reading.settled:
            assert settled.state == ""
            states |= {entry.hash: "" for entry in county[COUNTY].store.tables.arrivals if _key(entry) == settled.key}
    assert set(states.values()) == {""}
    rows = casebook.drain()
    assert rows is not None
    cases.project(rows)
    return next(iter(cases.files.values()))


class _Bare:
    """Books of the county without a single stored entry: everything is in the present transaction."""

    def __init__(self, county: County) -> None:
        books = county[COUNTY].books
        self.seat_of_node = books.seat_of_node
        self.counts = books.counts
        self.hops = books.hops
        self.seat = books.seat
        self.erased = books.erased
        self.batch = empty_batch()
        self.store = self

    async def entries_about(self, subjects: list[CaseId]) -> list[Stored]:
        return []

    async def purged(self, subjects: list[CaseId]) -> dict[CaseId, bytes]:
        return {}


def _key(entry: Stored) -> object:
    return entry.journal, entry.seq


def test_a_transfer_gives_the_new_office_the_whole_case_and_the_old_one_the_rest() -> None:
    county = County(TOWNSHIP, OTHER_TOWNSHIP, VILLAGE, FAR_VILLAGE)
    slip = county[VILLAGE].file()
    run(county[VILLAGE].desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    county.settle()
    run(county[TOWNSHIP].desk.accept_custody(clerk(), slip.case, op(3)))
    run(county[TOWNSHIP].desk.offer_custody(clerk(), slip.case, op(4), to=OTHER_TOWNSHIP, note="人户分离"))
    county.settle()
    assert county[OTHER_TOWNSHIP].case(slip.case) == county[COUNTY].case(slip.case)
    assert not county[FAR_VILLAGE].has(slip.case)
    run(county[OTHER_TOWNSHIP].desk.accept_custody(clerk(OTHER_TOWNSHIP), slip.case, op(5)))
    county.settle()
    expected = county[COUNTY].case(slip.case)
    assert expected.custodian == OTHER_TOWNSHIP
    for office in (VILLAGE, TOWNSHIP, OTHER_TOWNSHIP):
        assert county[office].case(slip.case) == expected
        assert county[office].states() == []
        assert county[office].refolded() == county[office].cases.files


def test_guests_are_the_readers_outside_the_filing_line() -> None:
    county = County(TOWNSHIP, OTHER_TOWNSHIP, VILLAGE)
    slip = county[VILLAGE].file()
    run(county[VILLAGE].desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    assert guests_of(county[VILLAGE].case(slip.case)) == frozenset()
    county.settle()
    run(county[TOWNSHIP].desk.accept_custody(clerk(), slip.case, op(3)))
    run(county[TOWNSHIP].desk.offer_custody(clerk(), slip.case, op(4), to=WINDOW))
    county.settle()
    assert guests_of(county[COUNTY].case(slip.case)) == {WINDOW}
    assert guests_of(None) == frozenset()


def test_more_cases_than_are_remembered() -> None:
    """The casebook of these tests remembers eight; thirty are at work in one transaction after another."""
    county = County(TOWNSHIP, VILLAGE)
    village = county[VILLAGE]
    slips = [village.file(operation=number) for number in range(1, 31)]
    for number, slip in enumerate(slips, start=100):
        run(village.desk.offer_custody(agent(), slip.case, op(number), to=TOWNSHIP))
    county.settle()
    assert county[TOWNSHIP].cases.files == village.cases.files
    assert county[COUNTY].refolded() == village.cases.files


def test_every_reason_can_be_explained() -> None:
    for code in CODES:
        zh, en = explain(code)
        assert len(zh) > 8
        assert len(en) > 20
    for code in BREACHES:
        assert explain(code) == BREACHES[code]
    with pytest.raises(LocalFault):
        explain("nonsense")


def test_serials_are_read_only_from_our_own_numbers() -> None:
    assert serial_of("510824100205-AB0017X") == 17
    assert serial_of("510824100205-AB12345X") == 12345
    for text in ("", "-", "510824100205", "x-ABxxxxX", "x-AB٣٣٣٣X"):
        assert serial_of(text) == 0


def _remark(office: OfficeId) -> RemarkAdded:
    return RemarkAdded(1, op(9), office, OfficerId(f"{office}/zhang"), "来过电话")
