"""The command line of every node. Each application mounts these verbs beside its own (`hub` adds its own).

`--help` teaches: every verb says what it does, what it needs, and shows an example. Errors are one line on standard
error, a code and what to do, exit status 1; a verb that found something wrong ends with status 1 too. All of it is in
the language set for the node (`office.settings`), Chinese by default. There is one pen: while the node runs, verbs that
write hand over what they want done (`office.local`); only `rebuild` needs it stopped.
Never prints a key, a password or a resident. Next: `office.node`, `office.founding`, `office.serving`.
"""

import argparse
import asyncio
import importlib.util
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from msgspec import Struct

from office.asking import ASK, asker, file_named
from office.cli_accounts import add_accounts
from office.cli_backup import add_backup
from office.cli_bundle import add_bundle
from office.cli_case import add_case
from office.cli_lists import add_lists
from office.cli_lock import add_lock
from office.cli_looks import add_looks
from office.cli_people import add_people
from office.cli_prove import add_prove
from office.paths import Home
from office.sentences import explained, told
from office.settings import ENVIRONMENT_PREFIX, PASSPHRASE_VARIABLE, load_settings
from schemas.codec import Malformed
from schemas.divisions import is_village_office
from schemas.names import Instant, OfficeId, seat_of, within
from schemas.refusals import Refused
from sync.core.errors import Fault, LocalFault

if TYPE_CHECKING:
    from office.enrolling import Sheet
    from office.serving import Besides

# The heavy parts are imported by the verbs that need them: `--help` answers at once, also on an old computer.

T = TypeVar("T")

HOME_VARIABLE: Final = "TONGBAN_HOME"

VILLAGE: Final = "village-agent"
"""The program whose folders are locked."""

Arguments = argparse.Namespace
Verb = Callable[[Arguments], Awaitable[int]]


class Application(Struct, frozen=True):
    """One of the three programs."""

    name: str
    """The console command: hub, township-node, village-agent."""
    title: str
    add_verbs: "Callable[[Verbs], None] | None" = None
    title_zh: str = ""
    """The title in Chinese."""
    beside: "Besides | None" = None
    """What this program does beside its pages while it runs (`office.serving`)."""


class _Group(argparse._SubParsersAction):  # pyright: ignore[reportPrivateUsage, reportMissingTypeArgument]
    """Verbs that say in their own help, too, what the list of verbs says of them."""

    def add_parser(self, name: str, **options: Any) -> argparse.ArgumentParser:
        """See `argparse`."""
        options.setdefault("description", options.get("help"))
        return super().add_parser(name, **options)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


class Parser(argparse.ArgumentParser):
    """Refuses what was typed wrongly with a code, in one language, and ends with status 2."""

    language = ""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.register("action", "parsers", _Group)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and how to find out more."""
        refusal = Refused(
            "bad_command",
            f"命令写法有误，没有执行；请用 {self.prog} --help 查看用法。原文：{message}",
            f"{message}; nothing was done, see {self.prog} --help",
        )
        self.exit(2, f"{refusal.code}: {refusal.text(self.language)}\n")


class EnglishParser(Parser):
    """The same in English; the parsers of its verbs are of its own kind."""

    language = "en"


def say_chinese(zh: str, en: str) -> str:
    """What to print, of the two, where Chinese is read."""
    return zh


def say_english(zh: str, en: str) -> str:
    """What to print, of the two, where English is read."""
    return en


class Verbs:
    """The verbs of one program, with the options that all share, explained in one language."""

    def __init__(self, application: Application, language: str = "") -> None:
        self.application = application
        is_english = language.startswith("en")
        # No method: verbs find it among their arguments, and would keep every parser in memory while the node runs.
        self.say = say_english if is_english else say_chinese
        self.parser = (EnglishParser if is_english else Parser)(
            prog=application.name,
            description=f"{self.say(application.title_zh, application.title)}\n\n通办 Tongban: {application.name}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self._group = self.parser.add_subparsers(title=self.say("命令", "verbs"), metavar="VERB", required=True)

    def add(self, name: str, verb: Verb, summary: str, example: str = "") -> argparse.ArgumentParser:
        """A verb. Returns its parser for options of its own."""
        return self.share(self.add_bare(name, summary, example), verb)

    def add_bare(self, name: str, summary: str, example: str = "") -> argparse.ArgumentParser:
        """A verb to which `share` has yet to say what it runs."""
        return self._group.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=f"{self.say('例：', 'example: ')}{self.application.name} {example}" if example else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def share(self, parser: argparse.ArgumentParser, verb: Verb) -> argparse.ArgumentParser:
        """Give a parser the shared options and what it runs."""
        parser.add_argument(
            "--home",
            type=Path,
            default=default_home(self.application.name),
            help=self.say(
                f"节点目录（环境变量 {HOME_VARIABLE}；默认 %(default)s）",
                f"the node's folder (environment: {HOME_VARIABLE}; default: %(default)s)",
            ),
        )
        locked = self.say(
            f"村设备已加锁时，从该文件读取登录名和密码，各占一行（环境变量 {PASSPHRASE_VARIABLE}）；不给则在终端询问",
            f"at a locked village: the file with login and password, one a line (environment: {PASSPHRASE_VARIABLE}); "
            "without it they are asked for",
        )
        is_village = self.application.name == VILLAGE
        parser.add_argument("--passphrase-file", type=Path, help=locked if is_village else argparse.SUPPRESS)
        parser.set_defaults(verb=verb, say=self.say)
        return parser


def default_home(name: str) -> Path:
    """Where a node lies unless somebody says otherwise."""
    stated = os.environ.get(HOME_VARIABLE)
    return Path(stated) if stated else Path.home() / ".tongban" / name


def language_of(application: Application, words: Sequence[str]) -> str:
    """The language set for the node that a command is about; that of the environment while no setting can be read."""
    finder = Parser(application.name, add_help=False)
    finder.add_argument("--home", type=Path, default=default_home(application.name))
    try:
        return load_settings(Home(finder.parse_known_args(words)[0].home).settings).language
    except (LocalFault, OSError):
        return os.environ.get(f"{ENVIRONMENT_PREFIX}LANGUAGE", "")


def parser_of(application: Application, language: str = "") -> argparse.ArgumentParser:
    """The whole command line of a program: the verbs that all share, and its own."""
    verbs = Verbs(application, language)
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
    words = sys.argv[1:] if arguments is None else arguments
    language = language_of(application, words)
    parsed = parser_of(application, language).parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    ASK.set(asker(parsed.passphrase_file, parsed.say))
    was_plain = not Home(parsed.home).vault.exists()
    try:
        return run_in_loop(parsed.verb(parsed))
    except KeyboardInterrupt:
        return 130
    except (Refused, Fault, Malformed) as refusal:
        return _fail(refusal, language)
    except Exception as error:
        from sqlalchemy.exc import SQLAlchemyError

        from sync.failures import fault_of

        # What a database means, where nothing between has said it already: a start on a full disk.
        refusal = fault_of(error) or _refusal_of(error)
        if was_plain and Home(parsed.home).vault.exists() and isinstance(error, SQLAlchemyError):
            refusal = _locked_meanwhile()
        if refusal is None:
            raise
        return _fail(refusal, language)


def _locked_meanwhile() -> Refused:
    return Refused(
        "locked_meanwhile",
        "命令执行期间本机首次加锁，命令没有完成，未写入任何内容；请重新运行，届时会询问登录名和密码。",
        "This computer was locked for the first time while the command was at work, so it was not finished and nothing "
        "was written; run it again, login and password are asked for then.",
    )


def _refusal_of(error: Exception) -> Refused | None:
    """What the system's own complaint means; None: a defect of ours, which must show itself whole."""
    if isinstance(error, EOFError):
        return Refused(
            "no_terminal",
            "须输入密码，但没有可供输入的终端，未作任何改动；请在终端中运行，或用 --password-stdin 从标准输入读取。",
            "A password is asked for and there is no terminal to type it; nothing was changed. Run this in a "
            "terminal, or read it with --password-stdin.",
        )
    if isinstance(error, OSError):
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return Refused(
            "file_unusable",
            f"无法读写文件，操作没有完成，已保存的数据不受影响；请核对路径、权限和磁盘后重试：{what}",
            f"A file cannot be read or written, so this was not finished; nothing that was saved is lost. Look at the "
            f"path, its permissions and the disk, and try again: {what}",
        )
    return None


def _fail(refusal: Refused | Fault | Malformed, language: str) -> int:
    print(f"{refusal.code}: {told(refusal, language)}", file=sys.stderr)
    return 1


def _add_common(verbs: Verbs) -> None:
    say = verbs.say
    if verbs.application.name != "hub":
        making = say(
            "建立节点目录、密钥和设置文件（enrol 时也会自动建立）",
            "make the folder, the keys and a settings file (enrol does it too)",
        )
        verbs.add("init", init_device, making, "init")
        enrol = verbs.add(
            "enrol",
            enrol_device,
            say(
                "凭注册单上的注册码，让本设备成为某个单位的设备；已注册而上级不再承认时，就地重新注册，数据全部保留",
                "get this device its office with the code on its enrolment sheet; where the offices above know it no "
                "more, enrol it again in place: everything here is kept",
            ),
            "enrol 'tongban:510824100205;https://hub:8610;8c1f…;7K3M…'",
        )
        _add_sheet_options(enrol, verbs)
    serving = say("启动本节点的页面和线路，直到被停止", "serve this node's pages and its line until stopped")
    run = verbs.add("run", run_node, serving, "run")
    run.set_defaults(is_village=verbs.application.name == VILLAGE, beside=verbs.application.beside)
    talking = say(
        "立即与上级节点同步一次；运行中的节点会自动同步",
        "talk with the node above once, now; a running node does it itself",
    )
    verbs.add("sync", sync_node, talking, "sync")
    add_bundle(verbs)
    standing = say(
        "本节点的状况：数量、线路、磁盘；不显示任何办件", "how this node stands: counts, lines, disk; shows no case"
    )
    status = verbs.add("status", show_status, standing, "status --json")
    status.add_argument("--json", action="store_true", help=say("只输出一行 JSON", "one JSON line"))
    checking = say(
        "核验本节点的每个条目、链、树、签名和表，并指出不符之处",
        "check every entry, chain, tree, signature and table of this node; names what is wrong",
    )
    verify = verbs.add("verify", verify_node, checking, "verify --json")
    verify.add_argument("--json", action="store_true", help=say("末尾输出一行 JSON", "end with one JSON line"))
    add_case(verbs)
    add_prove(verbs)
    folding = say(
        "丢弃页面所读的表，由条目重新生成；须先停止节点",
        "drop the tables that screens read and fold them again from the entries; the node must be stopped",
    )
    verbs.add("rebuild", rebuild_node, folding)
    looking = say(
        "检查设置、文件、磁盘、时钟、线路和隔离区，并说明怎么办",
        "look at settings, files, disk, clock, lines and quarantine; says what to do",
    )
    verbs.add("doctor", doctor_node, looking)
    add_backup(verbs)
    add_accounts(verbs)
    if verbs.application.name == VILLAGE:
        add_lock(verbs)
    add_people(verbs)
    add_looks(verbs)
    add_lists(verbs)


def _add_sheet_options(enrol: argparse.ArgumentParser, verbs: Verbs) -> None:
    say = verbs.say
    enrol.add_argument(
        "code",
        help=say(
            "注册单上以 tongban: 开头的一行、注册单的 .txt 文件，或单独的注册码",
            "the line that begins with tongban:, a sheet's .txt file, or the bare code",
        ),
    )
    bare = say("只给注册码时，另填注册单上的", "with a bare code: as on the sheet, ")
    enrol.add_argument("--address", help=bare + say("地址", "the address"))
    enrol.add_argument(
        "--county", help=bare + say("县根摘要，64 位十六进制数", "the county digest, 64 hexadecimal digits")
    )
    enrol.add_argument("--office", help=bare + say("单位代码", "the office"))


# --- making ----------------------------------------------------------------------------------------------------------


async def init_device(arguments: Arguments) -> int:
    """`init`"""
    from office.founding import prepare_device

    home = prepare_device(arguments.home)
    print(arguments.say(f"已建立：{home.folder}", f"made: {home.folder}"))
    print(
        arguments.say(
            "下一步：enrol '<注册单上以 tongban: 开头的一行>'",
            "next: enrol '<the sheet's line that begins with tongban:>'",
        )
    )
    return 0


async def enrol_device(arguments: Arguments) -> int:
    """`enrol`"""
    from office import founding

    sheet = _sheet(arguments)
    had_seat = Home(arguments.home).seat.exists()
    seat = await founding.enrol_device(arguments.home, sheet)
    device = f"{sheet.office} · {seat.chain[-1].enrolment.node}"
    zh, en = ("已重新注册", "enrolled again") if had_seat else ("已注册", "enrolled")
    print(arguments.say(f"{zh}：{device}", f"{en}: {device}"))
    print(arguments.say(f"上级地址：{seat.parent_address}", f"above: {seat.parent_address}"))
    if had_seat:
        zh = "本机的办件、账号、未送出的内容和前一台设备补回的内容全部保留；下一步：run，启动后自动送出并取得回执"
        en = "everything here is kept: cases, accounts, what was not sent and what came back of former devices"
        print(arguments.say(zh, f"{en}; next: run, it goes up by itself and is receipted"))
    elif is_village_office(sheet.office):
        print(
            arguments.say(
                "下一步：accounts add --login … --name … --role agent（首个账号的密码给本机加锁，此前密钥未加密）",
                "next: accounts add --login … --name … --role agent (the first account's password locks this computer; "
                "until then its keys lie plain)",
            )
        )
    return 0


def _sheet(arguments: Arguments) -> "Sheet":
    from office.enrolling import Sheet, plain_code
    from office.sheets import LINE_PREFIX, read_line

    text: str = arguments.code
    if LINE_PREFIX in text:
        # A Windows command line leaves the sheet's quotes around it; `read_line` takes them off.
        return read_line(text)
    path = Path(text)
    if path.suffix == ".txt" and path.is_file():
        # The line is ASCII; the names around it may have been saved again in another encoding.
        return read_line(path.read_text(encoding="utf-8", errors="replace"))
    if not (arguments.address and arguments.county and arguments.office):
        raise Refused(
            "sheet_incomplete",
            "只给注册码时，还须照注册单填写 --address、--county 和 --office。",
            "With a bare code also give --address, --county and --office as they stand on the sheet.",
        )
    county = "".join(arguments.county.split()).lower()
    return Sheet(OfficeId(arguments.office), "", arguments.address, county, plain_code(text), Instant(0))


# --- working ---------------------------------------------------------------------------------------------------------


async def run_node(arguments: Arguments) -> int:
    """`run`"""
    from office.locking import is_lockable
    from office.node import Node, address_of
    from office.serving import Listener, serve

    home = Home(arguments.home)
    if arguments.is_village and not await _has_started(arguments, home):
        return 0
    settings = load_settings(home.settings)
    logging.getLogger().setLevel(settings.log_level.upper())

    def announce(node: Node | None) -> None:
        locked = arguments.say("已加锁，请在页面登录", "locked, sign in on its page")
        place = locked if node is None else f"{node.office_name(node.seat)} ({node.seat})"
        print(f"{place} · {address_of(settings)}", flush=True)

    if is_lockable(home, settings):
        from office.unlocking import serve_village

        named = file_named(arguments.passphrase_file)
        await serve_village(home, settings, passphrase_file=named, progress=show_progress, announce=announce)
        return 0
    listener = Listener()
    node = await Node.open(arguments.home, settings=settings, progress=show_progress, ready=listener.bind)
    announce(node)
    try:
        await serve(node, listener, arguments.beside)
    finally:
        await node.close()
    return 0


async def _has_started(arguments: Arguments, home: Home) -> bool:
    """Whether a village's computer has its seat and its first account; without them it shows the page that makes both.

    False: told to stop before they were made.
    """
    from office.first_run import is_due, serve_first_run
    from office.node import address_of

    if not is_due(home):
        return True
    zh, en = "本机尚未登记，请在浏览器打开", "not enrolled yet; open in a browser:"
    return await serve_first_run(
        home.folder, lambda settings: print(f"{arguments.say(zh, en)} {address_of(settings)}", flush=True)
    )


async def sync_node(arguments: Arguments) -> int:
    """`sync`"""
    from office.local import RunningNode, at_the_pen
    from office.serving import check_parent, talk_here
    from sync.exchange import REFUSED_HINTS

    pen = at_the_pen(arguments.home, talk_here, RunningNode.sync, ready=check_parent, progress=show_progress)
    talked = await pen
    if not talked.is_over:
        print(arguments.say(f"仍在传输 · 待送 {talked.waiting}", f"still talking · waiting {talked.waiting}"))
        return 0
    zh = f"收到 {talked.entries_received} · 待送 {talked.waiting}"
    print(arguments.say(zh, f"received {talked.entries_received} · waiting {talked.waiting}"))
    for code in talked.refused:
        hint = REFUSED_HINTS.get(code, "a part of a page was refused; see the findings on the page of the line")
        print(f"{code}: {arguments.say(explained(code, hint, 'zh'), hint)}", file=sys.stderr)
    return 1 if talked.refused else 0


async def show_status(arguments: Arguments) -> int:
    """`status`"""
    import msgspec

    from office.local import find_status
    from office.status import describe

    status = await find_status(arguments.home)
    if arguments.json:
        print(msgspec.json.encode(status).decode())
        return 0
    for line in describe(status, arguments.say):
        print(line)
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
        print(f"{fault.code}: {fault.where}: {arguments.say(fault.zh, fault.en)}", file=sys.stderr)
    journals, entries, cases, faults = report.journals, report.entries, report.cases, len(report.faults)
    en = f"{entries} entries in {journals} journals, {cases} cases: {faults} faults"
    print(arguments.say(f"{journals} 个日志，{entries} 条，{cases} 件：{faults} 处不符", en))
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
    print(arguments.say(f"已重建：{count}", f"rebuilt: {count}"))
    return 0


async def doctor_node(arguments: Arguments) -> int:
    """`doctor`"""
    from office.doctor import examine

    findings = await examine(arguments.home)
    for finding in findings:
        print(f"{'✓' if finding.good else '✗'} {finding.subject}: {arguments.say(finding.zh, finding.en)}")
    return 0 if all(finding.good for finding in findings) else 1


# --- devices below ---------------------------------------------------------------------------------------------------


def add_sheet(verbs: Verbs, parser: argparse.ArgumentParser) -> None:
    """`sheet`, for the programs that have offices below them."""
    below = verbs.say("有自己设备的下级单位", "an office below this one that has a device of its own")
    parser.add_argument("office", help=below)
    lost = verbs.say("新设备接替遗失的设备", "the new device follows a lost one")
    parser.add_argument("--replace", action="store_true", help=lost)
    add_local(verbs, parser)
    verbs.share(parser, print_sheet)


def add_local(verbs: Verbs, parser: argparse.ArgumentParser) -> None:
    """`--local`, for the verbs that print sheets."""
    local = verbs.say(
        "在一台电脑上试用：注册单可以只有本机地址",
        "to try everything on one machine: sheets may name its own address only",
    )
    parser.add_argument("--local", action="store_true", help=local)


async def print_sheet(arguments: Arguments) -> int:
    """`sheet`"""
    from office.enrolling import Office
    from office.node import Node, address_of
    from office.publishing import unknown_office
    from office.sheets import check_address, save_sheets, text_of

    wanted = OfficeId(arguments.office)
    node = await Node.open(arguments.home, with_pen=False)
    try:
        if seat_of(wanted) != wanted or wanted == node.seat or not within(wanted, node.seat):
            raise Refused(
                "not_below",
                f"{wanted} 不是本单位之下有自己设备的单位，没有打印注册单；请核对代码。",
                f"{wanted} is no office below this one with a device of its own; check the code.",
            )
        if not node.is_office(wanted):
            raise unknown_office(wanted)
        present = await node.enrolling.find_present(wanted, node.books)
        if present is not None and not arguments.replace:
            raise Refused(
                "seat_taken",
                "该单位已有设备，没有打印注册单；要更换设备，请加 --replace。",
                "This office has a device; with --replace a new one follows it.",
            )
        if not arguments.local:
            check_address(address_of(node.settings))
        office = Office(wanted, node.office_name(wanted))
        sheet = await node.enrolling.issue_code(office, node.books.seat.root.digest, replaces=present)
    finally:
        await node.close()
    save_sheets(node.home.sheets, [sheet])
    print(text_of(sheet))
    return 0


# --- the screen -------------------------------------------------------------------------------------------------------


def show_progress(done: int, total: int) -> None:
    """A line on a terminal's standard error; nothing where nobody watches."""
    if sys.stderr.isatty() and total:
        end = "\n" if done >= total else ""
        print(f"\r{done} / {total}", end=end, file=sys.stderr, flush=True)
