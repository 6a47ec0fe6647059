"""A new computer starts for the first time, in place of a lost one: real processes, the pages that people see."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from office.enrolling import Sheet
from office.first_run import FirstRun, is_due
from office.locking import agent_of
from office.node import Node
from office.paths import Home, write_private
from office.sheets import read_line
from office.vault import Cost, Vault
from office.web.first_run import create_first_run_app
from schemas.casework.roles import Role
from schemas.names import NodeId
from tests.contract.test_local_door import running, verb
from tests.support.counties import APPLICANT, COUNTY, TOWNSHIP, VILLAGE, agent, materials_of, op
from tests.support.nodes import Places, exchange, found_network
from tests.support.waiting import free_port, wait_until

LOGIN = "zhang"
PASSWORD = "hills-and-terraces-27"
CHEAP = Cost(memory_kib=64, passes=1)


def csrf_of(page: str) -> str:
    """The token in a page's forms."""
    return page.partition('name="_csrf_token" value="')[2].partition('"')[0]


async def with_a_case(places: Places) -> str:
    """The village has filed a case that reached the county; every node is closed again. Returns its number."""
    village, township, hub = [await places.open(office) for office in (VILLAGE, TOWNSHIP, COUNTY)]
    try:
        for _ in range(2):
            await exchange(township, hub)
        slip = await village.intake.open_case(
            agent(), op(1), item="WJ02", applicant=APPLICANT, materials=materials_of("WJ02"), statement="申请备案"
        )
        for _ in range(2):
            await exchange(village, township)
            await exchange(township, hub)
    finally:
        for node in (village, township, hub):
            await node.close()
    return slip.tracking


async def test_a_new_computer_is_enrolled_on_its_first_page_and_has_the_villages_cases(tmp_path: Path) -> None:
    places = await found_network(tmp_path)
    number = await with_a_case(places)
    port, own = free_port(), free_port()
    write_private(Home(places.home(TOWNSHIP)).settings, f'port = {port}\nparent = "http://127.0.0.1:1"\n'.encode())
    places.home(VILLAGE).rename(tmp_path / "lost")
    write_private_home(places, own)
    with running(places, TOWNSHIP):
        replaced = verb(places, TOWNSHIP, "devices", "replace", VILLAGE, "--reason", "电脑被盗", "--local")
        assert replaced.returncode == 0, replaced.stderr
        sheet = read_line(replaced.stdout)
        assert (Home(places.home(TOWNSHIP)).sheets / f"{VILLAGE}.html").exists()
        listed = verb(places, TOWNSHIP, "devices")
        assert "已注销：电脑被盗" in listed.stdout
        assert "待县中心确认" in listed.stdout
        with running(places, VILLAGE):
            enrol_on_the_page(own, sheet)
            wait_until(lambda: "已加锁" in shown(own, "/sign-in"), "the locked computer's page")
        with running(places, VILLAGE):
            sign_in_and_find(own, number)
    # What lies in the folder is sealed from the first day.
    assert Home(places.home(VILLAGE)).vault.exists()
    assert number.encode() not in Home(places.home(VILLAGE)).database.read_bytes()


def enrol_on_the_page(port: int, sheet: Sheet) -> None:
    """What the agent types, with what goes wrong on the way."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as browser:
        page = browser.get("/").text
        assert "登记本机" in page
        wrong = browser.post("/enrol", data={"_csrf_token": csrf_of(page), "line": "not a sheet"})
        assert wrong.status_code == 422
        fields = {"address": sheet.address, "office": VILLAGE, "county": sheet.county_digest, "line": ""}
        bad = browser.post("/enrol", data={"_csrf_token": csrf_of(page), **fields, "code": "0" * 16})
        assert (bad.status_code, sheet.code in bad.text) == (400, False), bad.text
        typed = "-".join(sheet.code[at : at + 4].lower() for at in range(0, 16, 4))
        done = browser.post("/enrol", data={"_csrf_token": csrf_of(page), **fields, "code": typed})
        assert done.status_code == 303, done.text
        page = browser.get("/").text
        assert "本机已登记" in page
        account = {"login": LOGIN, "name": "张代办", "password": PASSWORD, "again": "something else"}
        assert browser.post("/account", data={"_csrf_token": csrf_of(page), **account}).status_code == 422
        weak = account | {"password": "123456", "again": "123456"}
        assert browser.post("/account", data={"_csrf_token": csrf_of(page), **weak}).status_code == 422
        made = browser.post("/account", data={"_csrf_token": csrf_of(page), **account | {"again": PASSWORD}})
        assert made.status_code == 200, made.text


def sign_in_and_find(port: int, number: str) -> None:
    """The agent unlocks the new computer; the village's case comes back by the line."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as browser:
        page = browser.get("/sign-in").text
        form = {"_csrf_token": csrf_of(page), "login": LOGIN, "password": PASSWORD, "next": "/cases"}
        assert browser.post("/sign-in", data=form).status_code == 303
        wait_until(lambda: number in browser.get("/cases").text, "the village's case to come back")


def page_of(fresh: FirstRun) -> httpx.ASGITransport:
    """The page of a computer that has never been started, asked from this computer."""
    app: Any = create_first_run_app(fresh, "zh-CN", NodeId("k7q2m3x5a4b6c7d2"))
    return httpx.ASGITransport(app, client=("127.0.0.1", 5000))


def write_private_home(places: Places, port: int) -> None:
    """A new computer as it comes out of the box: a folder with settings, and nothing else."""
    home = Home(places.home(VILLAGE))
    home.make()
    write_private(home.settings, f"port = {port}\n".encode())


def shown(port: int, path: str) -> str:
    """A page; empty while nobody listens: the process goes from the first page to its own."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}").text
    except httpx.TransportError:
        return ""


@pytest.fixture
def fresh(tmp_path: Path) -> FirstRun:
    """A computer that has never been started."""
    return FirstRun(Home(tmp_path / "new"), cost=CHEAP)


async def test_the_page_answers_under_this_computers_own_names_only(fresh: FirstRun) -> None:
    for host, status in (("127.0.0.1:8610", 200), ("localhost", 200), ("evil.example", 404), ("127.0.0.1.evil", 404)):
        async with httpx.AsyncClient(transport=page_of(fresh), base_url=f"http://{host}") as browser:
            assert (await browser.get("/")).status_code == status
            assert (await browser.post("/enrol", data={"line": "x"})).status_code in (403, 404), "no form token"


async def test_a_townships_sheet_and_a_broken_one_are_refused_in_words(fresh: FirstRun) -> None:
    good = f"tongban:{VILLAGE};http://127.0.0.1:1;{'ab' * 32};{'7K3M' * 4}"
    async with httpx.AsyncClient(transport=page_of(fresh), base_url="http://127.0.0.1") as browser:
        page = (await browser.get("/")).text
        for line, status, words in (
            (good.replace(VILLAGE, TOWNSHIP), 422, "不是村的"),
            (good.replace(VILLAGE, ""), 422, "不是村的"),
            (good[:-3], 422, "16 位"),
            ("二维码" * 100, 422, "完整复制"),
            (good, 503, "连"),
        ):
            answer = await browser.post("/enrol", data={"_csrf_token": csrf_of(page), "line": line})
            assert (answer.status_code, words in answer.text) == (status, True), (line, answer.text)
            assert "7K3M7K3M7K3M7K3M" not in answer.text or line in answer.text
        fields = {"address": "http://127.0.0.1:1", "office": VILLAGE, "code": "7K3M" * 4, "county": "xyz"}
        answer = await browser.post("/enrol", data={"_csrf_token": csrf_of(page), **fields})
        assert "县根摘要为 64 位" in answer.text
        answer = await browser.post("/enrol", data={"_csrf_token": csrf_of(page), "address": "x"})
        assert answer.status_code == 422


async def test_power_cut_between_the_seat_and_the_account_leads_back_to_the_page(tmp_path: Path) -> None:
    places = await found_network(tmp_path)
    home = Home(places.home(VILLAGE))
    assert not is_due(home), "a computer of an older program has its accounts, or makes them on the command line"
    first = FirstRun(home, cost=CHEAP)
    write_private(home.folder / "first-run", b"as `enrol` leaves it\n")
    assert is_due(home)
    assert first.office == VILLAGE
    await first.make_account(LOGIN, "张代办", PASSWORD)
    assert not is_due(home)
    assert home.vault.exists()
    await first.make_account("another", "不应建立", PASSWORD)
    with pytest.raises(Exception, match="locked"):
        await Node.open(home.folder)
    assert LOGIN.encode() not in home.database.read_bytes()
    write_private(home.folder / "first-run", b"the power failed before it was removed\n")
    assert not is_due(home), "a locked computer has its account"


async def test_an_account_whose_lock_broke_off_opens_with_what_was_typed_last(tmp_path: Path) -> None:
    places = await found_network(tmp_path)
    home = Home(places.home(VILLAGE))
    node = await Node.open(home.folder)
    await node.accounts.add_officer(LOGIN, "张代办", node.seat, [Role.AGENT], "a-river-that-was-forgotten")
    await node.close()
    write_private(home.folder / "first-run", b"the disk was full when it was to be locked\n")
    await FirstRun(home, cost=CHEAP).make_account(LOGIN, "张代办", PASSWORD)
    vault = Vault.open_with(home, agent_of(LOGIN), PASSWORD, cost=CHEAP)
    node = await Node.open(home.folder, vault=vault)
    try:
        await node.accounts.sign_in(LOGIN, PASSWORD, "127.0.0.1")
    finally:
        await node.close()
