"""A village forgets its passphrase with the line down; the township reads a code out by telephone. And who tries to."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest

from office.access_log import AccessLog, PurposeRefused
from office.node import Node
from office.paths import Home
from office.recovery_codes import (
    CODE_CHARACTERS,
    DEED,
    RECOVERY,
    RecoveryRefused,
    keep_deposit,
    make_code,
    plain_code,
    show_code,
    subject_of,
)
from office.unlocking import Lockable
from office.vault import Vault, WrongPassphrase
from schemas.codec import encode
from schemas.names import OfficeId
from schemas.wire import KIND_RECOVERY_DEPOSITED, RecoveryDeposited
from sync.core.journal import Draft
from tests.stories.test_village_locked import CHEAP, LOGIN, csrf_of, home, served, sign_in
from tests.support.counties import COUNTY, OTHER_VILLAGE, TOWNSHIP, VILLAGE
from tests.support.nodes import Places, exchange, found_network

__all__ = ["home"]
"""The fixture of that story: a village with one agent."""

NEW_PASSWORD = "rivers-and-ferries-38"
REASON = "白观村张代办来电，声音和家庭住址核对无误"


@pytest.fixture
async def places(home: Home) -> Places:
    """The county of which `home` is the village."""
    return Places(home.folder.parent)


@asynccontextmanager
async def township_of(places: Places) -> AsyncGenerator[Node]:
    """The township's node, which has heard from the county who its village is."""
    node = await places.open(TOWNSHIP)
    try:
        hub = await places.open(COUNTY)
        for _ in range(2):
            await exchange(node, hub)
        await hub.close()
        yield node
    finally:
        await node.close()


def log_of(node: Node) -> AccessLog:
    return AccessLog(node.engines.write, node.engines.read, node.clock, node.data_key)


async def carry(lockable: Lockable, township: Node) -> None:
    """The line is up for a moment."""
    assert lockable.node is not None
    for _ in range(3):
        await exchange(lockable.node, township)


async def locked_with_deposit(lockable: Lockable, client: httpx.AsyncClient, township: Node) -> None:
    """Signed in once, locked by that, a code deposited and sent up, and locked for the night."""
    await sign_in(client)
    await lockable.look()
    assert lockable.node is not None
    await keep_deposit(lockable.node)
    await keep_deposit(lockable.node)
    assert len(await lockable.node.store.entries_of_kind(KIND_RECOVERY_DEPOSITED)) == 1, "a good code stays"
    await carry(lockable, township)
    lockable.lock_now()
    await lockable.look()
    assert lockable.node is None


async def recover(
    client: httpx.AsyncClient, code: str, login: str = LOGIN, password: str = NEW_PASSWORD
) -> httpx.Response:
    page = await client.get("/forgotten")
    fields = {"_csrf_token": csrf_of(page.text), "login": login, "code": code, "password": password, "again": password}
    return await client.post("/forgotten", data=fields)


async def test_the_township_reads_a_code_out_and_the_village_goes_on_without_a_line(home: Home, places: Places) -> None:
    async with township_of(places) as township, served(home) as (lockable, client):
        await locked_with_deposit(lockable, client, township)
        assert "/forgotten" in (await client.get("/sign-in")).text
        code = await show_code(township, log_of(township), VILLAGE, f"{TOWNSHIP}/li", REASON)
        device = township.books.children[VILLAGE]
        looks = await log_of(township).looks_at(subject_of(device))
        assert [(look.officer, look.purpose) for look in looks] == [(f"{TOWNSHIP}/li", f"{DEED} {VILLAGE}: {REASON}")]
        assert code not in looks[0].purpose
        answered = await recover(client, code.lower().replace("-", " "))
        assert answered.status_code == 303
        assert (await client.get("/line")).status_code == 200
        assert lockable.node is not None
        # At once there is another code, and it waits for the line.
        deposits = await lockable.node.store.entries_of_kind(KIND_RECOVERY_DEPOSITED)
        assert len(deposits) == 2
        await carry(lockable, township)
        lockable.lock_now()
        await lockable.look()
        assert (await sign_in(client)).status_code == 401, "the forgotten password opens nothing any more"
        assert (await sign_in(client, NEW_PASSWORD)).status_code == 303
        lockable.lock_now()
        await lockable.look()
        # The used code is dead, the next one works.
        replayed = await recover(client, code)
        assert replayed.status_code == 422
        assert "已经用过" in replayed.text
        second = await show_code(township, log_of(township), VILLAGE, f"{TOWNSHIP}/li", REASON)
        assert second != code
        assert (await recover(client, second)).status_code == 303


async def test_whoever_guesses_waits_and_a_mistyped_code_is_told_apart(home: Home, places: Places) -> None:
    async with township_of(places) as township, served(home) as (lockable, client):
        await locked_with_deposit(lockable, client, township)
        code = await show_code(township, log_of(township), VILLAGE, f"{TOWNSHIP}/li", REASON)
        mistyped = code[:-1] + ("0" if code[-1] != "0" else "1")
        for _ in range(6):
            answer = await recover(client, mistyped)
            assert (answer.status_code, "末位校验不符" in answer.text) == (422, True)
        wrong = make_code(township.salts)
        codes = [(await recover(client, wrong)).status_code for _ in range(5)]
        assert codes[0] == 422
        assert codes[-1] == 429
        assert lockable.node is None
        assert (await recover(client, code)).status_code == 429, "the right one waits, too"


async def test_a_wrong_login_or_a_weak_password_leaves_everything_as_it_was(home: Home, places: Places) -> None:
    async with township_of(places) as township, served(home) as (lockable, client):
        await locked_with_deposit(lockable, client, township)
        code = await show_code(township, log_of(township), VILLAGE, f"{TOWNSHIP}/li", REASON)
        assert "本机没有这个账号" in (await recover(client, code, login="nobody")).text
        assert (await recover(client, code, password="123456")).status_code == 422
        assert lockable.node is None
        assert (await sign_in(client)).status_code == 303, "the old password is as good as before"
        lockable.lock_now()
        await lockable.look()
        assert (await recover(client, code)).status_code == 303


async def test_the_code_is_shown_for_a_reason_to_the_right_device_and_not_for_a_revoked_one(
    home: Home, places: Places
) -> None:
    async with township_of(places) as township, served(home) as (lockable, client):
        with pytest.raises(RecoveryRefused, match="no_recovery_code"):
            await show_code(township, log_of(township), VILLAGE, f"{TOWNSHIP}/li", REASON)
        await locked_with_deposit(lockable, client, township)
        log = log_of(township)
        with pytest.raises(PurposeRefused):
            await show_code(township, log, VILLAGE, f"{TOWNSHIP}/li", " ")
        for office, code in (
            (COUNTY, "not_below"),
            (TOWNSHIP, "not_below"),
            (OTHER_VILLAGE, "no_recovery_code"),
            (OfficeId("?"), "not_below"),
        ):
            with pytest.raises(RecoveryRefused, match=code):
                await show_code(township, log, office, f"{TOWNSHIP}/li", REASON)
        assert await log.looks_at(subject_of(township.books.children[VILLAGE])) == []
        await township.devices.revoke(township.books.children[VILLAGE], "li", "被盗")
        with pytest.raises(RecoveryRefused, match="recovery_device_revoked"):
            await show_code(township, log, VILLAGE, f"{TOWNSHIP}/li", REASON)


async def test_a_hostile_village_gets_nobody_elses_code_read_out_under_its_name(home: Home, places: Places) -> None:
    async with township_of(places) as township, served(home) as (lockable, client):
        await locked_with_deposit(lockable, client, township)
        entry = (await township.store.entries_of_kind(KIND_RECOVERY_DEPOSITED))[0]
        assert entry.body is not None
        # Its own deposit is followed by what it copied from elsewhere, and by nonsense.
        await sign_in(client)
        assert lockable.node is not None
        holder = township.books.seat.node
        for body in (
            RecoveryDeposited(holder, b"another!", entry.body),
            RecoveryDeposited(holder, bytes(8), b""),
            RecoveryDeposited(holder, bytes(8), b"age-encryption.org/v1\n" + bytes(300)),
        ):

            async def drafting(body: RecoveryDeposited = body) -> list[Draft]:
                return [Draft(KIND_RECOVERY_DEPOSITED, None, encode(body))]

            await lockable.node.writer.record(drafting)
            await carry(lockable, township)
            with pytest.raises(RecoveryRefused, match="recovery_for_other"):
                await show_code(township, log_of(township), VILLAGE, f"{TOWNSHIP}/li", REASON)
        await keep_deposit(lockable.node)
        await carry(lockable, township)
        assert await show_code(township, log_of(township), VILLAGE, f"{TOWNSHIP}/li", REASON)
        assert await township.store.count_dispositions() == 0, "nothing of it is set aside for anybody to look into"


async def test_what_lies_in_the_folder_and_on_the_line_gives_the_code_to_nobody(home: Home, places: Places) -> None:
    async with township_of(places) as township, served(home) as (lockable, client):
        await locked_with_deposit(lockable, client, township)
        code = plain_code(await show_code(township, log_of(township), VILLAGE, f"{TOWNSHIP}/li", REASON))
        for path in (path for path in home.folder.rglob("*") if path.is_file()):
            content = path.read_bytes()
            assert code.encode() not in content, path
        for path in (path for path in places.home(TOWNSHIP).rglob("*") if path.is_file()):
            assert code.encode() not in path.read_bytes(), path
        hub = await places.open(COUNTY)
        try:
            for _ in range(3):
                await exchange(township, hub)
            assert await hub.store.entries_of_kind(KIND_RECOVERY_DEPOSITED)
            with pytest.raises(RecoveryRefused, match="recovery_for_other"):
                await show_code(hub, log_of(hub), VILLAGE, f"{COUNTY}/wang", REASON)
        finally:
            await hub.close()


async def test_a_vault_takes_the_code_of_its_own_device_alone(
    home: Home, places: Places, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = await found_network(tmp_path_factory.mktemp("another county"))
    async with township_of(places) as township, served(home) as (lockable, client):
        await locked_with_deposit(lockable, client, township)
        code = plain_code(await show_code(township, log_of(township), VILLAGE, f"{TOWNSHIP}/li", REASON))
        strange = Vault.create(Home(other.home(VILLAGE)), county="c", node="n", form_key="f", cost=CHEAP)
        strange.add_wrap(RECOVERY, make_code(township.salts), is_bound=False)
        with pytest.raises(WrongPassphrase):
            Vault.open_with(Home(other.home(VILLAGE)), RECOVERY, code, cost=CHEAP)


def test_a_code_is_told_from_a_mistyped_one() -> None:
    class Drawn:
        def draw(self, size: int) -> bytes:
            return bytes(range(size))

    code = make_code(Drawn())
    assert len(code) == CODE_CHARACTERS
    assert plain_code(f" {code[:5].lower()}-{code[5:]} ") == code
    for place in range(CODE_CHARACTERS):
        other = "7" if code[place] != "7" else "8"
        with pytest.raises(RecoveryRefused, match="recovery_code_mistyped"):
            plain_code(code[:place] + other + code[place + 1 :])
    for text in ("", code[:-1], code + "0", "你好" * 13, code[:-1] + "\x00"):
        with pytest.raises(RecoveryRefused, match="recovery_code_mistyped"):
            plain_code(text)
