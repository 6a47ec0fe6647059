"""The command lines as an operator types them: what they print, what they refuse, how they end."""

import io
import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pytest
from openpyxl.styles import Border, Side
from sqlalchemy.exc import OperationalError

from hub import __main__ as hub
from office.cli import Application, Verbs, default_home, main
from office.founding import prepare_device
from office.paths import Home
from office.sheets import read_line
from office.tls import ensure_tls
from schemas.names import Instant, OfficeId
from township_node import __main__ as township_node
from village_agent import __main__ as village_agent

SETTINGS = 'host = "10.20.0.5"\naddress = "https://hub.example:8610"\n'
LIST = """office,name,address
510824,苍溪县政务服务中心,
510824.rsj,人社局窗口,
510824100,陵江镇,https://t1.example:8610
510824100205,白观村,
"""
CATALOGUE = """
version: "2027.01"
items:
- {code: MZ99, name: 高龄津贴, en: Old-age allowance, dept: 县民政局, listed: null, type: 承诺件, power: "05",
   basis: ["老年人权益保障法第33条"], legal: {n: 20, unit: wd, from: accepted}, promise: 5, src: sample,
   mat: {must: [居民身份证]}, fee: 0, accept: [village, township], decide: township/便民服务中心, deleg: "yes",
   flow: [受理, 审核], peak: []}
"""
PASSWORD = "correct horse battery"


def run(*words: str | Path) -> int:
    """One command of the hub."""
    return main(hub.APPLICATION, [str(word) for word in words])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A founded county."""
    home = tmp_path / "hub"
    assert run("init", "--home", home, "--office", "510824", "--name", "苍溪县样例") == 0
    return home


def test_every_program_teaches_its_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    for program in (hub, township_node, village_agent):
        with pytest.raises(SystemExit) as ended:
            main(program.APPLICATION, ["--help"])
        assert ended.value.code == 0
        text = capsys.readouterr().out
        for verb in ("init", "run", "sync", "status", "verify", "prove", "rebuild", "doctor", "accounts"):
            assert f"    {verb} " in text
        assert ("network" in text) == (program is hub)
        assert ("enrol " in text) == (program is not hub)


def test_every_verb_has_a_help_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("init", "run", "sync", "verify", "prove", "rebuild", "doctor", "accounts", "network"):
        with pytest.raises(SystemExit) as ended:
            run(verb, "--help")
        assert ended.value.code == 0
        assert "--home" in capsys.readouterr().out


def test_an_import_prints_a_sheet_for_each_device(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "offices.csv"
    path.write_text(LIST, encoding="utf-8-sig")
    capsys.readouterr()
    assert run("network", "import", path, "--local", "--home", home) == 0
    printed = capsys.readouterr().out
    assert printed.count("tongban:") == 2
    sheet = read_line((home / "sheets" / "510824100205.txt").read_text(encoding="utf-8"))
    assert sheet.office == OfficeId("510824100205")
    assert sheet.address.startswith("http://127.0.0.1:")
    assert (home / "sheets" / "510824100.html").exists()
    assert run("network", "list", "--home", home) == 0
    assert "人社局窗口" in capsys.readouterr().out
    assert run("network", "sheet", "510824100", "--local", "--home", home) == 0
    for office, code in (("510824.rsj", "not_below"), ("510824", "not_below"), ("510824999", "unknown_office")):
        assert run("network", "sheet", office, "--home", home) == 1
        assert code in capsys.readouterr().err


def test_importing_a_corrected_list_leaves_the_sheets_in_peoples_hands_alive(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def codes() -> dict[str, str]:
        return {path.stem: read_line(path.read_text(encoding="utf-8")).code for path in (home / "sheets").glob("*.txt")}

    def imported(text: str, *words: str) -> str:
        path.write_text(text, encoding="utf-8")
        capsys.readouterr()
        assert run("network", "import", path, "--local", "--home", home, *words) == 0
        return capsys.readouterr().out

    path = tmp_path / "offices.csv"
    imported(LIST)
    handed_out = codes()
    with closing(sqlite3.connect(home / "node.db")) as database, database:
        before = database.execute("SELECT office, digest FROM enrolment_codes ORDER BY office").fetchall()
    told = imported(LIST + "510824100206,友谊村,\n")
    assert told.count("tongban:") == 1
    assert "5 个单位，1 张注册单" in told
    assert "2 个单位先前的注册单仍然有效" in told
    with closing(sqlite3.connect(home / "node.db")) as database, database:
        after = database.execute("SELECT office, digest FROM enrolment_codes ORDER BY office").fetchall()
        database.execute("UPDATE enrolment_codes SET tries_left = 0 WHERE office = '510824100'")
        database.execute("UPDATE enrolment_codes SET expires_at = 1 WHERE office = '510824100205'")
    assert set(before) < set(after)
    assert codes().items() > handed_out.items()
    told = imported(LIST)
    assert told.count("tongban:") == 2, "a sheet that is used up or over is printed again"
    assert "仍然有效" not in told
    assert imported(LIST, "--anew").count("tongban:") == 2
    assert not set(codes().values()) & set(handed_out.values())


@pytest.mark.parametrize(
    "settings",
    [
        "",
        'host = "0.0.0.0"\n',
        'host = "10.20.0.5"\naddress = "hub.example:8610"\n',
        'address = "https://[::1]:8610"\n',
    ],
)
def test_no_sheet_is_printed_that_sends_villages_nowhere(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: str
) -> None:
    path = tmp_path / "offices.csv"
    path.write_text(LIST, encoding="utf-8")
    (home / "tongban.toml").write_text(settings, encoding="utf-8")
    for words in (("import", path), ("sheet", "510824100")):
        assert run("network", *words, "--home", home) == 1
        assert "sheet_address: " in capsys.readouterr().err
    assert run("network", "list", "--home", home) == 0
    assert capsys.readouterr().out == "", "nothing was imported"
    (home / "tongban.toml").write_text(SETTINGS, encoding="utf-8")
    assert run("network", "import", path, "--home", home) == 0
    assert capsys.readouterr().out.count("https://hub.example:8610") == 4


def test_a_list_as_a_county_office_saves_it(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Chinese headings, GBK, columns in any order and more of them, empty rows."""
    path = tmp_path / "offices.csv"
    rows = "序号,名称,单位代码,地址\n1,苍溪县政务服务中心,510824,\n,,,\n\n2,陵江镇,510824100,\n3,白观村,51082410020,\n"
    path.write_bytes(rows.encode("gbk"))
    assert run("network", "import", path, "--local", "--home", home) == 1
    assert "第 6 行" in capsys.readouterr().err
    path.write_bytes(rows.replace("51082410020", "510824100205").encode("gb18030"))
    assert run("network", "import", path, "--local", "--quiet", "--home", home) == 0
    assert run("network", "list", "--home", home) == 0
    assert "510824100205\t白观村" in capsys.readouterr().out.replace(" ", "\t")
    path.write_bytes(rows.replace("51082410020", "510824100205").replace("名称", "单位").encode("gbk"))
    assert run("network", "import", path, "--local", "--quiet", "--home", home) == 0, "单位 is what an office is called"
    capsys.readouterr()
    path.write_bytes("单位名,编号\n苍溪县,510824\n".encode("gbk"))
    assert run("network", "import", path, "--local", "--home", home) == 1
    told = capsys.readouterr().err
    assert told.startswith("columns_missing: ")
    assert "单位代码、名称、地址" in told
    assert "单位名 | 编号" in told


def test_a_spreadsheet_works_like_a_list(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = openpyxl.Workbook()
    for line in LIST.splitlines():
        book.worksheets[0].append([int(cell) if cell.isdecimal() else cell or None for cell in line.split(",")])
    for number in range(60, 20_200, 20):  # borders drawn far below the last office
        book.worksheets[0].cell(number, 1).border = Border(left=Side("thin"))
    path = tmp_path / "offices.xlsx"
    book.save(path)
    assert run("network", "import", path, "--local", "--home", home, "--quiet") == 0
    assert "4 个单位，2 张注册单" in capsys.readouterr().out
    path.write_bytes(b"no spreadsheet")
    assert run("network", "import", path, "--local", "--home", home) == 1
    assert "file_unreadable" in capsys.readouterr().err


def test_a_catalogue_is_imported_whole_or_not_at_all(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "items.yaml"
    path.write_text("version: x\nitems:\n- {code: AB01}\n", encoding="utf-8")
    assert run("catalogue", "import", path, "--from", "2027-01-01", "--home", home) == 1
    assert "AB01" in capsys.readouterr().out
    path.write_text("a: [", encoding="utf-8")
    assert run("catalogue", "import", path, "--from", "2027-01-01", "--home", home) == 1
    assert "catalogue_not_yaml" in capsys.readouterr().err
    assert not (home / "catalogue.json").exists()
    path.write_text(CATALOGUE, encoding="utf-8")
    assert run("catalogue", "import", path, "--home", home) == 1
    assert "没有生效日期" in capsys.readouterr().out
    assert run("catalogue", "import", path, "--from", "2027-01-01", "--home", tmp_path / "none") == 1
    assert capsys.readouterr().err.startswith("not_enrolled: ")
    assert run("catalogue", "import", path, "--from", "2027-01-01", "--home", home) == 0
    assert (home / "catalogue.json").exists()
    assert run("verify", "--home", home) == 0
    (home / "catalogue.json").write_bytes(b"{")
    assert run("verify", "--home", home) == 1
    assert "bad_catalogue" in capsys.readouterr().err


def test_a_catalogue_is_checked_and_compared_anywhere_and_changes_nothing(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, exported = tmp_path / "items.yaml", tmp_path / "now.xlsx"
    path.write_text(CATALOGUE, encoding="utf-8")
    assert run("catalogue", "check", path, "--home", tmp_path / "none") == 0
    assert "公开发布前还缺 2 处" in capsys.readouterr().out
    assert run("catalogue", "figures", path, "--published", "470", "--home", tmp_path / "none") == 0
    assert "1/470" in capsys.readouterr().out
    assert run("catalogue", "export", exported, "--home", home) == 0
    assert run("catalogue", "check", exported, "--home", home) == 0
    assert "还缺" not in capsys.readouterr().out, "the sample may be published"
    assert run("catalogue", "export", exported, "--home", home) == 1
    assert capsys.readouterr().err.startswith("file_exists: ")
    assert run("catalogue", "compare", exported, path, "--home", tmp_path / "none") == 0
    between = capsys.readouterr().out
    assert "新增 1 项，取消 39 项" in between
    assert run("catalogue", "compare", path, "--with-current", "--home", home) == 0
    assert capsys.readouterr().out == between
    assert run("catalogue", "figures", "--home", home) == 0
    assert "共 39 项" in capsys.readouterr().out
    path.write_text("version: x\nitems: []\n", encoding="utf-8")
    for words in (("check", path), ("compare", path, "--with-current"), ("figures", path)):
        assert run("catalogue", *words, "--home", home) == 1
    assert run("catalogue", "template", tmp_path / "empty.xlsx") == 0
    assert (tmp_path / "empty.xlsx").exists()
    assert not (home / "catalogue.json").exists()


def test_help_answers_without_loading_what_only_work_needs() -> None:
    """An old computer needs seconds for these: `office.cli` and `hub.cli` import them where they are used."""
    heavy = {"sqlalchemy", "litestar", "uvicorn", "cryptography", "argon2", "openpyxl", "yaml"}
    for program in ("hub", "township_node", "village_agent"):
        script = f"""
import sys
from {program}.__main__ import APPLICATION
from office.cli import main
try:
    main(APPLICATION, ["--help"])
except SystemExit:
    print("loaded:", *sys.modules)
"""
        told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        loaded = set(told.rpartition("loaded:")[2].split())
        assert "office.cli" in loaded
        assert not loaded & heavy


def test_a_county_s_own_divisions_are_imported_whole_or_not_at_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "hub"
    assert run("init", "--home", home, "--office", "510522", "--name", "合江县") == 0
    offices = tmp_path / "offices.csv"
    offices.write_text("office,name,address\n510522101,符阳街道,https://t.example:8610\n", encoding="utf-8")
    table = tmp_path / "divisions.csv"
    rows = "code,name,level,parent\n510522,合江县,county,\n510522100,临港街道,township,510522\n"
    for wrong, said in (
        (rows + "510522101,符阳街道,village,510522\n", "第 4 行 510522101"),
        ("code,name,level,parent\n", "现有 0 个"),
    ):
        table.write_text(wrong, encoding="utf-8")
        assert run("divisions", "import", table, "--home", home) == 1
        assert said in capsys.readouterr().out
    table.write_bytes(b"\xff\xfe")
    assert run("divisions", "import", table, "--home", home) == 1
    assert "file_unreadable" in capsys.readouterr().err
    table.write_text(rows, encoding="utf-8-sig")
    assert run("divisions", "import", table, "--check", "--home", home) == 0
    assert not (home / "divisions.csv").exists()
    assert run("network", "import", offices, "--local", "--home", home) == 0
    assert run("divisions", "import", table, "--home", home) == 0
    # From now on the table decides which townships there are.
    assert run("network", "import", offices, "--local", "--home", home) == 1
    table.write_text(rows + "510522101,符阳街道,township,510522\n", encoding="utf-8")
    assert run("divisions", "import", table, "--home", home) == 0
    assert run("network", "import", offices, "--local", "--home", home) == 0
    capsys.readouterr()
    (home / "divisions.csv").write_bytes(b"\xff\xfe")
    assert run("verify", "--home", home) == 1
    assert "hub divisions import" in capsys.readouterr().err


def test_another_county_s_divisions_are_not_ours(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "divisions.csv"
    table.write_text("code,name,level,parent\n510522,合江县,county,\n", encoding="utf-8")
    assert run("divisions", "import", table, "--home", home) == 1
    assert "本县为 510824" in capsys.readouterr().out
    assert run("divisions", "import", table, "--home", tmp_path / "none") == 1
    assert "not_enrolled" in capsys.readouterr().err


def test_a_list_that_cannot_be_read(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "offices.csv"
    long = b'office,name\n510824100,"' + b"a" * 200_000 + b'"\n'
    for content in (b"\xff\xfe", b"office,name\n999,x\n", b"", long, b"office,name\n510824100,a\rb\n"):
        path.write_bytes(content)
        assert run("network", "import", path, "--local", "--home", home) == 1
    assert run("network", "import", tmp_path / "none.csv", "--local", "--home", home) == 1
    assert "Traceback" not in capsys.readouterr().err
    assert run("network", "list", "--home", home) == 0
    assert capsys.readouterr().out == ""


def test_a_spreadsheet_with_any_part_damaged_is_refused_in_words(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "offices.xlsx"
    openpyxl.Workbook().save(path)
    with ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    damaged = ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml", "[Content_Types].xml"]
    for name, content in [(name, b"<a") for name in damaged] + [("xl/sharedStrings.xml", bytes(65 << 20))]:
        with ZipFile(path, "w", ZIP_DEFLATED) as packed:
            for part, kept in {**parts, name: content}.items():
                packed.writestr(part, kept)
        assert path.stat().st_size < 1 << 20
        assert run("network", "import", path, "--local", "--home", home) == 1
        assert capsys.readouterr().err.startswith("file_unreadable: offices.xlsx ")


def test_accounts_before_the_first_run(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("accounts", "add", "--home", home, "--login", "wang", "--name", "王", "--role", "leader")
    monkeypatch.setattr(sys, "stdin", io.StringIO(PASSWORD + "\n"))
    assert run(*words, "--password-stdin") == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    assert run(*words[:5], "li", *words[6:], "--password-stdin") == 1
    assert "password_short" in capsys.readouterr().err
    assert run(*words[:-1], "king", "--password-stdin") == 1
    assert "unknown_role" in capsys.readouterr().err
    assert run("accounts", "list", "--home", home) == 0
    assert "wang\t510824\tleader" in capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.StringIO(PASSWORD + " again\n"))
    assert run("accounts", "password", "--home", home, "--login", "wang", "--password-stdin") == 0
    assert run("accounts", "suspend", "--home", home, "--login", "wang") == 0
    assert run("accounts", "suspend", "--home", home, "--login", "nobody") == 1


def test_a_promoted_officer_keeps_the_account(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def accounts(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        status = run("accounts", *words, "--home", home)
        return status, "".join(capsys.readouterr())

    monkeypatch.setattr(sys, "stdin", io.StringIO(PASSWORD + "\n"))
    accounts("add", "--login", "wang", "--name", "王", "--role", "clerk", "--password-stdin")
    assert accounts("change", "--login", "wang", "--role", "clerk", "--role", "approver")[0] == 0
    assert accounts("change", "--login", "Wang", "--name", "王敏", "--office", "510824.rsj")[0] == 0
    assert accounts("suspend", "--login", "wang")[0] == 0
    assert "wang\t510824.rsj\tapprover,clerk\t王敏（已停用）" in accounts("list")[1]
    assert accounts("resume", "--login", "wang")[0] == 0
    assert "王敏\n" in accounts("list")[1]
    for words, code in (
        (["change", "--login", "wang"], "nothing_to_change"),
        (["change", "--login", "wang", "--role", "king"], "unknown_role"),
        (["change", "--login", "wang", "--office", "510824100"], "officer_office"),
        (["change", "--login", "wang", "--name", " "], "officer_name"),
        (["change", "--login", "nobody", "--name", "x"], "unknown_login"),
        (["resume", "--login", "nobody"], "unknown_login"),
    ):
        status, told = accounts(*words)
        assert (status, told.split(":")[0]) == (1, code)


def test_a_password_that_nobody_sees_is_typed_twice(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("accounts", "add", "--home", home, "--login", "wang", "--name", "王", "--role", "leader")
    typed = iter([PASSWORD, PASSWORD + "s", PASSWORD, PASSWORD])

    def type_unseen(prompt: str) -> str:
        return next(typed)

    monkeypatch.setattr("getpass.getpass", type_unseen)
    assert run(*words) == 1
    assert "password_differs" in capsys.readouterr().err
    assert run(*words) == 0


def test_what_the_system_refuses_is_told_in_words(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "passwd").write_text("", encoding="utf-8")

    def no_terminal(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", no_terminal)
    account = ("accounts", "add", "--home", home, "--login", "wang", "--name", "王", "--role", "leader")
    founding = ("init", "--home", tmp_path / "passwd" / "hub", "--office", "510824", "--name", "苍溪县")
    for words, code in ((account, "no_terminal"), (founding, "file_unusable")):
        for language in ("zh-CN", "en"):
            monkeypatch.setenv("TONGBAN_LANGUAGE", language)
            capsys.readouterr()
            assert run(*words) == 1
            told = capsys.readouterr().err
            assert told.startswith(f"{code}: ")
            assert bool(re.search("[\u4e00-\u9fff]", told)) == (language == "zh-CN")
    assert "passwd" in told, "the path at fault is named"


def test_verify_doctor_and_rebuild_of_a_new_county(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run("verify", "--json", "--home", home) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["faults"] == []
    assert run("rebuild", "--home", home) == 0
    assert run("doctor", "--home", home) == 1
    assert "county-root" not in capsys.readouterr().err
    (home / "county-root.key").unlink()
    assert run("doctor", "--home", home) == 0
    assert run("sync", "--home", home) == 1
    assert "no_parent" in capsys.readouterr().err


def test_doctor_tells_which_names_the_certificate_lacks(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "tongban.toml").write_text(SETTINGS, encoding="utf-8")
    ensure_tls(Home(home), ["10.20.0.5"], Instant(1_760_000_000_000))
    assert run("doctor", "--home", home) == 1
    told = capsys.readouterr().out
    assert "✗ certificate" in told
    assert "hub.example" in told
    (home / "tls.crt").unlink()
    assert run("doctor", "--home", home) == 1  # The root key is still there.
    assert "✓ certificate" in capsys.readouterr().out


def test_what_a_database_complains_of_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    async def fail(arguments: object) -> int:
        raise OperationalError("INSERT …", {"name": "王秀英"}, sqlite3.OperationalError("database or disk is full"))

    def add_verbs(verbs: Verbs) -> None:
        verbs.add("fail", fail, "meet a full disk")

    assert main(Application("hub", "x", add_verbs), ["fail"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("store_full: 磁盘已满")
    assert "请清理磁盘" in told
    assert "王秀英" not in told


def test_how_a_node_stands_is_told_whether_it_runs_or_not(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run("status", "--home", home) == 0
    assert "未运行" in capsys.readouterr().out
    # What a killed process left behind is seen through.
    (home / "local.json").write_text('{"address": "http://127.0.0.1:9", "token": "00"}')
    assert run("status", "--json", "--home", home) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["office"], status["is_running"], status["set_aside"]) == ("510824", False, 0)
    assert status["storage"]["takes_filings"] is True


def test_a_node_speaks_the_language_that_is_set_for_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str | Path) -> str:
        capsys.readouterr()
        run(*words, "--home", home)
        return "".join(capsys.readouterr())

    for chinese in (("status",), ("doctor",), ("verify",), ("sync",), ("network", "list")):
        assert not re.findall(r"\b(?:the|is|of|here)\b", said(*chinese))
    assert said("sync") == "no_parent: 县级节点没有上级，无须同步；乡镇会自行与县联系。\n"
    (home / "tongban.toml").write_text('language = "en"\n', encoding="utf-8")
    assert "not running" in said("status")
    assert said("sync").startswith("no_parent: nobody is above the county")
    for english in (("doctor",), ("verify",), ("sync",), ("network", "sheet", "510824999")):
        assert not re.search("[\u4e00-\u9fff]", said(*english))
    monkeypatch.setenv("TONGBAN_LANGUAGE", "zh-CN")
    assert "未运行" in said("status")


def test_settings_that_cannot_be_read_are_told_in_the_language_of_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "tongban.toml").write_text("prot = 8610\n", encoding="utf-8")
    assert run("status", "--home", home) == 1
    assert re.match("bad_settings: 设置有误.*did you mean 'port'", capsys.readouterr().err)
    monkeypatch.setenv("TONGBAN_LANGUAGE", "en")
    assert run("status", "--home", home) == 1
    assert capsys.readouterr().err.startswith("bad_settings: there is no setting 'prot'")


def test_help_and_what_was_typed_wrongly_are_told_in_the_same_language(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for language, summary, refusal in (
        ("zh-CN", "启动本节点的页面和线路", "bad_command: 命令写法有误"),
        ("en", "serve this node's pages", "bad_command: argument VERB: invalid choice: 'rnu'"),
    ):
        monkeypatch.setenv("TONGBAN_LANGUAGE", language)
        for words, status in ((["--help"], 0), (["rnu"], 2), (["accounts", "add"], 2)):
            with pytest.raises(SystemExit) as ended:
                run(*words)
            assert ended.value.code == status
            told = capsys.readouterr()
            assert summary in told.out or "bad_command: " in told.err
            assert refusal in told.err or words[0] != "rnu"


def test_what_is_no_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("run", "verify", "rebuild", "sync"):
        assert run(verb, "--home", tmp_path / "none") == 1
        assert "not_enrolled" in capsys.readouterr().err
    assert run("doctor", "--home", tmp_path / "none") == 1


def test_a_device_is_prepared_once_and_asks_for_its_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--home", str(tmp_path / "v1")]
    assert main(village_agent.APPLICATION, ["init", *words]) == 0
    keys = (tmp_path / "v1" / "device.key").read_bytes()
    assert main(village_agent.APPLICATION, ["init", *words]) == 0
    assert prepare_device(tmp_path / "v1").keys.read_bytes() == keys
    assert main(village_agent.APPLICATION, ["enrol", "7K3M-0000-0000-0000", *words]) == 1
    assert "sheet_incomplete" in capsys.readouterr().err
    line = f"tongban:510824100205;http://127.0.0.1:9;{'ab' * 32};{'0' * 16}"
    for given in (line, f"'{line}'", f'"{line}"'):
        assert main(village_agent.APPLICATION, ["enrol", given, *words]) == 1
        assert "line_down" in capsys.readouterr().err
    bare = ["enrol", "0" * 16, "--address", "http://hub.example", "--county", "ab" * 32, "--office", "510824100205"]
    assert main(village_agent.APPLICATION, [*bare, *words]) == 1
    assert "plain_http" in capsys.readouterr().err


def test_the_home_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TONGBAN_HOME", str(tmp_path))
    assert default_home("hub") == tmp_path
    parsed = Verbs(Application("hub", "x"))
    assert parsed.parser.prog == "hub"
