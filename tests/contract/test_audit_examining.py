"""The audit of a real county on both databases: what arrives is examined once, and findings live their lives."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from pathlib import Path

import pytest
from msgspec import structs
from sqlalchemy import func, select, text

from hub.audit import examining, sweeping
from hub.audit.database import EXAMINED
from hub.audit.dossier import Dossier
from hub.audit.findings import NO_SUBJECT, Found, State
from hub.audit.rule import Hit, Need, Severity
from hub.audit.sweeping import basis_of, examine_due, keep_found, note_basis, renew, sweep
from hub.audit.tables import FACTS, audit_cases, audit_papers
from office.clock import SystemClock
from office.erasure_orders import Order, erasure_orders_of
from office.paths import Home
from schemas.casework.roles import Role
from schemas.casework.values import Handover, Outcome
from schemas.codec import decode, encode
from schemas.names import CaseId, Epoch, Instant, NodeId, OfficerId
from schemas.refusals import Refused
from schemas.wire import KIND_PINNED, KIND_RECEIPTED, JournalHead, Pinned, Receipted
from sync import housekeeping
from sync.books import Books
from tests.support.audits import UNDECIDED, all_findings, examiner_of, make_rule, undecided
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE, agent, clerk, op
from tests.support.nodes import Network, Places, found_network
from tests.support.postgres import PostgresServer

DAY_MS = 24 * 3600 * 1000


@pytest.fixture(scope="module")
async def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A county with nothing in it, on SQLite; to be copied, not touched."""
    folder = tmp_path_factory.mktemp("founded")
    await found_network(folder)
    return folder


@pytest.fixture(params=["postgres", "sqlite"])
async def network(request: pytest.FixtureRequest, founded: Path, tmp_path: Path) -> AsyncGenerator[Network]:
    """Three open nodes; the county over each database."""
    if request.param == "sqlite":
        shutil.copytree(founded, tmp_path / "homes")
        opened = await Network.open(Places(tmp_path / "homes"))
        yield opened
        await opened.close()
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = await server.create_database()
    opened = await Network.open(await found_network(tmp_path / "homes", url))
    yield opened
    await opened.close()
    await server.drop_database(url)


def stopped_at(milliseconds: int) -> Callable[[SystemClock], Instant]:
    """A clock that says nothing else."""
    return lambda clock: Instant(milliseconds)


async def file(network: Network, number: int = 10) -> CaseId:
    """A matter comes to the village and is sent to the township; the county hears of it."""
    case = (await network.file(number)).case
    await network.village.desk.offer_custody(agent(), case, op(number + 1), to=TOWNSHIP)
    await network.settle()
    return case


async def decide(network: Network, case: CaseId, number: int = 10) -> None:
    """The township accepts and grants it."""
    desk = network.township.desk
    await desk.accept_custody(clerk(), case, op(number + 2))
    await desk.decide(clerk(), case, op(number + 3), outcome=Outcome.GRANTED, reason="符合条件", basis="第36条")
    await network.settle()


async def end(network: Network, case: CaseId, number: int = 10) -> None:
    """The result goes back, is handed over, and the case is closed."""
    await network.township.desk.offer_custody(clerk(), case, op(number + 4), to=VILLAGE)
    await network.settle()
    desk = network.village.desk
    await desk.accept_custody(agent(), case, op(number + 5))
    await desk.hand_over(agent(), case, op(number + 6), recipient="样例", how=Handover.HOME)
    await desk.close_case(agent(), case, op(number + 7))
    await network.settle()


# --- what arrives ----------------------------------------------------------------------------------------------------


async def test_what_arrives_is_examined_once(network: Network) -> None:
    case = await file(network)
    async with examiner_of(network.hub, [undecided()]) as examiner:
        assert await examiner.backlog() == network.hub.books.arrival
        done = await examiner.examine_arrived()
        assert (done.cases, done.fresh, done.failed) == (1, 1, 0)
        assert await examiner.backlog() == 0
        (finding,) = await all_findings(examiner.audit, examiner)
        assert (finding.subject, finding.rule, finding.office) == (case, UNDECIDED, VILLAGE)
        assert (finding.state, finding.severity, finding.officer) == (State.OPEN, Severity.YELLOW, agent().officer)
        entries = await network.hub.store.entries_at(list(finding.evidence))
        assert [entry.kind for entry in entries.values()] == ["case.filed"]
        assert (await examiner.examine_arrived()).entries == 0
        # Examined from the beginning again, by whoever lost track: nothing is found twice.
        async with examiner.audit.writing() as connection:
            for table in FACTS:
                await connection.execute(table.delete())
            await connection.execute(text("UPDATE audit_meta SET value = '0' WHERE name = 'examined'"))
        again = await examiner.examine_arrived()
        assert (again.cases, again.fresh, again.gone) == (1, 0, 0)


async def test_a_late_entry_takes_the_ground_of_a_finding_away(network: Network) -> None:
    case = await file(network)
    async with examiner_of(network.hub, [undecided()]) as examiner:
        await examiner.examine_arrived()
        await decide(network, case)
        done = await examiner.examine_arrived()
        assert (done.fresh, done.gone) == (0, 1)
        (finding,) = await all_findings(examiner.audit, examiner)
        # It stays as it was found, and says why it does not stand any more.
        assert (finding.state, finding.gone_code, finding.severity) == (State.GONE, "entries_changed", Severity.YELLOW)
        assert dict(finding.facts) == {"turn": 2}


async def test_another_severity_is_a_row_that_follows(network: Network) -> None:
    case = await file(network)
    async with examiner_of(network.hub, [undecided()]) as examiner:
        await examiner.examine_arrived()
    async with examiner_of(network.hub, [undecided(Severity.RED)]) as examiner:
        await examiner.examine([case])
        before, after = await all_findings(examiner.audit, examiner)
        assert (before.state, before.gone_code, before.is_latest) == (State.GONE, "severity_changed", False)
        assert (after.state, after.severity, after.follows) == (State.OPEN, Severity.RED, before.number)
        assert after.is_latest


async def test_a_rule_that_fails_hinders_no_other_and_takes_nothing_back(
    network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    case = await file(network)
    failing = list[CaseId]()

    def judge(dossier: Dossier) -> Iterable[Hit]:
        if failing:
            raise ZeroDivisionError(dossier.file.filing)
        yield Hit(Severity.INFO, TOWNSHIP, (dossier.deeds[0].place,))

    async with examiner_of(network.hub, [make_rule("T2", judge), undecided()]) as examiner:
        await examiner.examine_arrived()
        failing.append(case)
        await decide(network, case)
        done = await examiner.examine_arrived()
        assert (done.failed, done.gone) == (1, 1)
        states = {finding.rule: finding.state for finding in await all_findings(examiner.audit, examiner)}
        assert states == {"T2": State.OPEN, UNDECIDED: State.GONE}
    # The log names the place of the fault, and nobody.
    assert "rule T2 failed" in caplog.text
    assert "王秀英" not in caplog.text


async def test_two_workers_with_the_same_work_find_everything_once(network: Network) -> None:
    cases = [await file(network, number) for number in (10, 20, 30)]
    async with (
        examiner_of(network.hub, [undecided()]) as one,
        examiner_of(network.hub, [undecided()]) as other,
    ):
        done = await asyncio.gather(one.examine_arrived(), other.examine_arrived())
        assert sum(each.entries for each in done) == network.hub.books.arrival
        found = await all_findings(one.audit, one)
        assert sorted(finding.subject for finding in found) == sorted(cases)
        assert await other.backlog() == 0


async def test_a_worker_killed_in_the_middle_leaves_its_page_to_the_next(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    await file(network)

    class Killed(BaseException):
        pass

    async def die(*_: object) -> None:
        raise Killed

    async with examiner_of(network.hub, [undecided()]) as examiner:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            # Everything is written, and the power goes before the commit.
            patch.setattr(examining, "keep", die)
            await examiner.examine_arrived()
        assert await all_findings(examiner.audit, examiner) == []
        assert await examiner.audit.number(EXAMINED) == 0
        assert (await examiner.examine_arrived()).fresh == 1


async def test_a_case_without_its_filing_waits_for_it(network: Network) -> None:
    case = (await network.file(10)).case
    async with examiner_of(network.hub, [undecided()]) as examiner:
        assert (await examiner.examine([case])).cases == 0


# --- what stands around a case ---------------------------------------------------------------------------------------


async def test_cases_of_one_person_telephone_and_officer_find_each_other(network: Network) -> None:
    seen: dict[CaseId, Dossier] = {}

    def judge(dossier: Dossier) -> Iterable[Hit]:
        seen[dossier.file.case] = dossier
        return ()

    first, second = await file(network, 10), await file(network, 20)
    async with examiner_of(network.hub, [make_rule("T3", judge, needs=Need)]) as examiner:
        await examiner.examine_arrived()
        together = {case: seen[case].around for case in (first, second)}
        third = await file(network, 30)
        await examiner.examine_arrived()
        # In one page, and across pages; with the facts of the very case among them.
        for case in (first, second):
            assert [fact.case for fact in together[case].by_person] == [first, second]
            assert [fact.case for fact in together[case].by_phone] == [first, second]
            assert {fact.case for fact in together[case].by_officer} == {first, second}
        around = seen[third].around
        assert [fact.case for fact in around.by_person] == [first, second, third]
        assert [fact.case for fact in around.by_phone] == [first, second, third]
        acts = [(fact.case, fact.kind) for fact in around.by_officer if fact.officer == agent().officer]
        assert acts == [(case, kind) for case in (first, second, third) for kind in ("case.filed", "custody.offered")]
        assert {fact.origin for fact in around.by_officer} == {network.village.books.seat.node}
        assert len({fact.place for fact in around.by_officer}) == len(around.by_officer)
    # The next process knows it from the rows alone.
    async with examiner_of(network.hub, [make_rule("T3", judge, needs=Need)]) as examiner:
        await examiner.examine([first])
        assert [fact.case for fact in seen[first].around.by_person] == [first, second, third]
        assert list(seen[first].around.by_officer) == list(around.by_officer)


async def test_no_name_and_no_number_stands_in_the_audit(network: Network) -> None:
    await file(network)
    async with examiner_of(network.hub, [undecided()]) as examiner:
        await examiner.examine_arrived()
        async with examiner.audit.engines.read.connect() as connection:
            rows = [tuple(row) for table in FACTS for row in (await connection.execute(select(table))).all()]
    said = repr(rows)
    assert VILLAGE in said
    for personal in ("王秀英", "510824194910010025", "13800000000", "申请备案"):
        assert personal not in said
        assert repr(personal.encode())[2:-1] not in said


# --- times -----------------------------------------------------------------------------------------------------------


async def test_times_are_bracketed_by_what_others_signed(network: Network) -> None:
    seen: list[Dossier] = []

    def judge(dossier: Dossier) -> Iterable[Hit]:
        seen.append(dossier)
        return ()

    hub = network.hub
    await hub.writer.alone(hub.ledger.light_beacon)
    await network.settle()
    lit = hub.books.beacon_at
    case = await file(network)
    await network.settle()
    async with examiner_of(hub, [make_rule("T4", judge)]) as examiner:
        await examiner.examine_arrived()
        (dossier,) = seen
        for deed in dossier.deeds:
            assert deed.bracket.not_before is not None, deed.kind
            assert deed.bracket.not_after is not None, deed.kind
            # The county has heard of it all, by its own receipts.
            assert dossier.heard_until.keys() == {TOWNSHIP, VILLAGE}
            assert all(lit <= at + 1000 for at in dossier.heard_until.values())
            # The cosignature counts whole seconds.
            assert lit <= deed.bracket.not_before <= deed.at <= deed.bracket.not_after + 1000
        # Another process reads the same from its rows.
        async with examiner_of(hub, [make_rule("T4", judge)]) as other:
            await other.examine([case])
        assert [deed.bracket for deed in seen[-1].deeds] == [deed.bracket for deed in dossier.deeds]
        assert seen[-1].heard_until == dossier.heard_until


async def test_nobody_has_seen_a_beacon_that_was_never_lit(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """A village that names a beacon of next year would gain a year for every term that counts from its acts."""
    hub = network.hub
    await hub.writer.alone(hub.ledger.light_beacon)
    next_year = Instant(hub.clock.now() + 365 * DAY_MS)
    honest = housekeeping.due_pin

    async def lying(books: Books, neighbour: NodeId) -> Pinned | None:
        pin = await honest(books, neighbour)
        return None if pin is None else structs.replace(pin, beacon_at=next_year, receipted_at=next_year)

    monkeypatch.setattr(housekeeping, "due_pin", lying)
    case = await file(network)
    await network.settle()
    seen: list[Dossier] = []

    def judge(dossier: Dossier) -> Iterable[Hit]:
        seen.append(dossier)
        return ()

    async with examiner_of(hub, [make_rule("T4", judge)]) as examiner:
        await examiner.examine_arrived()
        assert [dossier.file.case for dossier in seen] == [case]
        pins = await hub.store.entries_of_kind(KIND_PINNED)
        assert any(decode(pin.body or b"", Pinned).beacon_at == next_year for pin in pins)
        assert all((deed.bracket.not_before or 0) < next_year for deed in seen[0].deeds)


async def test_statements_that_are_false_or_said_twice_stop_nobody(network: Network) -> None:
    """Whoever has a device may sign whatever reads as a receipt: the audit of everybody else goes on."""
    await file(network)
    hub = network.hub
    own = next(journal for journal in hub.books.tips if journal.origin == network.village.books.seat.node)
    relay = network.township.books.seat.node

    def said(*heads: JournalHead, at: int = 1_000) -> bytes:
        return encode(Receipted(relay, TOWNSHIP, Instant(at), list(heads), bytes(64)))

    good = JournalHead(own.origin, own.epoch, 1, bytes(32))
    bodies = [
        said(JournalHead(own.origin, own.epoch, 2**63, bytes(32))),
        said(good, at=2**63),
        said(JournalHead(NodeId("nobody"), Epoch(2**62, b""), 1, bytes(32))),
        b"\xc1",
        said(good),
        said(good, good),
    ]
    (seen,) = await hub.store.entries(own, 0, 1)
    async with examiner_of(hub, [undecided()]) as examiner:
        await examiner.examine_arrived()
        before = examiner.anchoring.timeline(own).not_after(1)
        hostile = [structs.replace(seen, kind=KIND_RECEIPTED, body=body) for body in bodies]
        for _ in range(2):
            await examiner.anchoring.take(hostile)
            async with examiner.audit.writing() as connection:
                await examiner.anchoring.drain().write(connection)
        timeline = examiner.anchoring.timeline(own)
        assert (timeline.not_after(0), timeline.not_after(1)) == (1_000, before)


# --- the sweep -------------------------------------------------------------------------------------------------------


async def test_what_time_alone_has_changed_is_found_by_the_sweep(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await file(network)
    await network.township.desk.accept_custody(clerk(), case, op(12))
    await network.settle()
    hub = network.hub

    def judge(dossier: Dossier) -> Iterable[Hit]:
        if any(clock.is_running and clock.is_overdue(dossier.today) for clock in dossier.clocks):
            yield Hit(Severity.RED, TOWNSHIP, (dossier.deeds[-1].place,))

    async with examiner_of(hub, [make_rule("T5", judge)]) as examiner:
        await note_basis(examiner)
        await examiner.examine_arrived()
        assert (await examine_due(examiner, hub.today)).cases == 0
        now = hub.clock.now()
        monkeypatch.setattr(SystemClock, "now", stopped_at(now + 40 * DAY_MS))
        done = await sweep(examiner)
        assert (done.cases, done.fresh) == (1, 1)
        # It stands until something changes: the next night does not look at it for that.
        assert (await examine_due(examiner, hub.today)).cases == 0
        (finding,) = await all_findings(examiner.audit, examiner)
        assert finding.subject == case
        monkeypatch.undo()


async def test_an_ended_case_is_never_looked_at_again_for_time_alone(network: Network) -> None:
    case = await file(network)
    await decide(network, case)
    async with examiner_of(network.hub, [undecided()]) as examiner:
        await examiner.examine_arrived()
        look = select(audit_cases.c.look_day)
        async with examiner.audit.engines.read.connect() as connection:
            assert (await connection.execute(look)).scalar_one() is not None
        await end(network, case)
        await examiner.examine_arrived()
        async with examiner.audit.engines.read.connect() as connection:
            assert (await connection.execute(look)).scalar_one() is None


async def test_a_changed_rule_looks_at_everything_again_and_goes_on_where_it_was_broken_off(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "READ_AT_ONCE", 1)
    cases = [await file(network, number) for number in (10, 20, 30)]
    async with examiner_of(network.hub, [undecided()]) as examiner:
        await note_basis(examiner)
        await examiner.examine_arrived()
        assert (await renew(examiner)).cases == 0
    never = make_rule(UNDECIDED, lambda dossier: (), version=2)
    async with examiner_of(network.hub, [never]) as examiner:
        real, calls = examiner.examine, list[Sequence[CaseId]]()

        async def tiring(subjects: Sequence[CaseId], marks: object = None) -> object:
            calls.append(subjects)
            if len(calls) == 3:
                raise OSError
            return await real(subjects, marks)  # pyright: ignore[reportArgumentType]

        examiner.examine = tiring  # pyright: ignore[reportAttributeAccessIssue]
        with pytest.raises(OSError):
            await renew(examiner)
        del examiner.examine
        assert (await renew(examiner)).cases == 1
        assert (await renew(examiner)).cases == 0
        found = await all_findings(examiner.audit, examiner)
        assert {(finding.subject, finding.gone_code, finding.version) for finding in found} == {
            (case, "rule_changed", 1) for case in cases
        }
        assert await examiner.audit.word(sweeping.BASIS) == basis_of(examiner)


async def test_a_part_that_fails_is_told_and_the_sweep_is_due_again(
    network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []

    async def good(examiner: examining.Examiner) -> None:
        done.append("good")

    async def bad(examiner: examining.Examiner) -> None:
        raise ValueError("王秀英")

    async with examiner_of(network.hub, [undecided()]) as examiner:
        assert await sweeping.is_sweep_due(examiner)
        await sweep(examiner, [("bad", bad), ("good", good)])
        assert done == ["good"]
        assert "a part of the sweep, bad, failed" in caplog.text
        assert "王秀英" not in caplog.text
        assert await sweeping.is_sweep_due(examiner)
        await sweep(examiner, [("good", good)])
        assert not await sweeping.is_sweep_due(examiner)


async def test_what_no_case_shows_is_kept_beside(network: Network) -> None:
    place = (next(iter(network.hub.books.tips)), 0)
    hit = Hit(Severity.RED, TOWNSHIP, (place,), {"device": "a"}, key="a")
    found = Found("I4", 1, hit, proof="证明".encode())
    async with examiner_of(network.hub, [undecided()]) as examiner:
        await keep_found(examiner, [found], [])
        standing = await examiner.findings.standing([NO_SUBJECT], {"I4"})
        assert [(one.rule, one.has_proof, one.evidence) for one in standing] == [("I4", True, (place,))]
        assert await examiner.findings.proof_of(standing[0].number) == "证明".encode()
        async with examiner.audit.engines.read.connect() as connection:
            sealed = (await connection.execute(text("SELECT proof FROM audit_findings"))).scalar_one()
        assert "证明".encode() not in sealed
        assert (await keep_found(examiner, [found], standing)).fresh == 0
        assert (await keep_found(examiner, [], standing)).gone == 1


# --- an officer's word -----------------------------------------------------------------------------------------------


async def test_an_officer_confirms_or_dismisses_once_and_says_why(network: Network) -> None:
    for number in (10, 20):
        await file(network, number)
    officer, now = OfficerId(f"{COUNTY}/chen"), network.hub.clock.now()
    async with examiner_of(network.hub, [undecided()]) as examiner:
        await examiner.examine_arrived()
        one, other = await all_findings(examiner.audit, examiner)
        findings = examiner.findings
        for number, state in ((one.number, State.CONFIRMED), (other.number, State.DISMISSED)):
            for reason in ("", "  ", "字" * 501):
                with pytest.raises(Refused, match="reason"):
                    async with examiner.audit.writing() as connection:
                        await findings.decide(connection, number, state, officer, reason, now)
            async with examiner.audit.writing() as connection:
                await findings.decide(connection, number, state, officer, " 已核实 ", now)
            assert await findings.words_of(number) == "已核实"
            with pytest.raises(Refused) as refusal:
                async with examiner.audit.writing() as connection:
                    await findings.decide(connection, number, State.DISMISSED, officer, "again", now)
            assert refusal.value.code == "finding_not_open"
        assert [finding.number for finding in await findings.search(is_open=True)] == []
        assert [finding.number for finding in await findings.search(office=TOWNSHIP)] == [other.number, one.number]
        assert await findings.search(rule="P1") == []
        with pytest.raises(Refused) as refusal:
            await findings.get(999)
        assert refusal.value.code == "no_such_finding"
        # A case that goes on keeps what was confirmed, and says that its ground is gone.
        await decide(network, one.subject, 10)
        await decide(network, other.subject, 20)
        await examiner.examine_arrived()
        states = [(each.state, each.gone_code) for each in await all_findings(examiner.audit, examiner)]
        assert states == [(State.CONFIRMED, "entries_changed"), (State.DISMISSED, None)]


# --- what goes, and what comes back ----------------------------------------------------------------------------------


async def test_an_erased_case_leaves_no_mark_of_its_person(network: Network) -> None:
    hub = network.hub
    for login, name, role in (("zhang", "张", Role.SUPERVISOR), ("li", "李", Role.LEADER)):
        await hub.accounts.add_officer(login, name, COUNTY, [role], "three quiet herons")
    case = await file(network)
    await decide(network, case)
    await end(network, case)

    def judge(dossier: Dossier) -> Iterable[Hit]:
        yield Hit(Severity.INFO, TOWNSHIP, (dossier.deeds[0].place,))

    async with examiner_of(hub, [make_rule("T6", judge)]) as examiner:
        await examiner.examine_arrived()
        order = Order(case, OfficerId(f"{COUNTY}/zhang"), OfficerId(f"{COUNTY}/li"), "依法", (), True)
        await erasure_orders_of(hub).order(order)
        await examiner.examine_arrived()
        async with examiner.audit.engines.read.connect() as connection:
            row = (await connection.execute(select(audit_cases))).one()
            papers = (await connection.execute(select(func.count()).select_from(audit_papers))).scalar_one()
        assert (row.person, row.namesake, row.phone, papers) == (None, None, None, 0)
        assert (row.subject, row.outcome) == (case, "granted")
        (finding,) = await all_findings(examiner.audit, examiner)
        assert (finding.state, finding.gone_code) == (State.GONE, "erased")


async def test_a_store_that_was_put_back_is_examined_from_the_beginning(founded: Path, tmp_path: Path) -> None:
    shutil.copytree(founded, tmp_path / "homes")
    places = Places(tmp_path / "homes")
    network = await Network.open(places)
    await file(network, 10)
    await network.close()
    home = Home(places.home(COUNTY))
    shutil.copy(home.database, tmp_path / "earlier.db")
    network = await Network.open(places)
    await file(network, 20)
    async with examiner_of(network.hub, [undecided()]) as examiner:
        await examiner.examine_arrived()
        upto = await examiner.audit.number(EXAMINED)
        found = await all_findings(examiner.audit, examiner)
        assert len(found) == 2
    await network.close()
    # The node's store alone comes back from a backup; other entries arrive under the same numbers.
    for companion in ("-wal", "-shm"):
        home.database.with_name(home.database.name + companion).unlink(missing_ok=True)
    shutil.copy(tmp_path / "earlier.db", home.database)
    network = await Network.open(places)
    await file(network, 30)
    async with examiner_of(network.hub, [undecided()]) as examiner:
        while network.hub.books.arrival <= upto:
            await file(network, 40 + network.hub.books.arrival)
        await examiner.examine_arrived()
        assert await examiner.backlog() == 0
        async with examiner.audit.engines.read.connect() as connection:
            examined = set((await connection.execute(select(audit_cases.c.subject))).scalars())
        assert examined == set(await network.hub.subjects())
        assert {one.subject for one in await all_findings(examiner.audit, examiner)} == examined
    await network.close()
