"""A village's computer that is locked while nobody works at it: through its pages, over the real folder and store."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final

import httpx
import msgspec
import pytest
from msgspec import structs

from office.accounts import AccountRefused
from office.cipher import connect
from office.clock import SystemClock
from office.local import LocalRefusal
from office.locking import agent_of
from office.node import Node
from office.paths import Home, write_private
from office.serving import Listener
from office.settings import Settings, load_settings
from office.unlocking import Lockable
from schemas.casework.roles import Role
from schemas.names import Instant, OfficerId
from tests.support.counties import APPLICANT, VILLAGE, agent, materials_of, op
from tests.support.locking import CHEAP, LOGIN, PASSWORD, lock, unlock
from tests.support.nodes import found_network
from tests.support.waiting import until

OTHER: Final = "a-colleague-from-the-hills"
MINUTE_S: Final = 60.0


class MovedClock(SystemClock):
    """The device's clock, put forward by hand: both its scales, or the one that goes on while a laptop sleeps."""

    ahead_s = 0.0
    slept_s = 0.0

    def now(self) -> Instant:
        return Instant(super().now() + int((self.ahead_s + self.slept_s) * 1000))

    def elapsed_s(self) -> float:
        return super().elapsed_s() + self.ahead_s


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    """A village with one agent, whose folder lies plain as an older program left it."""
    places = await found_network(tmp_path)
    node = await places.open(VILLAGE)
    await node.accounts.add_officer(LOGIN, "张代办", node.seat, [Role.AGENT], PASSWORD)
    await node.close()
    home = Home(places.home(VILLAGE))
    home.settings.write_text("port = 0\n")
    return home


@asynccontextmanager
async def served(
    home: Home, settings: Settings | None = None, clock: MovedClock | None = None
) -> AsyncGenerator[tuple[Lockable, httpx.AsyncClient]]:
    """The village's pages, without a socket between; who calls is on this computer."""
    settings = settings or load_settings(home.settings)
    listener = Listener()
    lockable = Lockable(home, settings, listener, cost=CHEAP, clock=clock)
    if home.vault.exists():
        await listener.bind_for(home, settings)
    else:
        await lockable.open(None)
    transport = httpx.ASGITransport(lockable, client=("127.0.0.1", 5000))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield lockable, client
    finally:
        await lockable.close()
        for one in listener.sockets:
            one.close()


def csrf_of(page: str) -> str:
    """The token in a page's forms."""
    return page.partition('name="_csrf_token" value="')[2].partition('"')[0]


async def sign_in(client: httpx.AsyncClient, password: str = PASSWORD, login: str = LOGIN) -> httpx.Response:
    page = await client.get("/sign-in")
    fields = {"_csrf_token": csrf_of(page.text), "login": login, "password": password, "next": "/line"}
    return await client.post("/sign-in", data=fields)


async def file_something(lockable: Lockable) -> None:
    """Something that waits to be sent: there is no line here."""
    assert lockable.node is not None
    items = materials_of("WJ02")
    await lockable.node.intake.open_case(
        agent(), op(1), item="WJ02", applicant=APPLICANT, materials=items, statement="申请备案"
    )


async def test_from_plain_to_locked_and_open_again(home: Home) -> None:
    async with served(home) as (lockable, client):
        assert (await sign_in(client)).headers["location"] == "/line"
        assert not home.vault.exists()
        await lockable.look()
        assert home.vault.exists()
        page = await client.get("/line")
        assert page.status_code == 200, "the session goes on"
        assert "立即加锁" in page.text
        gone = await client.post("/lock", data={"_csrf_token": csrf_of(page.text)})
        assert gone.status_code == 303
        await lockable.look()
        assert lockable.node is None
        assert (await client.get("/line")).headers["location"] == "/sign-in?next=/line"
        shown = await client.get("/sign-in")
        assert "本机已加锁" in shown.text
        assert "完好" in shown.text
        assert (await sign_in(client, "wrong-password-here")).status_code == 401
        assert lockable.node is None
        assert (await sign_in(client)).status_code == 303
        assert (await client.get("/line")).status_code == 200


async def test_while_it_is_locked_every_way_in_is_told_so_in_words(home: Home) -> None:
    lock(home)
    async with served(home) as (lockable, client):
        for path in ("/", "/cases", "/filing", "/line/held", "/no/such/page", "/papers/abc"):
            assert (await client.get(path)).status_code == 303
        program = await client.get("/api/cases", headers={"accept": "application/json"})
        assert (program.status_code, program.json()["code"]) == (423, "locked")
        for path in ("/local/status", "/local/sync", "/local/anything/else"):
            refusal = msgspec.json.decode((await client.post(path)).content, type=LocalRefusal)
            assert refusal.code == "locked"
            assert "解锁" in refusal.zh
            assert "unlocks it" in refusal.en
        assert (await client.get("/health")).json() == {"status": "ok"}
        style = re.findall(r'href="(/assets/[^"]+)"', (await client.get("/sign-in")).text)
        assert style
        assert all([(await client.get(path)).status_code == 200 for path in style])
        token = csrf_of((await client.get("/sign-in")).text)
        english = await client.post("/language", data={"language": "en", "back": "/sign-in", "_csrf_token": token})
        assert english.status_code == 303
        assert "This computer is locked" in (await client.get("/sign-in")).text
        for method in ("put", "patch", "delete"):
            assert (await getattr(client, method)("/api/cases")).status_code in (403, 423)
        assert lockable.node is None


async def test_a_program_unlocks_too(home: Home) -> None:
    lock(home)
    async with served(home) as (lockable, client):
        headers = {"x-csrftoken": (await client.get("/api/session")).json()["csrf"]}
        wrong = await client.post("/api/session", json={"login": LOGIN, "password": OTHER}, headers=headers)
        assert (wrong.status_code, wrong.json()["code"]) == (401, "sign_in_wrong")
        answer = await client.post("/api/session", json={"login": LOGIN, "password": PASSWORD}, headers=headers)
        assert answer.json()["name"] == "张代办"
        assert lockable.node is not None
        assert (await client.get("/api/cases")).status_code == 200


async def test_a_form_that_was_open_is_kept_over_the_lock(home: Home) -> None:
    async with served(home) as (lockable, client):
        await sign_in(client)
        await lockable.look()
        token = csrf_of((await client.get("/line")).text)
        lockable.lock_now()
        await lockable.look()
        kept = await client.post("/filing/WJ02", data={"_csrf_token": token, "statement": "写了半个小时"})
        assert kept.status_code == 423
        assert 'value="写了半个小时"' in kept.text
        assert 'action="/filing/WJ02"' in kept.text
        secret = await client.post("/password", data={"_csrf_token": token, "present": PASSWORD, "password": OTHER})
        assert PASSWORD not in secret.text
        await sign_in(client)
        again = await client.post("/filing/WJ02", data={"_csrf_token": csrf_of(kept.text), "statement": "写了半个小时"})
        assert again.status_code != 403, "the token of the locked pages is good for the open ones"


async def test_a_form_with_photographs_is_kept_without_them(home: Home) -> None:
    async with served(home) as (lockable, client):
        await sign_in(client)
        await lockable.look()
        token = csrf_of((await client.get("/line")).text)
        lockable.lock_now()
        await lockable.look()
        photograph = {"files:申请书": ("IMG_1.jpg", b"\xff\xd8" * 1_500_000, "image/jpeg")}
        typed = {"_csrf_token": token, "statement": "写了半个小时"}
        kept = await client.post("/filing/WJ02", data=typed, files=photograph)
        assert kept.status_code == 423
        assert 'value="写了半个小时"' in kept.text
        assert "照片和其他文件没有保留" in kept.text
        assert "IMG_1" not in kept.text


async def test_the_last_account_that_opens_it_cannot_be_closed(home: Home) -> None:
    node = await Node.open(home.folder, vault=lock(home))
    try:
        zhang = OfficerId(f"{node.seat}/{LOGIN}")
        with pytest.raises(AccountRefused) as refused:
            await node.accounts.suspend_officer(zhang)
        assert refused.value.code == "last_passphrase"
        await node.accounts.sign_in(LOGIN, PASSWORD, "127.0.0.1")
        await node.accounts.add_officer("li", "李代办", node.seat, [Role.AGENT], OTHER)
        await node.accounts.suspend_officer(zhang)
    finally:
        await node.close()
    async with served(home) as (_, client):
        assert (await sign_in(client, OTHER, "li")).status_code == 303


async def test_a_store_that_cannot_be_copied_is_worked_with_as_it_is(home: Home) -> None:
    """A page that nobody reads is damaged: the conversion fails at every sign-in, and keeps nobody from their work."""
    with closing(connect(str(home.database), None)) as store:
        store.execute("CREATE TABLE of_old (line TEXT)")
        store.execute("INSERT INTO of_old SELECT 'a page of old' FROM entries, entries")
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    content = home.database.read_bytes()
    page = content.rindex(b"a page of old") // 4096 * 4096
    home.database.write_bytes(content[:page] + b"\xff" * 4096 + content[page + 4096 :])
    async with served(home) as (lockable, client):
        for _ in range(2):
            assert (await sign_in(client)).status_code == 303
            await lockable.look()
            assert not home.vault.exists()
            assert (await client.get("/line")).status_code == 200


async def test_a_password_that_is_changed_before_the_folder_is_locked_opens_it(home: Home) -> None:
    async with served(home) as (lockable, client):
        await sign_in(client)
        assert lockable.node is not None
        await lockable.node.accounts.set_password(OfficerId(f"{VILLAGE}/{LOGIN}"), OTHER)
        await lockable.look()
        assert home.vault.exists()
        lockable.lock_now()
        await lockable.look()
        assert (await sign_in(client)).status_code == 401
        assert (await sign_in(client, OTHER)).status_code == 303


async def test_wrong_passphrases_wait_longer_and_longer_and_the_right_one_opens_after_that(home: Home) -> None:
    lock(home)
    clock = MovedClock()
    async with served(home, clock=clock) as (lockable, client):
        unknown = [(await sign_in(client, OTHER, "nobody")).status_code for _ in range(5)]
        known = [(await sign_in(client, OTHER)).status_code for _ in range(5)]
        assert unknown == known == [401, 401, 401, 429, 429], "the answers do not say which login there is"
        assert (await sign_in(client)).status_code == 429
        clock.ahead_s += 15 * MINUTE_S
        assert (await sign_in(client)).status_code == 303
        assert lockable.node is not None


async def is_shut(lockable: Lockable) -> bool:
    """Look once; while the line tries to talk at that moment, the next look closes it."""
    await lockable.look()
    return lockable.node is None


async def test_without_work_everybody_is_signed_out_and_the_store_closed_when_nothing_waits(home: Home) -> None:
    lock(home)
    clock = MovedClock()
    async with served(home, clock=clock) as (lockable, client):
        await sign_in(client)
        clock.ahead_s += 9 * MINUTE_S
        await lockable.look()
        assert (await client.get("/line")).status_code == 200
        clock.ahead_s += 9 * MINUTE_S
        await lockable.look()
        assert lockable.node is not None, "the last page was nine minutes ago"
        for _ in range(3):
            await client.get("/sign-in", headers={"cookie": ""})
        clock.ahead_s += 2 * MINUTE_S
        await until(lambda: is_shut(lockable), "the store to be closed: pages of nobody are no work")
        assert (await client.get("/line")).status_code == 303


async def test_a_laptop_that_slept_is_locked_when_it_wakes(home: Home) -> None:
    lock(home)
    clock = MovedClock()
    async with served(home, clock=clock) as (lockable, client):
        await sign_in(client)
        clock.slept_s += 120 * MINUTE_S
        await lockable.look()
        assert lockable.node is None


async def test_what_waits_keeps_the_store_open_for_an_hour_and_nobody_signed_in(home: Home) -> None:
    lock(home)
    clock = MovedClock()
    async with served(home, clock=clock) as (lockable, client):
        await sign_in(client)
        await file_something(lockable)
        clock.ahead_s += 11 * MINUTE_S
        await lockable.look()
        assert lockable.node is not None, "the line may still come"
        assert (await client.get("/line")).status_code == 303, "but nobody is signed in"
        await sign_in(client)
        page = await client.get("/line")
        await client.post("/sign-out", data={"_csrf_token": csrf_of(page.text)})
        await lockable.look()
        assert lockable.node is not None
        clock.ahead_s += 61 * MINUTE_S
        await lockable.look()
        assert lockable.node is None


async def test_signing_out_last_locks_at_once_and_the_button_does_not_wait(home: Home) -> None:
    lock(home)
    async with served(home) as (lockable, client):
        await sign_in(client)
        page = await client.get("/line")
        await client.post("/sign-out", data={"_csrf_token": csrf_of(page.text)})
        await lockable.look()
        assert lockable.node is None
        await sign_in(client)
        await file_something(lockable)
        page = await client.get("/line")
        await client.post("/lock", data={"_csrf_token": csrf_of(page.text)})
        await lockable.look()
        assert lockable.node is None


async def test_set_to_never_only_the_button_locks(home: Home) -> None:
    lock(home)
    clock = MovedClock()
    async with served(home, structs.replace(load_settings(home.settings), auto_lock_minutes=0), clock) as opened:
        lockable, client = opened
        await sign_in(client)
        clock.ahead_s += 600 * MINUTE_S
        page = await client.get("/line")
        await client.post("/sign-out", data={"_csrf_token": csrf_of(page.text)})
        await lockable.look()
        assert lockable.node is not None
        lockable.lock_now()
        await lockable.look()
        assert lockable.node is None


async def test_each_agent_opens_it_with_their_own_passphrase(home: Home) -> None:
    vault = lock(home)
    node = await Node.open(home.folder, vault=vault)
    li = await node.accounts.add_officer("li", "李代办", node.seat, [Role.AGENT], OTHER)
    await node.close()
    async with served(home) as (lockable, client):

        async def shut() -> None:
            lockable.lock_now()
            await lockable.look()
            assert lockable.node is None

        assert (await sign_in(client, OTHER, "li")).status_code == 303
        await shut()
        assert (await sign_in(client)).status_code == 303
        assert lockable.node is not None
        await lockable.node.accounts.set_password(li, "three-rows-of-terraces")
        await shut()
        assert (await sign_in(client, OTHER, "li")).status_code == 401, "the old passphrase opens nothing"
        assert (await sign_in(client, "three-rows-of-terraces", "li")).status_code == 303
        await lockable.node.accounts.suspend_officer(li)
        await shut()
        assert (await sign_in(client, "three-rows-of-terraces", "li")).status_code == 401
        assert (await sign_in(client)).status_code == 303
        await lockable.node.accounts.resume_officer(li)
        await shut()
        assert (await sign_in(client, "three-rows-of-terraces", "li")).status_code == 401, "first beside a colleague"
        assert (await sign_in(client)).status_code == 303
        assert (await sign_in(client, "three-rows-of-terraces", "li")).status_code == 303
        await shut()
        assert (await sign_in(client, "three-rows-of-terraces", "li")).status_code == 303


async def test_a_change_of_passphrase_that_breaks_off_locks_nobody_out(home: Home) -> None:
    """The vault takes the new one first; then the power fails before the account does."""
    vault = lock(home)
    vault.add_wrap(agent_of(LOGIN), OTHER)
    async with served(home) as (lockable, client):
        assert (await sign_in(client, OTHER)).status_code == 401, "it opens the vault, and the account refuses it"
        assert lockable.node is None
        assert (await sign_in(client)).status_code == 303
        assert unlock(home).has_settled_wrap(agent_of(LOGIN))


async def test_a_verb_at_work_is_waited_for_in_words(home: Home) -> None:
    vault = lock(home)
    node = await Node.open(home.folder, vault=vault)
    try:
        async with served(home) as (lockable, client):
            answer = await sign_in(client)
            assert answer.status_code == 422
            assert "正在执行一条命令" in answer.text
            assert lockable.node is None
    finally:
        await node.close()


async def test_a_vault_that_is_damaged_is_told_on_the_page(home: Home) -> None:
    lock(home)
    async with served(home) as (_, client):
        await client.get("/sign-in")
        write_private(home.vault, b"{}")
        answer = await sign_in(client)
        assert "vault.json 已损坏" in answer.text
