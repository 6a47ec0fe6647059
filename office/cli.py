"""The command line of every node. Each application mounts these verbs beside its own (`hub` adds its own).

`--help` teaches: every verb says what it does, what it needs, and shows an example. Errors are one line on standard
error with what to do, exit status 1; a verb that found something wrong ends with status 1 too. There is one pen: while
the node runs, verbs that write hand over what they want done (`office.local`); only `rebuild` needs it stopped.
Never prints a key, a password or a person. Next: `office.node`, `office.founding`, `office.serving`.
"""

import argparse
import asyncio
import contextlib
import getpass
import importlib.util
import logging
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import Struct

from schemas.codec import Malformed
from schemas.names import Instant, OfficeId, OfficerId, seat_of, within
from schemas.refusals import Refused
from sync.core.errors import Fault, LocalFault

if TYPE_CHECKING:
    from office.accounts import Accounts
    from office.enrolling import Sheet
    from office.node import Node

# The heavy parts are imported by the verbs that need them: `--help` answers at once, also on an old computer.

T = TypeVar("T")

HOME_VARIABLE: Final = "TONGBAN_HOME"

Arguments = argparse.Namespace
Verb = Callable[[Arguments], Awaitable[int]]


class Application(Struct, frozen=True):
    """One of the three programs."""

    name: str
    """The console command: hub, township-node, village-agent."""
    title: str
    add_verbs: "Callable[[Verbs], None] | None" = None


class Verbs:
    """The verbs of one program, with the options that all share."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.parser = argparse.ArgumentParser(
            prog=application.name,
            description=f"{application.title}\n\n通办 Tongban: {application.name}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self._group = self.parser.add_subparsers(title="verbs", metavar="VERB", required=True)

    def add(self, name: str, verb: Verb, summary: str, example: str = "") -> argparse.ArgumentParser:
        """A verb. Returns its parser for options of its own."""
        return self.share(self.add_bare(name, summary, example), verb)

    def add_bare(self, name: str, summary: str, example: str = "") -> argparse.ArgumentParser:
        """A verb to which `share` has yet to say what it runs."""
        return self._group.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=f"example: {self.application.name} {example}" if example else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def share(self, parser: argparse.ArgumentParser, verb: Verb) -> argparse.ArgumentParser:
        """Give a parser the shared options and what it runs."""
        parser.add_argument(
            "--home",
            type=Path,
            default=default_home(self.application.name),
            help=f"the node's folder (environment: {HOME_VARIABLE}; default: %(default)s)",
        )
        parser.set_defaults(verb=verb)
        return parser


def default_home(name: str) -> Path:
    """Where a node lies unless somebody says otherwise."""
    stated = os.environ.get(HOME_VARIABLE)
    return Path(stated) if stated else Path.home() / ".tongban" / name


def parser_of(application: Application) -> argparse.ArgumentParser:
    """The whole command line of a program: the verbs that all share, and its own."""
    verbs = Verbs(application)
    _add_common(verbs)
    if application.add_verbs is not None:
        application.add_verbs(verbs)
    return verbs.parser


def run_in_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, in uvloop's loop where that is installed (the hub): a tenth less CPU for every page taken in."""
    factory = importlib.import_module("uvloop").new_event_loop if importlib.util.find_spec("uvloop") else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)


def main(application: Application, arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Returns the exit status."""
    parsed = parser_of(application).parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        return run_in_loop(parsed.verb(parsed))
    except KeyboardInterrupt:
        return 130
    except Refused as refusal:
        return _fail(refusal.code, f"{refusal.zh}\n{refusal.en}")
    except (Fault, Malformed) as fault:
        return _fail(fault.code, fault.hint)
    except Exception as error:
        from sync.failures import fault_of

        # What a database means, where nothing between has said it already: a start on a full disk.
        fault = fault_of(error)
        if fault is None:
            raise
        return _fail(fault.code, fault.hint)


def _fail(code: str, hint: str) -> int:
    print(f"{code}: {hint}", file=sys.stderr)
    return 1


def _add_common(verbs: Verbs) -> None:
    if verbs.application.name != "hub":
        verbs.add("init", init_device, "make the folder, the keys and a settings file (enrol does it too)", "init")
        enrol = verbs.add(
            "enrol",
            enrol_device,
            "get this device its office with the code on its enrolment sheet",
            "enrol 'tongban:510824100205;https://hub:8610;8c1f…;7K3M…'",
        )
        enrol.add_argument("code", help="the line that begins with tongban:, a sheet's .txt file, or the bare code")
        enrol.add_argument("--address", help="with a bare code: the address on the sheet")
        enrol.add_argument("--county", help="with a bare code: the county digest on the sheet, 64 hexadecimal digits")
        enrol.add_argument("--office", help="with a bare code: the office on the sheet")
    verbs.add("run", run_node, "serve this node's pages and its line until stopped", "run")
    verbs.add("sync", sync_node, "talk with the node above once, now; a running node does it itself", "sync")
    status = verbs.add(
        "status", show_status, "how this node stands: counts, lines, disk; shows no case", "status --json"
    )
    status.add_argument("--json", action="store_true", help="one JSON line")
    verify = verbs.add(
        "verify",
        verify_node,
        "check every entry, chain, tree, signature and table of this node; names what is wrong",
        "verify --json",
    )
    verify.add_argument("--json", action="store_true", help="end with one JSON line")
    verbs.add("rebuild", rebuild_node, "drop the tables that screens read and fold them again from the entries")
    verbs.add("doctor", doctor_node, "look at settings, files, disk, clock, lines and quarantine; says what to do")
    _add_accounts(verbs)


def _add_accounts(verbs: Verbs) -> None:
    parser = verbs.add("accounts", list_accounts, "the people who work at this node", "accounts add --login zhang …")
    group = parser.add_subparsers(title="what", metavar="WHAT")
    add = group.add_parser("add", help="make an account; the password is asked for, or read with --password-stdin")
    add.add_argument("--login", required=True, help="what is typed at sign-in")
    add.add_argument("--name", required=True, help="shown beside acts")
    add.add_argument("--role", required=True, action="append", help="agent, clerk, approver, leader, supervisor, …")
    add.add_argument("--office", help="the node's office unless named: a department's window")
    add.add_argument("--language", default="zh", choices=["zh", "en"])
    password = group.add_parser("password", help="set a new password")
    password.add_argument("--login", required=True)
    suspend = group.add_parser("suspend", help="close an account; its acts stay what they are")
    suspend.add_argument("--login", required=True)
    for each in (add, password):
        each.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    verbs.share(add, add_account)
    verbs.share(password, set_password)
    verbs.share(suspend, suspend_account)
    verbs.share(group.add_parser("list", help="list them"), list_accounts)


# --- making ----------------------------------------------------------------------------------------------------------


async def init_device(arguments: Arguments) -> int:
    """`init`"""
    from office.founding import prepare_device

    home = prepare_device(arguments.home)
    print(f"已建立 made: {home.folder}\n下一步 next: enrol '<注册单上以 tongban: 开头的一行>'")
    return 0


async def enrol_device(arguments: Arguments) -> int:
    """`enrol`"""
    from office import founding

    sheet = _sheet(arguments)
    seat = await founding.enrol_device(arguments.home, sheet)
    print(f"已注册 enrolled: {sheet.office} · {seat.chain[-1].enrolment.node}\n上级地址 above: {seat.parent_address}")
    return 0


def _sheet(arguments: Arguments) -> "Sheet":
    from office.enrolling import Sheet, plain_code
    from office.sheets import LINE_PREFIX, read_line

    text: str = arguments.code
    if text.startswith(LINE_PREFIX):
        return read_line(text)
    path = Path(text)
    if path.suffix == ".txt" and path.is_file():
        # The line is ASCII; the names around it may have been saved again in another encoding.
        return read_line(path.read_text(encoding="utf-8", errors="replace"))
    if not (arguments.address and arguments.county and arguments.office):
        raise LocalFault(
            "sheet_incomplete", "with a bare code also give --address, --county and --office as they stand on the sheet"
        )
    county = "".join(arguments.county.split()).lower()
    return Sheet(OfficeId(arguments.office), "", arguments.address, county, plain_code(text), Instant(0))


# --- working ---------------------------------------------------------------------------------------------------------


async def run_node(arguments: Arguments) -> int:
    """`run`"""
    from office.node import Node, address_of
    from office.serving import serve

    node = await Node.open(arguments.home, progress=show_progress)
    logging.getLogger().setLevel(node.settings.log_level.upper())
    print(f"{node.office_name(node.seat)} ({node.seat}) · {address_of(node.settings)}", flush=True)
    try:
        await serve(node)
    finally:
        await node.close()
    return 0


async def sync_node(arguments: Arguments) -> int:
    """`sync`"""
    from office.local import RunningNode, at_the_pen
    from office.serving import talk_here

    talked = await at_the_pen(arguments.home, talk_here, RunningNode.sync, progress=show_progress)
    if not talked.is_over:
        print(f"仍在传输 still talking · 待送 waiting {talked.waiting}")
        return 0
    print(f"收到 received {talked.entries_received} · 待送 waiting {talked.waiting}")
    return 1 if talked.refused else 0


async def show_status(arguments: Arguments) -> int:
    """`status`"""
    import msgspec

    from office.local import find_status

    status = await find_status(arguments.home)
    if arguments.json:
        print(msgspec.json.encode(status).decode())
        return 0
    print(f"{status.name} ({status.office}) · {'运行中 running' if status.is_running else '未运行 not running'}")
    print(f"本机条目 own entries {status.own} · 县已回执 receipted by the county {status.receipted}")
    print(f"办件 cases {status.cases['all']} · 在办 open {status.cases['open']} · 待处理 set aside {status.set_aside}")
    for line in status.lines:
        print(f"{line.office} · 待送 waiting {line.waiting}{'+' if line.is_more else ''}")
    return 0


async def verify_node(arguments: Arguments) -> int:
    """`verify`"""
    import msgspec

    from office.node import Node
    from office.verifying import verify

    node = await Node.open(arguments.home, with_pen=False)
    try:
        report = await verify(node, show_progress)
    finally:
        await node.close()
    for fault in report.faults:
        print(f"{fault.code}: {fault.where}: {fault.what}", file=sys.stderr)
    print(f"{report.entries} entries in {report.journals} journals, {report.cases} cases: {len(report.faults)} faults")
    if arguments.json:
        print(msgspec.json.encode(report).decode())
    return 1 if report.faults else 0


async def rebuild_node(arguments: Arguments) -> int:
    """`rebuild`"""
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=True, refold=True, progress=show_progress)
    try:
        count = len(await node.cases.subjects())
    finally:
        await node.close()
    print(f"已重建 rebuilt: {count}")
    return 0


async def doctor_node(arguments: Arguments) -> int:
    """`doctor`"""
    from office.doctor import examine

    findings = await examine(arguments.home)
    for finding in findings:
        print(f"{'✓' if finding.good else '✗'} {finding.subject}: {finding.zh} / {finding.en}")
    return 0 if all(finding.good for finding in findings) else 1


# --- devices below ---------------------------------------------------------------------------------------------------


def add_sheet(verbs: Verbs, parser: argparse.ArgumentParser) -> None:
    """`sheet`, for the programs that have offices below them."""
    parser.add_argument("office", help="an office below this one that has a device of its own")
    parser.add_argument("--replace", action="store_true", help="the new device follows a lost one")
    verbs.share(parser, print_sheet)


async def print_sheet(arguments: Arguments) -> int:
    """`sheet`"""
    from office.enrolling import Office
    from office.node import Node
    from office.sheets import save_sheets, text_of

    wanted = OfficeId(arguments.office)
    node = await Node.open(arguments.home, with_pen=False)
    try:
        if seat_of(wanted) != wanted or wanted == node.seat or not within(wanted, node.seat):
            raise LocalFault("not_below", f"{wanted} is no office below this one with a device of its own")
        if not node.is_office(wanted):
            raise LocalFault("unknown_office", f"the county has no office {wanted}; check the code")
        present = await node.enrolling.find_present(wanted, node.books)
        if present is not None and not arguments.replace:
            raise LocalFault("seat_taken", "this office has a device; with --replace a new one follows it")
        office = Office(wanted, node.office_name(wanted))
        sheet = await node.enrolling.issue_code(office, node.books.seat.root.digest, replaces=present)
    finally:
        await node.close()
    save_sheets(node.home.sheets, [sheet])
    print(text_of(sheet))
    return 0


# --- accounts --------------------------------------------------------------------------------------------------------


async def add_account(arguments: Arguments) -> int:
    """`accounts add`"""
    from schemas.casework.roles import Role

    unknown = [role for role in arguments.role if role not in set(Role)]
    if unknown:
        raise LocalFault("unknown_role", f"there is no role {unknown[0]!r}; choose from {', '.join(Role)}")
    roles = [Role(role) for role in arguments.role]
    async with _opened(arguments) as (node, accounts):
        office = OfficeId(arguments.office or node.seat)
        officer = await accounts.add_officer(
            arguments.login, arguments.name, office, roles, _password(arguments), arguments.language
        )
    print(f"已开户 added: {officer}")
    return 0


async def set_password(arguments: Arguments) -> int:
    """`accounts password`"""
    async with _opened(arguments) as (_, accounts):
        officer = await _find_officer(accounts, arguments.login)
        await accounts.set_password(officer, _password(arguments))
    print("已更新 done")
    return 0


async def suspend_account(arguments: Arguments) -> int:
    """`accounts suspend`"""
    async with _opened(arguments) as (_, accounts):
        await accounts.suspend_officer(await _find_officer(accounts, arguments.login))
    print("已停用 done")
    return 0


async def list_accounts(arguments: Arguments) -> int:
    """`accounts list`"""
    async with _opened(arguments) as (_, accounts):
        for one in await accounts.list_officers():
            state = "" if one.active else " (停用 closed)"
            print(f"{one.login}\t{one.office}\t{','.join(sorted(one.roles))}{state}")
    return 0


async def _find_officer(accounts: "Accounts", login: str) -> OfficerId:
    for one in await accounts.list_officers():
        if one.login == login.strip().lower():
            return one.officer
    raise LocalFault("unknown_login", "this node has no such login; see accounts list")


@contextlib.asynccontextmanager
async def _opened(arguments: Arguments) -> AsyncGenerator[tuple["Node", "Accounts"]]:
    """The node for its shared rows: beside a running one too, so without the pen."""
    from office.accounts import Accounts
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        yield node, Accounts(node.engines.write, node.engines.read, node.seat, node.clock, node.salts)
    finally:
        await node.close()


def _password(arguments: Arguments) -> str:
    if arguments.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return getpass.getpass("密码 password: ")


def show_progress(done: int, total: int) -> None:
    """A line on a terminal's standard error; nothing where nobody watches."""
    if sys.stderr.isatty() and total:
        end = "\n" if done >= total else ""
        print(f"\r{done} / {total}", end=end, file=sys.stderr, flush=True)
