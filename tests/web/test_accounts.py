"""Stories and attacks around accounts, passwords and sessions, on SQLite and on PostgreSQL."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from sqlalchemy import event, select, text, update
from sqlalchemy.exc import OperationalError

from office.access_log import AccessLog, PurposeRefused
from office.account_tables import access_log, login_delays, officers, sessions
from office.accounts import IDLE_MS_MAX, SESSION_MS_MAX, TOUCH_MS, AccountRefused, check_password
from office.delays import DELAY_MS_MAX, FREE_FAILURES, SignInRefused
from schemas.casework.roles import Role
from schemas.names import CaseId, OfficeId, OfficerId
from tests.web.people import OTHER_PASSWORD, PASSWORD, SEAT, People, people_at

ADDRESS = "192.0.2.7"
CASE = CaseId(b"c" * 16)
OFFICER = OfficerId(f"{SEAT}/zhoumin")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else ""


@pytest.fixture
async def people(database: str, tmp_path: Path) -> AsyncGenerator[People]:
    async with people_at(tmp_path, database) as found:
        yield found


async def hire(people: People, login: str = "zhoumin", *roles: Role) -> None:
    await people.accounts.add_officer(login, "周敏", SEAT, roles or (Role.CLERK,), PASSWORD)


async def refused_sign_in(
    people: People, password: str, login: str = "zhoumin", address: str = ADDRESS
) -> SignInRefused:
    with pytest.raises(SignInRefused) as caught:
        await people.accounts.sign_in(login, password, address)
    return caught.value


async def test_a_fresh_node_has_nobody_to_sign_in_as(people: People) -> None:
    assert await people.accounts.list_officers() == []
    for login, password in (("admin", "admin"), ("root", "root"), ("admin", ""), ("", "")):
        refusal = await refused_sign_in(people, password, login, address=f"of {login}{password}")
        assert refusal.code == "sign_in_wrong"


async def test_an_officer_signs_in_works_and_signs_out(people: People) -> None:
    await hire(people, "zhoumin", Role.CLERK, Role.APPROVER)
    name, signed_in = await people.accounts.sign_in(" ZhouMin ", PASSWORD, ADDRESS)
    assert signed_in.officer == f"{SEAT}/zhoumin"
    assert signed_in.roles == {Role.CLERK, Role.APPROVER}
    assert await people.accounts.find_session(name) == signed_in
    await people.accounts.sign_out(name)
    assert await people.accounts.find_session(name) is None


async def test_the_database_holds_neither_password_nor_session_name(people: People) -> None:
    await hire(people)
    name, _ = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    async with people.engines.read.connect() as connection:
        rows = [
            *(await connection.execute(select(officers))).all(),
            *(await connection.execute(select(sessions))).all(),
        ]
    written = repr(rows)
    assert PASSWORD not in written
    assert name not in written
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in written


async def test_a_session_planted_before_sign_in_is_worthless_afterwards(people: People) -> None:
    await hire(people)
    planted, _ = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    name, _ = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS, previous=planted)
    assert name != planted
    assert await people.accounts.find_session(planted) is None


async def test_a_session_ends_after_half_an_hour_without_work(people: People) -> None:
    await hire(people)
    name, _ = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    people.clock.at += IDLE_MS_MAX - 1
    assert await people.accounts.find_session(name) is not None
    people.clock.at += IDLE_MS_MAX
    assert await people.accounts.find_session(name) is not None, "work in between keeps it open"
    people.clock.at += IDLE_MS_MAX + 1
    assert await people.accounts.find_session(name) is None


async def test_a_session_ends_after_twelve_hours_however_busy(people: People) -> None:
    await hire(people)
    name, _ = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    for _ in range(SESSION_MS_MAX // IDLE_MS_MAX):
        assert await people.accounts.find_session(name) is not None
        people.clock.at += IDLE_MS_MAX
    assert await people.accounts.find_session(name) is not None
    people.clock.advance(s=1)
    assert await people.accounts.find_session(name) is None


async def test_a_clock_that_jumps_back_ends_sessions_but_not_work(people: People) -> None:
    await hire(people)
    name, _ = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    people.clock.at -= 10 * SESSION_MS_MAX
    assert await people.accounts.find_session(name) is None
    again, _ = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    assert await people.accounts.find_session(again) is not None


async def test_each_wrong_password_makes_the_next_wait_longer_and_never_for_good(people: People) -> None:
    await hire(people)
    for _ in range(FREE_FAILURES):
        assert (await refused_sign_in(people, "wrong wrong wrong")).code == "sign_in_wrong"
    waits: list[int] = []
    for _ in range(14):
        delayed = await refused_sign_in(people, PASSWORD)
        assert delayed.code == "sign_in_delayed"
        waits.append(delayed.wait_s)
        people.clock.advance(s=delayed.wait_s)
        await refused_sign_in(people, "wrong wrong wrong")
    assert waits[:8] == [2, 4, 8, 16, 32, 64, 128, 256]
    assert all(300 < wait_s <= DELAY_MS_MAX // 1000 for wait_s in waits[8:]), "a handful of guesses an hour, no more"
    people.clock.at += DELAY_MS_MAX
    name, _ = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    assert await people.accounts.find_session(name) is not None
    await refused_sign_in(people, "wrong wrong wrong")
    assert (await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS))[0], "a success forgets the failures"


async def test_guesses_from_elsewhere_do_not_keep_an_officer_from_work(people: People) -> None:
    await hire(people)
    for _ in range(FREE_FAILURES + 1):
        await refused_sign_in(people, "wrong wrong wrong", address="198.51.100.9")
    assert (await refused_sign_in(people, PASSWORD, address="198.51.100.9")).code == "sign_in_delayed"
    assert (await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS))[0]


async def test_one_address_trying_many_logins_is_slowed_too(people: People) -> None:
    codes = [(await refused_sign_in(people, "wrong wrong wrong", login=f"guess{n}")).code for n in range(32)]
    assert codes[0] == "sign_in_wrong"
    assert codes[-1] == "sign_in_delayed"


async def test_an_offices_daily_mistypes_delay_nobody(people: People) -> None:
    await hire(people)
    for day in range(16):
        for hours in (1, 22):
            people.clock.advance(hours=hours)
            await refused_sign_in(people, "wrong wrong wrong", login=f"newcomer{day}")
    assert (await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS))[0], "also one who never came from there"


async def test_a_colleagues_guesses_do_not_delay_who_has_signed_in_from_there(people: People) -> None:
    for name in ("zhoumin", "liqiang"):
        await hire(people, name)
    await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    people.clock.advance(hours=24 * 20)
    while (await refused_sign_in(people, "wrong wrong wrong", login=f"guess{people.clock.at}")).wait_s == 0:
        people.clock.at += 1
    assert (await refused_sign_in(people, PASSWORD, login="liqiang")).code == "sign_in_delayed"
    await refused_sign_in(people, "mistyped at last")
    assert (await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS))[0]
    for _ in range(FREE_FAILURES):
        await refused_sign_in(people, "wrong wrong wrong")
    assert (await refused_sign_in(people, PASSWORD)).code == "sign_in_delayed", "its own failures count as ever"


async def test_a_node_that_cannot_write_is_read_all_the_same(people: People) -> None:
    await hire(people)
    name, _ = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    people.clock.at += TOUCH_MS

    def refuse(*_: object) -> None:
        raise OperationalError("UPDATE", None, sqlite3.OperationalError("database or disk is full"))

    event.listen(people.engines.write.sync_engine, "before_cursor_execute", refuse)
    assert await people.accounts.find_session(name) is not None
    people.clock.at += IDLE_MS_MAX
    assert await people.accounts.find_session(name) is None, "it was not seen to be used"


async def test_many_guesses_at_once_gain_nothing(people: People) -> None:
    await hire(people)
    attempts = [people.accounts.sign_in("zhoumin", f"guess number {n}", ADDRESS) for n in range(12)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    codes = [outcome.code for outcome in outcomes if isinstance(outcome, SignInRefused)]
    assert len(codes) == 12
    assert codes.count("sign_in_wrong") == FREE_FAILURES


async def test_the_refusal_does_not_tell_whether_the_login_exists(people: People) -> None:
    await hire(people)
    known = await refused_sign_in(people, "wrong wrong wrong")
    unknown = await refused_sign_in(people, "wrong wrong wrong", login="nobody")
    assert (known.code, known.zh, known.en) == (unknown.code, unknown.zh, unknown.en)
    for part in ("zhoumin", "nobody", ADDRESS):
        assert part not in str(known) + str(unknown)


async def test_the_table_of_delays_lists_no_login_and_no_address(people: People) -> None:
    await refused_sign_in(people, "wrong wrong wrong", login="somebody")
    async with people.engines.read.connect() as connection:
        written = repr((await connection.execute(select(login_delays))).all())
    assert "somebody" not in written
    assert ADDRESS not in written


async def test_a_suspended_officer_is_out_at_once(people: People) -> None:
    await hire(people)
    name, signed_in = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    await people.accounts.suspend_officer(signed_in.officer)
    assert await people.accounts.find_session(name) is None
    assert (await refused_sign_in(people, PASSWORD)).code == "sign_in_wrong"


async def test_a_resumed_officer_signs_in_with_the_same_password(people: People) -> None:
    await hire(people)
    await people.accounts.suspend_officer(OFFICER)
    await people.accounts.resume_officer(OFFICER)
    assert (await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS))[1].officer == OFFICER


async def test_a_promoted_officer_signs_in_anew_and_keeps_the_name_beside_old_acts(people: People) -> None:
    await hire(people)
    name, _ = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    window = OfficeId(f"{SEAT}.mz")
    moved = await people.accounts.change_officer(OFFICER, name="周敏敏", office=window, roles=(Role.APPROVER,))
    assert await people.accounts.find_session(name) is None
    _, signed_in = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    assert (signed_in.officer, signed_in.office, signed_in.roles) == (f"{window}/zhoumin", window, {Role.APPROVER})
    elsewhere = OfficerId("510824100201/zhoumin")
    names = await people.accounts.find_names({OFFICER, moved, elsewhere, OfficerId(f"{SEAT}/nobody")})
    assert names == {OFFICER: "周敏敏", moved: "周敏敏"}
    for wrong, code in (
        ({"name": " "}, "officer_name"),
        ({"office": OfficeId("510824")}, "officer_office"),
        ({"roles": ()}, "officer_roles"),
    ):
        with pytest.raises(AccountRefused) as caught:
            await people.accounts.change_officer(moved, **wrong)  # pyright: ignore[reportArgumentType]
        assert caught.value.code == code


async def test_a_new_password_ends_every_session_and_the_old_password(people: People) -> None:
    await hire(people)
    name, signed_in = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    with pytest.raises(AccountRefused) as caught:
        await people.accounts.change_password(signed_in.officer, "not the present one", OTHER_PASSWORD)
    assert caught.value.code == "password_wrong"
    await people.accounts.change_password(signed_in.officer, PASSWORD, OTHER_PASSWORD)
    assert await people.accounts.find_session(name) is None
    await refused_sign_in(people, PASSWORD)
    assert (await people.accounts.sign_in("zhoumin", OTHER_PASSWORD, ADDRESS))[0]


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password_short"),
        ("elevenchars", "password_short"),
        ("aaaaaaaaaaaaaaaaaaaa", "password_simple"),
        ("my-zhoumin-password", "password_simple"),
        ("x1" * 200, "password_long"),
        ("three quiet\x00herons", "password_long"),
        ("123456789012", "password_guessable"),
        ("password1234", "password_guessable"),
        ("Passw0rd@2026", "password_guessable"),
        ("Admin@123456", "password_guessable"),
        ("qwertyuiop12", "password_guessable"),
        ("1qaz2wsx3edc", "password_guessable"),
        ("woaini5201314", "password_guessable"),
        ("13812345678a", "password_guessable"),
        ("zhangsan19900101", "password_guessable"),
        ("hello1hello1", "password_guessable"),
        ("１２３４５６７８９０１２", "password_guessable"),
    ],
)
def test_weak_passwords_are_refused_in_words(password: str, code: str) -> None:
    with pytest.raises(AccountRefused) as caught:
        check_password(password, "zhoumin")
    assert caught.value.code == code
    assert caught.value.zh
    assert password not in caught.value.zh + caught.value.en


@pytest.mark.parametrize(
    "password",
    ["three quiet herons", "hills-and-terraces-27", "山间梯田开满油菜花的时节里", "x7Kp-93mQ-tz4v", "a guess at last"],
)
def test_passwords_that_people_can_remember_are_taken(password: str) -> None:
    check_password(password, "wang")


@pytest.mark.parametrize("login", ["", "a", "x" * 41, "zhou min", "周敏", "zhou/min", "../x", "zhou\x00min"])
async def test_impossible_logins_are_refused(people: People, login: str) -> None:
    with pytest.raises(AccountRefused) as caught:
        await people.accounts.add_officer(login, "周敏", SEAT, (Role.CLERK,), PASSWORD)
    assert caught.value.code == "officer_login"


async def test_an_account_belongs_to_this_office_or_a_window_of_it(people: People) -> None:
    await people.accounts.add_officer("window", "李强", OfficeId(f"{SEAT}.mz"), (Role.CLERK,), PASSWORD)
    # A village below, a sibling whose code is a text prefix of ours, the county above: other devices, other accounts.
    for office in ("510824100201", "51082410", "5108241001", "510824"):
        with pytest.raises(AccountRefused) as caught:
            await people.accounts.add_officer("other", "李强", OfficeId(office), (Role.CLERK,), PASSWORD)
        assert caught.value.code == "officer_office"


async def test_a_login_is_given_once(people: People) -> None:
    await hire(people)
    with pytest.raises(AccountRefused) as caught:
        await hire(people)
    assert caught.value.code == "officer_exists"


async def test_a_password_typed_on_another_keyboard_is_the_same_password(people: People) -> None:
    await people.accounts.add_officer("rene", "任", SEAT, (Role.CLERK,), "caf\u00e9 au lait seul")
    assert (await people.accounts.sign_in("rene", "cafe\u0301 au lait seul", ADDRESS))[0]


async def test_a_cookie_that_is_not_text_we_gave_signs_nobody_in(people: People) -> None:
    for name in ("", "x" * 10_000, "\x00", "\ud800", "' OR 1=1 --"):
        assert await people.accounts.find_session(name) is None


async def test_every_look_is_written_down_with_its_purpose(people: People) -> None:
    await hire(people)
    _, who = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    for purpose in ("", " ", "x", "y" * 201):
        with pytest.raises(PurposeRefused):
            await people.access_log.record(who.officer, who.office, CASE, purpose)
    await people.access_log.record(who.officer, who.office, CASE, "核对身份")
    await people.access_log.record(who.officer, who.office, CASE, "电话告知补正")
    assert [look.purpose for look in await people.access_log.looks_at(CASE)] == ["核对身份", "电话告知补正"]
    assert await people.access_log.find_break() is None


async def test_an_unattended_screen_is_no_place_to_guess_the_password(people: People) -> None:
    await hire(people)
    _, who = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    for _ in range(FREE_FAILURES):
        with pytest.raises(AccountRefused):
            await people.accounts.change_password(who.officer, "a guess at last", OTHER_PASSWORD)
    with pytest.raises(SignInRefused) as caught:
        await people.accounts.change_password(who.officer, PASSWORD, OTHER_PASSWORD)
    assert caught.value.code == "sign_in_delayed"
    assert (await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS))[0], "signing in is not delayed by it"


async def test_looks_at_the_same_moment_are_all_written(people: People) -> None:
    await hire(people)
    _, who = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    looks = [people.access_log.record(who.officer, who.office, CASE, f"purpose {number}") for number in range(4)]
    await asyncio.gather(*looks)
    assert [look.number for look in await people.access_log.looks_at(CASE)] == [1, 2, 3, 4]
    assert await people.access_log.find_break() is None


@pytest.mark.parametrize("attack", ["change", "delete"])
async def test_a_changed_or_removed_look_shows(people: People, attack: str) -> None:
    await hire(people)
    _, who = await people.accounts.sign_in("zhoumin", PASSWORD, ADDRESS)
    for number in range(5):
        await people.access_log.record(who.officer, who.office, CASE, f"purpose {number}")
    async with people.engines.write.begin() as connection:
        if attack == "change":
            await connection.execute(update(access_log).where(access_log.c.number == 3).values(purpose="harmless"))
        else:
            await connection.execute(text("DELETE FROM access_log WHERE number = 3"))
    assert await people.access_log.find_break() == 3


async def test_who_has_the_database_alone_cannot_rewrite_the_chain(people: People) -> None:
    """A whole chain, made anew under any other key, shows from its first row."""
    engines = people.engines
    forger = AccessLog(engines.write, engines.read, people.clock, b"\x01" * 32)
    await forger.record(OfficerId(f"{SEAT}/zhoumin"), SEAT, CASE, "harmless")
    assert await forger.find_break() is None
    assert await people.access_log.find_break() == 1
