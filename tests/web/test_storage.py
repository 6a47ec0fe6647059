"""What officers and operators read when the disk fills up, in both languages."""

import sqlite3
from collections.abc import Sequence

import pytest
from msgspec import Struct
from sqlalchemy.exc import OperationalError

from office.storage import MEBIBYTE
from office.web.errors import answer_for
from office.web.i18n import Language
from office.worklists import SET_ASIDE_MAX
from schemas.casework.roles import Role
from schemas.names import CaseId
from sync.core.errors import Busy
from sync.core.journal import Draft
from sync.ports import Disposition, Stored
from tests.web.county import VILLAGE, WebCounty, sign_in
from tests.web.test_pages import case_in, file_case


class SmallDisk(Struct):
    """A disk with so many bytes free."""

    free: int | None

    def free_bytes(self) -> int | None:
        return self.free


async def test_the_line_page_tells_how_the_disk_stands(county: WebCounty) -> None:
    node = county.nodes[VILLAGE]
    await node.hire("wugl", Role.AGENT)
    assert node.storage.keep_ballast()
    async with county.client(VILLAGE) as browser:
        await sign_in(browser, "wugl")
        assert "备用空间已释放" not in (await browser.get("/line")).text
        node.storage.disk = SmallDisk(20 * MEBIBYTE)
        assert node.storage.give_up()
        page = (await browser.get("/line")).text
        for words in ("备用空间已释放", "暂停登记新件", "20 MB"):
            assert words in page
        storage = (await browser.get("/api/line")).json()["storage"]
        assert (storage["free_bytes"], storage["takes_filings"], storage["has_ballast"]) == (
            20 * MEBIBYTE,
            False,
            False,
        )
        node.storage.disk = SmallDisk(None)
        assert (await browser.get("/line")).status_code == 200


async def test_a_long_quarantine_is_not_read_whole_for_a_page(
    county: WebCounty, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile device fills the quarantine: pages go on answering, with the first of it."""
    node = county.nodes[VILLAGE]
    await node.hire("wugl", Role.AGENT)
    drafts = [Draft("remark.added", CaseId(b"c" * 16), b"nonsense")] * (SET_ASIDE_MAX + 50)

    async def drafting() -> list[Draft]:
        return drafts

    await node.ledger.record(drafting)
    read = node.store.dispositions

    async def read_a_part(of: Sequence[Stored] | None = None, *, limit: int | None = None) -> list[Disposition]:
        assert of is not None or limit is not None, "all of it is read"
        return await read(of, limit=limit)

    monkeypatch.setattr(node.store, "dispositions", read_a_part)
    async with county.client(VILLAGE) as browser:
        await sign_in(browser, "wugl")
        assert len((await browser.get("/api/line")).json()["set_aside"]) == SET_ASIDE_MAX
        answer, _ = await file_case(browser)
        assert answer.status_code == 200
        for page in ("/line", "/cases", case_in(answer.text), "/api/cases"):
            assert (await browser.get(page)).status_code == 200


async def test_a_filing_without_room_is_refused_in_words(county: WebCounty) -> None:
    node = county.nodes[VILLAGE]
    await node.hire("wugl", Role.AGENT)
    node.storage.disk = SmallDisk(MEBIBYTE)
    async with county.client(VILLAGE) as browser:
        await sign_in(browser, "wugl")
        answer, _ = await file_case(browser)
        assert answer.status_code == 422
        assert "请清理磁盘后再登记" in answer.text
        node.storage.disk = SmallDisk(None)
        assert (await file_case(browser))[0].status_code == 200


@pytest.mark.parametrize(
    "error",
    [
        Busy("store_full", "for operators"),
        OperationalError("INSERT INTO sessions …", {}, sqlite3.OperationalError("database or disk is full")),
    ],
    ids=["an act", "a sign-in"],
)
def test_a_full_disk_is_told_in_the_readers_language(error: Exception) -> None:
    chinese, english = (answer_for(error, language) for language in (Language.ZH, Language.EN))
    assert (chinese.status, chinese.code) == (503, "store_full")
    assert "本步未写入" in chinese.sentence
    assert "was not written" in english.sentence


def test_an_unknown_complaint_of_the_database_stays_our_own_fault() -> None:
    error = OperationalError("SELECT …", {}, sqlite3.OperationalError("no such column: secret"))
    answer = answer_for(error, Language.EN)
    assert (answer.status, answer.code) == (500, "internal_error")
    assert "secret" not in answer.sentence
