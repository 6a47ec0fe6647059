"""How the register travels and is kept: down every line, to new devices, past hostile ones, through failures."""

from collections.abc import Sequence
from random import Random

import pytest
from msgspec import structs

from office import register as register_module
from office.case_rows import MemoryCases
from office.casebook import CaseInterpreter
from schemas.codec import encode
from schemas.names import OfficeId, OfficerId
from schemas.register import REGISTER, AbsenceStated, EnquiryRecorded, OfficePublished, encode_record
from schemas.wire import KIND_REVOKED, Revoked, Size
from sync.excerpts import post_excerpts
from sync.ports import Batch, Stored
from tests.support.counties import (
    COUNTY,
    FAR_VILLAGE,
    NOON,
    OTHER_TOWNSHIP,
    TOWNSHIP,
    VILLAGE,
    County,
    Office,
    op,
    run,
)
from tests.support.publications import FIRST_DAY, edition, enquiry, item, opening, publish_edition


def whole(*seats: OfficeId) -> County:
    """A county with two townships."""
    return County(TOWNSHIP, OTHER_TOWNSHIP, *(seats or (VILLAGE, FAR_VILLAGE)))


def versions(office: Office) -> list[str]:
    """The editions that are in force here or will be."""
    return [found.version for found in office.casebook.register.editions()]


def kinds_at(office: Office) -> set[str]:
    """Every kind of work that is held here."""
    return {entry.kind for entry in office.store.tables.arrivals if not entry.kind.startswith("line.")}


def refolded(office: Office) -> MemoryCases:
    """The register folded again from the entries, by a casebook that remembers nothing."""
    twin = MemoryCases()
    casebook = CaseInterpreter(twin)
    casebook.attach(office.books)
    reading = run(casebook.refold([None]))
    assert reading.settled == []
    rows = casebook.drain()
    if rows is not None:
        twin.project(rows)
    return twin


def test_an_edition_reaches_every_office_through_the_township() -> None:
    county = whole()
    publish_edition(county[COUNTY], 1, edition())
    county.settle()
    for office in county.offices.values():
        assert versions(office) == ["2026.1"]
        assert office.states() == []
        assert office.casebook.register.records() == county[COUNTY].casebook.register.records()
        assert refolded(office).records.keys() == office.cases.records.keys()


def test_what_a_township_publishes_stays_in_its_own_line() -> None:
    county = whole()
    county[TOWNSHIP].publish(opening(TOWNSHIP, VILLAGE, 1, 5))
    county.settle()
    for seat in (COUNTY, TOWNSHIP, VILLAGE):
        assert county[seat].casebook.register.opening_of(VILLAGE, FIRST_DAY) is not None
    for seat in (OTHER_TOWNSHIP, FAR_VILLAGE):
        assert kinds_at(county[seat]) == set()


def test_an_enquiry_is_counted_above_and_is_nobodys_business_below() -> None:
    county = whole()
    county[VILLAGE].publish(enquiry(VILLAGE, 1))
    county[TOWNSHIP].publish(enquiry(TOWNSHIP, 2))
    county.settle()
    asked = {
        seat: [row.event for row in office.cases.records.values() if isinstance(row.event, EnquiryRecorded)]
        for seat, office in county.offices.items()
    }
    assert {seat: len(events) for seat, events in asked.items()} == {
        COUNTY: 2,
        TOWNSHIP: 2,
        OTHER_TOWNSHIP: 0,
        VILLAGE: 1,
        FAR_VILLAGE: 0,
    }
    assert county[COUNTY].casebook.register.records() == []
    assert run(county[COUNTY].casebook.records_for(TOWNSHIP)) == []


def test_a_device_that_is_enrolled_later_gets_everything_in_order() -> None:
    county = County(TOWNSHIP)
    publish_edition(county[COUNTY], 1, edition())
    county[TOWNSHIP].publish(opening(TOWNSHIP, VILLAGE, 1, 5), enquiry(TOWNSHIP, 1))
    county.settle()
    publish_edition(county[COUNTY], 2, edition("2026.2", item(promise_days=3), item("MZ03")))
    county.enrol(VILLAGE)
    county.enrol(OTHER_TOWNSHIP)
    county.enrol(FAR_VILLAGE)
    county.settle()
    for seat in (VILLAGE, OTHER_TOWNSHIP, FAR_VILLAGE):
        assert versions(county[seat]) == ["2026.1", "2026.2"]
        assert "enquiry.recorded" not in kinds_at(county[seat])
        assert county[seat].states() == []
    assert county[VILLAGE].casebook.register.opening_of(VILLAGE, FIRST_DAY) is not None
    assert county[FAR_VILLAGE].casebook.register.opening_of(VILLAGE, FIRST_DAY) is None


def test_what_was_published_before_anybody_was_enrolled_carries_its_own_signature() -> None:
    """A proof would grow with the county's journal, and does not compress."""
    county = County()
    publish_edition(county[COUNTY], 1, edition())
    assert all(entry.signature for entry in county[COUNTY].store.tables.arrivals if entry.kind in REGISTER)


@pytest.mark.parametrize("seat", [TOWNSHIP, VILLAGE])
def test_a_replaced_device_gets_the_whole_register(seat: OfficeId) -> None:
    county = whole()
    publish_edition(county[COUNTY], 1, edition())
    county[TOWNSHIP].publish(opening(TOWNSHIP, VILLAGE, 1, 5))
    county[VILLAGE].publish(opening(VILLAGE, VILLAGE, 2, 3))
    county.settle()
    before = county[seat].casebook.register.records()
    county.enrol(seat)
    assert county[seat].casebook.register.records() == []
    county.settle(seat)
    if seat == TOWNSHIP:
        run(county[VILLAGE].ledger.meet(county[TOWNSHIP].chain))
    county.settle()
    assert county[seat].casebook.register.records() == before
    assert county[seat].states() == []


def test_a_replaced_device_corrects_what_its_predecessor_published() -> None:
    county = whole()
    for operation in (1, 2, 3):
        county[TOWNSHIP].publish(opening(TOWNSHIP, TOWNSHIP, operation, operation))
        county[TOWNSHIP].start()
    county.settle()
    county.enrol(TOWNSHIP)
    county.settle(TOWNSHIP)
    run(county[VILLAGE].ledger.meet(county[TOWNSHIP].chain))
    county[TOWNSHIP].publish(opening(TOWNSHIP, TOWNSHIP, 4, 7))
    county.settle()
    for seat in (COUNTY, TOWNSHIP, VILLAGE):
        found = county[seat].casebook.register.opening_of(TOWNSHIP, FIRST_DAY)
        assert found == structs.replace(opening(TOWNSHIP, TOWNSHIP, 4, 7), revision=3)


def test_a_restored_node_has_the_register_of_its_backup_and_catches_up() -> None:
    county = whole()
    publish_edition(county[COUNTY], 1, edition())
    county.settle()
    backup = county[VILLAGE].back_up()
    publish_edition(county[COUNTY], 2, edition("2026.2", item(promise_days=3), item("MZ03")))
    county.settle()
    county[VILLAGE].start(*backup, restored=True)
    assert versions(county[VILLAGE]) == ["2026.1"]
    county.settle()
    assert versions(county[VILLAGE]) == ["2026.1", "2026.2"]


@pytest.mark.parametrize(("claims", "code"), [(TOWNSHIP, "register_foreign"), (COUNTY, "foreign_office")])
def test_a_hostile_township_cannot_publish_for_the_county(claims: OfficeId, code: str) -> None:
    """It writes an edition into its own journal and hands it to its village, by a program of its own."""
    county = whole()
    publish_edition(county[COUNTY], 1, edition())
    county.settle()
    hub, township = county[COUNTY], county[TOWNSHIP]
    forged = [
        structs.replace(record.event, office=claims, officer=OfficerId(f"{claims}/li"), operation=op(number))
        for number, record in enumerate(hub.casebook.register.records(), start=50)
    ]
    for event in forged:
        if event.kind == "edition.published":
            event = structs.replace(event, version="2026.9")
        township.write(event.kind, None, encode_record(event))
    written = [entry for entry in township.store.tables.arrivals if entry.inlet == 0 and entry.kind in REGISTER]
    run(post_excerpts(township.books, county[VILLAGE].signer.node, written))
    run(township.ledger.commit())
    slip = county[VILLAGE].file()
    county.settle()
    for seat in (COUNTY, TOWNSHIP, VILLAGE):
        assert county[seat].states() == [("quarantined", code)] * len(forged)
        assert versions(county[seat]) == ["2026.1"]
        assert county[seat].has(slip.case), "the line goes on"
    assert county[FAR_VILLAGE].states() == []


def test_nobody_publishes_under_the_name_of_somebody_of_another_office() -> None:
    county = whole()
    forged = structs.replace(opening(TOWNSHIP, TOWNSHIP, 1, 1), officer=OfficerId(f"{COUNTY}/li"))
    county[TOWNSHIP].write(forged.kind, None, encode_record(forged))
    county.settle()
    for seat in (COUNTY, TOWNSHIP):
        assert county[seat].states() == [("quarantined", "foreign_office")]
        assert not county[seat].casebook.register.openings(FIRST_DAY)


def test_nonsense_is_kept_marked_and_stops_nothing() -> None:
    county = whole()
    hub = county[COUNTY]
    hub.write("edition.published", None, b"\x93\x01")
    hub.write("office.published", None, encode((op(1), COUNTY, "", TOWNSHIP, "云\x00峰")))
    slip = county[VILLAGE].file()
    county.settle()
    hub.write("office.published", slip.case, encode_record(_named("云峰镇", 2)))
    hub.publish(_named("云峰镇", 3))
    county.settle()
    assert hub.states() == [
        ("quarantined", "malformed"),
        ("quarantined", "malformed"),
        ("quarantined", "nul_character"),
    ]
    assert county[VILLAGE].casebook.register.name_of(TOWNSHIP, FIRST_DAY) == "云峰镇"


def test_a_kind_of_a_newer_version_is_passed_on_and_counts_after_an_upgrade(monkeypatch: pytest.MonkeyPatch) -> None:
    """Absences are new here: nobody knew the kind when they came, not even the township between."""
    older = {kind: event for kind, event in REGISTER.items() if kind != "absence.stated"}
    county = whole(VILLAGE)
    wang, deputy = OfficerId(f"{COUNTY}/wang"), OfficerId(f"{COUNTY}/li")
    away = AbsenceStated(op(1), COUNTY, wang, wang, FIRST_DAY, FIRST_DAY, deputy)
    with monkeypatch.context() as before:
        before.setattr(register_module, "REGISTER", older)
        county[COUNTY].write("absence.stated", None, encode_record(away))
        county.settle()
        county.enrol(OTHER_TOWNSHIP)
        county.settle()
        for office in county.offices.values():
            assert office.states() == [("unknown", "unknown_kind")]
            assert office.casebook.register.records() == []
    village = county[VILLAGE]
    reading = run(village.casebook.refold([None]))
    assert [(settled.state, settled.code) for settled in reading.settled] == [("", "")]
    assert village.casebook.register.deputy_of(wang, FIRST_DAY) == deputy


def test_a_revoked_device_takes_back_what_it_published_too_late() -> None:
    county = whole()
    county[TOWNSHIP].publish(opening(TOWNSHIP, VILLAGE, 1, 5))
    county.settle()
    stolen = county[TOWNSHIP]
    held = county[COUNTY].books.journals
    positions = [
        Size(journal.origin, journal.epoch, state.size)
        for journal, state in held.items()
        if journal.origin == stolen.signer.node
    ]
    stolen.publish(opening(TOWNSHIP, VILLAGE, 2, 1, 2, 3, 4, 5, 6, 7))
    county.settle()
    late = structs.replace(opening(TOWNSHIP, VILLAGE, 2, 1, 2, 3, 4, 5, 6, 7), revision=1)
    assert county[VILLAGE].casebook.register.opening_of(VILLAGE, FIRST_DAY) == late
    county[COUNTY].write(KIND_REVOKED, None, encode(Revoked(stolen.signer.node, positions, "被盗")))
    hub = county[COUNTY]
    assert hub.casebook.register.opening_of(VILLAGE, FIRST_DAY) == opening(TOWNSHIP, VILLAGE, 1, 5)
    assert ("held", "revoked") in hub.states()
    assert refolded(hub).records.keys() == hub.cases.records.keys()


def test_a_failed_commit_leaves_the_register_as_it_was() -> None:
    county = County(TOWNSHIP)
    hub = county[COUNTY]
    publish_edition(hub, 1, edition())

    def fail(batch: Batch) -> None:
        raise OSError("no space left on device")

    hub.store.before_commit = fail
    with pytest.raises(OSError, match="space"):
        publish_edition(hub, 2, edition("2026.2", item(promise_days=3), item("MZ03")))
    hub.store.before_commit = None
    assert versions(hub) == ["2026.1"]
    assert hub.catalogue.in_force(NOON).version == "2026.1"
    assert publish_edition(hub, 2, edition("2026.2", item(promise_days=3), item("MZ03"))) == 2


def test_any_order_of_arrival_makes_the_same_register() -> None:
    county = County(TOWNSHIP, VILLAGE)
    publish_edition(county[COUNTY], 1, edition())
    publish_edition(county[COUNTY], 2, edition("2026.2", item(promise_days=3), item("MZ03")))
    county[COUNTY].publish(_named("云峰镇", 3), _named("云峰街道", 3))
    county[TOWNSHIP].publish(opening(TOWNSHIP, VILLAGE, 4, 5), opening(TOWNSHIP, VILLAGE, 4, 6))
    county.settle()
    hub = county[COUNTY]
    entries = [entry for entry in hub.store.tables.arrivals if entry.kind in REGISTER]
    expected = hub.casebook.register.records()
    random = Random(11)
    for _ in range(40):
        assert _folded(hub, random.sample(entries, len(entries)) + random.choices(entries, k=5)) == expected


def _folded(office: Office, entries: Sequence[Stored]) -> object:
    casebook = CaseInterpreter(MemoryCases())
    casebook.attach(office.books)
    for entry in entries:
        (outcome,) = run(casebook.interpret([entry])).outcomes
        assert outcome.state == ""
    return casebook.register.records()


def _named(name: str, operation: int) -> OfficePublished:
    return OfficePublished(op(operation), COUNTY, OfficerId(""), TOWNSHIP, name, valid_from=FIRST_DAY)
