"""The county's own verbs: `hub init`, `hub network` for its offices and devices, its catalogue, its divisions.

The list of offices comes as CSV or XLSX with the columns office, name, address. A sheet is printed for every office
that has no device yet, and kept under `sheets/` until somebody deletes it. Everything may be done while the hub runs:
lists are shared rows; confirming and revoking write entries, which the running hub does when asked (`office.local`).
Never overwrites an enrolment. Next: `office.enrolling`, `office.sheets`.
"""

import argparse
import csv
import io
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zipfile import ZipFile

from office.cli import Arguments, Verbs, add_sheet, show_progress
from office.paths import Home
from schemas.names import NodeId, OfficeId, seat_of
from sync.core.errors import LocalFault

if TYPE_CHECKING:
    from office.enrolling import Office, Sheet
    from office.local import RunningNode
    from office.node import Node

# The heavy parts are imported by the verbs that need them, as in `office.cli`: `--help` answers at once.

FILE_BYTES_MAX: Final = 8 * 1024 * 1024
"""A list of 1,000 offices is 60 KiB as CSV, 100 KiB as XLSX."""

UNPACKED_BYTES_MAX: Final = 64 * 1024 * 1024
"""What the parts of an XLSX file may say they unpack to: 1,000 offices are 1 MiB, and 8 MiB of zeros would be 8 GiB."""


def add_verbs(verbs: Verbs) -> None:
    """Mount `init` and `network` on the hub's command line."""
    init = verbs.add(
        "init",
        found,
        "make the county's node: its root key, its device keys, its seat",
        "init --office 510824 --name 苍溪县",
    )
    init.add_argument("--office", required=True, help="the county's six-digit code")
    init.add_argument("--name", required=True, help="the county's name: every signature of the network carries it")
    verbs.add("nightly", nightly, "verify this node's store if not done within a day; for the system's scheduler")
    network = verbs.add("network", list_network, "the county's offices and their devices", "network import offices.csv")
    group = network.add_subparsers(title="what", metavar="WHAT")
    _add_catalogue(verbs)
    _add_divisions(verbs)
    _add_import(verbs, group.add_parser("import", help="import the offices (CSV or XLSX) and print enrolment sheets"))
    add_sheet(verbs, group.add_parser("sheet", help="print a new sheet for one office; its earlier code dies"))
    verbs.share(group.add_parser("list", help="every office and its device"), list_network)
    confirm = group.add_parser("countersign", help="confirm a device that a township enrolled")
    confirm.add_argument("device")
    verbs.share(confirm, countersign)
    revoke = group.add_parser("revoke", help="end a lost device: nothing more of it counts")
    revoke.add_argument("device")
    revoke.add_argument("--reason", required=True)
    verbs.share(revoke, revoke_device)


def _add_import(verbs: Verbs, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="columns: office, name, address (of the office's own device)")
    parser.add_argument("--quiet", action="store_true", help="keep the sheets in the folder only")
    verbs.share(parser, import_offices)


def _add_catalogue(verbs: Verbs) -> None:
    catalogue = verbs.add(
        "catalogue",
        import_catalogue,
        "import the county's own catalogue (YAML); every fault is named and nothing is changed while there is one",
        "catalogue items.yaml --from 2027-01-01",
    )
    catalogue.add_argument("file", type=Path)
    catalogue.add_argument("--from", dest="effective_from", type=date.fromisoformat, required=True, help="first day")
    catalogue.add_argument("--check", action="store_true", help="only look for faults")


def _add_divisions(verbs: Verbs) -> None:
    divisions = verbs.add_bare(
        "divisions",
        "the county's own table of divisions: which townships and villages there are",
        "divisions import divisions.csv",
    )
    group = divisions.add_subparsers(title="what", metavar="WHAT", required=True)
    load = group.add_parser("import", help="take a table (CSV or XLSX); nothing is changed while it has a fault")
    load.add_argument("file", type=Path, help="columns: code, name, level (county, township, village), parent")
    load.add_argument("--check", action="store_true", help="only look for faults")
    verbs.share(load, import_divisions)


async def import_catalogue(arguments: Arguments) -> int:
    """`catalogue`"""
    from hub.catalogue.importing import read_catalogue
    from office.node import keep_edition

    report = read_catalogue(arguments.file, arguments.effective_from)
    print(report.text())
    print(report.text("en"))
    if report.edition is None:
        return 1
    if not arguments.check:
        keep_edition(Home(arguments.home), report.edition)
        print("下次启动时生效 in force from the next start")
    return 0


async def import_divisions(arguments: Arguments) -> int:
    """`divisions import`"""
    from hub.catalogue.importing import check_divisions
    from office.node import keep_divisions
    from office.seat import load_seat

    home = Home(arguments.home)
    county = load_seat(home).office
    report = check_divisions(arguments.file.name, read_rows(arguments.file), county)
    print(report.text())
    print(report.text("en"))
    if report.tree is None:
        return 1
    if not arguments.check:
        keep_divisions(home, report.tree)
        print("下次启动时生效;请复制到各节点 in force from the next start; copy divisions.csv to every node")
    return 0


async def found(arguments: Arguments) -> int:
    """`init`"""
    from office.founding import found_county

    digest = found_county(arguments.home, OfficeId(arguments.office), arguments.name)
    print(f"已建立县节点 made: {arguments.home}\n县根摘要 county digest: {digest}")
    print("请将 county-root.key 转存离线介质后从本机删除 / copy county-root.key offline, then delete it here")
    return 0


async def nightly(arguments: Arguments) -> int:
    """`nightly`: what `hub.worker` does when Redis wakes it."""
    from hub.jobs import find_verified, verify_when_due

    result = await verify_when_due(arguments.home) or find_verified(arguments.home)
    faults = result.faults if result is not None else []
    print("\n".join(faults) if faults else "已核验,未发现问题 verified, nothing found")
    return 1 if faults else 0


async def import_offices(arguments: Arguments) -> int:
    """`network import`"""
    from office.enrolling import parse_offices
    from office.node import Node
    from office.sheets import save_sheets, text_of

    rows = read_rows(arguments.file)
    node = await Node.open(arguments.home, with_pen=False)
    try:
        offices = parse_offices(rows, node.county, node.divisions)
        await node.enrolling.import_offices(offices)
        enrolled = node.books.keyring.offices()
        waiting = [office for office in offices if _has_device(office) and office.office not in enrolled]
        sheets: list[Sheet] = []
        for position, office in enumerate(waiting):
            show_progress(position, len(waiting))
            sheets.append(await node.enrolling.issue_code(office, node.books.seat.root.digest))
        show_progress(len(waiting), len(waiting))
    finally:
        await node.close()
    save_sheets(node.home.sheets, sheets)
    if not arguments.quiet:
        print("\n".join(text_of(sheet) for sheet in sheets))
    print(f"{len(offices)} 个单位,{len(sheets)} 张注册单在 {node.home.sheets} / offices, sheets there")
    return 0


async def list_network(arguments: Arguments) -> int:
    """`network list`"""
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        unconfirmed = await node.enrolling.find_unconfirmed(node.books)
        for office in await node.enrolling.list_offices():
            devices = node.books.keyring.devices_of(office.office)
            names = ", ".join(f"{device.node}{_standing(node, device.node, unconfirmed)}" for device in devices)
            print(f"{office.office}\t{office.name}\t{names or '—'}")
    finally:
        await node.close()
    return 0


def _standing(node: "Node", device: NodeId, unconfirmed: set[NodeId]) -> str:
    if node.books.keyring.is_revoked(device):
        return " (已注销 revoked)"
    return " (待县确认 unconfirmed)" if device in unconfirmed else ""


async def countersign(arguments: Arguments) -> int:
    """`network countersign`"""
    from office.local import at_the_pen

    device = NodeId(arguments.device)

    async def here(node: "Node") -> None:
        await node.enrolling.countersign(device)

    async def there(running: "RunningNode") -> None:
        await running.countersign(device)

    await at_the_pen(arguments.home, here, there)
    print("已确认 confirmed")
    return 0


async def revoke_device(arguments: Arguments) -> int:
    """`network revoke`"""
    from office.local import at_the_pen

    device, reason = NodeId(arguments.device), arguments.reason

    async def here(node: "Node") -> None:
        await node.enrolling.revoke(device, reason)

    async def there(running: "RunningNode") -> None:
        await running.revoke(device, reason)

    await at_the_pen(arguments.home, here, there)
    print("已注销 revoked")
    return 0


def _has_device(office: "Office") -> bool:
    """Whether an office works on a device of its own below the county: windows work on the county's."""
    return office.office == seat_of(office.office) and len(office.office) > 6


# --- files -----------------------------------------------------------------------------------------------------------


def read_rows(path: Path) -> list[Mapping[str, str]]:
    """The rows of a CSV (UTF-8) or XLSX file by column name. Raises `LocalFault` `file_unreadable`."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise _too_large(path)
        if path.suffix.lower() == ".xlsx":
            return _read_xlsx(path)
        text = path.read_bytes().decode("utf-8-sig")
        return [dict(row) for row in csv.DictReader(io.StringIO(text, newline=""))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LocalFault("file_unreadable", f"{path.name} cannot be read; save it as UTF-8 CSV or as XLSX") from error


def _read_xlsx(path: Path) -> list[Mapping[str, str]]:
    import openpyxl

    from office.enrolling import OFFICES_MAX

    try:
        with path.open("rb") as file:
            if sum(part.file_size for part in ZipFile(file).infolist()) > UNPACKED_BYTES_MAX:
                raise _too_large(path)
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            cells = book.worksheets[0].iter_rows(values_only=True, max_row=OFFICES_MAX + 2)
            rows = [[_text(cell) for cell in row] for row in cells]
    except LocalFault:
        raise
    except Exception as error:
        # A damaged file makes the library stumble in a dozen ways, none of which it names.
        raise LocalFault("file_unreadable", f"{path.name} is not an XLSX file; save it again") from error
    head, *body = rows or [[]]
    return [dict(zip(head, row, strict=False)) for row in body if any(row)]


def _too_large(path: Path) -> LocalFault:
    return LocalFault("file_unreadable", f"{path.name} is larger than any list of offices; check the file")


def _text(cell: object) -> str:
    """A cell as text. Spreadsheets turn codes into numbers; 510824.0 is 510824."""
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()
