"""Both languages are complete: every message is translated, and no page mixes them."""

import re
from html import unescape
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po as read_po_with_babel

from office.sentences import SENTENCES
from office.web.errors import answer_for
from office.web.i18n import Language, MalformedCatalogue, catalogue, language_of, read_po, translate, translate_count
from schemas.casework.roles import Role
from schemas.codec import Malformed
from sync import failures, ledger, store, writer
from sync.core.errors import LocalFault, RemoteFault
from tests.web.county import COUNTY, TOWNSHIP, VILLAGE, Client, WebCounty, sign_in, token_of
from tests.web.test_pages import act, case_in, file_case

WEB = Path(str(files("office.web")))
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
LATIN_IN_CHINESE = {"English", "JSON", "CSV", "XLSX", "JPEG", "PNG", "PDF", "MB", "tongban", "A", "Z"}
"""Words that a Chinese page may hold in Latin letters: the other language's own name, and names of formats."""


def extracted() -> set[str]:
    """Every message id in code and templates."""
    found = extract_from_dir(
        WEB,
        METHODS,
        {"templates/**.html": {"trimmed": "true"}},
        keywords={"_": None, "n_": None, "gettext": None, "nn_": (1, 2), "ngettext": (1, 2)},
    )
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def test_every_message_has_its_chinese_and_no_chinese_is_left_over() -> None:
    chinese = catalogue(Language.ZH)
    assert extracted() == set(chinese)
    assert not [message for message, text in chinese.items() if not text.strip()]


def test_placeholders_survive_translation() -> None:
    for message, text in catalogue(Language.ZH).items():
        assert sorted(re.findall(r"%\(\w+\)s", message)) == sorted(re.findall(r"%\(\w+\)s", text)), message
        assert re.search(r"[\u3400-\u9fff\u3000-\u303f\uff00-\uffef]", text), message


def test_our_reader_reads_what_gettext_tools_read() -> None:
    source = WEB / "locale" / "zh_CN.po"
    with source.open("rb") as file:
        read: Catalog = read_po_with_babel(file, locale="zh_CN")
    expected = {first(message.id): first(message.string) for message in read if message.id}
    assert read_po(source.read_text(encoding="utf-8")) == expected
    assert not [message for message in read if message.fuzzy]


def first(text: Any) -> str:
    """What is said of one, of a message that counts."""
    return text if isinstance(text, str) else text[0]


def test_a_message_that_counts_agrees_with_its_number() -> None:
    days = "%(num)s working day left", "%(num)s working days left"
    assert [translate_count(*days, number, Language.EN) % {"num": number} for number in (1, 2)] == [
        "1 working day left",
        "2 working days left",
    ]
    assert translate_count(*days, 1, Language.ZH) % {"num": 1} == "剩 1 个工作日"


@pytest.mark.parametrize("text", ["msgid unquoted", 'msgctxt "menu"', '"of nothing"', "nonsense"])
def test_a_damaged_catalogue_is_refused(text: str) -> None:
    with pytest.raises(MalformedCatalogue):
        read_po(text)


def test_a_message_without_translation_stays_readable() -> None:
    assert translate("No such sentence %(n)s", Language.ZH, n=3) == "No such sentence 3"


@pytest.mark.parametrize(
    ("text", "language"),
    [("zh", "zh"), ("zh-CN", "zh"), ("en", "en"), ("EN-gb", "en"), ("fr", None), ("", None), (None, None)],
)
def test_languages_are_recognised(text: str | None, language: str | None) -> None:
    assert language_of(text) == language


def words_of(page: str) -> str:
    """What a person reads on a page, and what a screen reader says: no data, no codes, no sprites."""
    page = re.sub(r"<style.*?</style>|<code.*?</code>|<svg.*?</svg>", " ", page, flags=re.DOTALL)
    page = re.sub(r'<[^>]*class="[^"]*number[^"]*"[^>]*>[^<]*|\b[0-9a-f]{8}</option>', " ", page)
    page = re.sub(r'<button class="plain" name="language".*?</button>', " ", page, flags=re.DOTALL)
    labels = " ".join(re.findall(r'(?:aria-label|title|placeholder)="([^"]*)"', page))
    return unescape(re.sub(r"<[^>]+>", " ", page) + " " + labels)


async def visit(browser: Client, case: str) -> list[str]:
    """The words of every page."""
    paths = ["/cases", "/cases?queue=held", "/cases?queue=offered", case, "/line", "/filing", "/filing/RS01"]
    paths += ["/filing/MZ03/notice", "/filing/YB01/list"]
    paths += ["/reminders", "/slips", "/password", "/cases/" + "0" * 32, "/sign-in"]
    return [words_of((await browser.get(path)).text) for path in paths]


async def test_no_page_mixes_the_languages(county: WebCounty) -> None:
    await county.nodes[VILLAGE].hire("wugl", Role.AGENT, name="W")
    async with county.client(VILLAGE) as browser:
        await sign_in(browser, "wugl")
        case = case_in((await file_case(browser))[0].text)
        await act(browser, case, "custody.offered", to=TOWNSHIP)
        for page in await visit(browser, case):
            strangers = (
                set(re.findall(r"[A-Za-z]{2,}", page)) - LATIN_IN_CHINESE - {"wugl", "no_such_case", "not_found"}
            )
            assert not strangers, strangers
        sent = {"language": "en", "back": case, "_csrf_token": await token_of(browser)}
        answer = await browser.post("/language", data=sent, follow_redirects=False)
        assert answer.headers["location"] == case
        data = data_of(county)
        for page in await visit(browser, case):
            for text in sorted(data, key=len, reverse=True):
                page = page.replace(text, " ")
            assert not re.findall(r"[\u3400-\u9fff]+", page)


def data_of(county: WebCounty) -> set[str]:
    """Chinese that is data on an English page: names of offices, what the catalogue says of an item, what was typed."""
    node = county.nodes[VILLAGE]
    edition = node.catalogue.in_force(node.clock.now())
    data = {node.office_name(seat) for seat in (COUNTY, TOWNSHIP, VILLAGE)} | {"王秀英", "请为本人办理参保登记"}
    for item in edition.items.values():
        listed = item.materials
        data |= {item.conditions, item.fee_basis, *item.steps, *item.procedure.split(" → ")} - {""}
        data |= {item.department, *listed.required, *listed.deferrable, *listed.verified, *listed.pledged}
    return data


async def test_a_language_once_chosen_is_remembered_with_the_account(county: WebCounty) -> None:
    await county.nodes[VILLAGE].hire("wugl", Role.AGENT)
    async with county.client(VILLAGE) as browser:
        headers = await sign_in(browser, "wugl")
        sent = {"language": "en", "back": "/cases", "_csrf_token": headers["x-csrftoken"]}
        await browser.post("/language", data=sent)
    async with county.client(VILLAGE) as other:
        await sign_in(other, "wugl")
        page = (await other.get("/cases")).text
        assert '<html lang="en"' in page
        assert "Open cases" in page


async def test_refusals_speak_the_reader_s_language(county: WebCounty) -> None:
    async with county.client(VILLAGE) as browser:
        assert "没有这个页面" in (await browser.get("/nowhere")).text
        assert '<html lang="zh-CN"' in (await browser.get("/nowhere")).text
        await browser.post("/language", data={"language": "en", "_csrf_token": await token_of(browser)})
        assert "There is no such page" in (await browser.get("/nowhere")).text


def test_a_refusal_that_is_raised_in_english_is_told_in_the_reader_s_language() -> None:
    for refusal in (Malformed("truncated", "the page ends early"), RemoteFault("line_down", "no answer")):
        assert answer_for(refusal, Language.EN).sentence == refusal.hint
        assert answer_for(refusal, Language.ZH).sentence == SENTENCES[refusal.code]


def test_what_can_stop_a_pen_is_told_in_the_reader_s_language() -> None:
    """Every trouble that writer, ledger and store can raise while an officer waits."""
    before_anybody_works = {"not_county", "not_enrolled"}
    modules = (writer, ledger, store, failures)
    source = "".join(Path(module.__file__ or "").read_text(encoding="utf-8") for module in modules)
    found = re.findall(r'(?:LocalFault|Busy|AnotherWriter)\(\s*"([a-z_]+)"', source)
    codes = set(found) - before_anybody_works
    assert {"store_full", "second_writer", "stopped"} <= codes
    for code in sorted(codes):
        sentence = answer_for(LocalFault(code, "a hint for operators"), Language.ZH).sentence
        assert re.search("[\u4e00-\u9fff]", sentence), code
