"""Documents tell the truth: links lead somewhere, commands can be given, lists made from the sources are up to date.

A fenced block marked `sh` holds commands that a reader will type: each must be one of our programs with verbs and
options that exist, or a known tool of the system. What a command *does* is for other tests.
"""

import argparse
import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from deploy.commands import HELP, MODULES, Usage, translate
from deploy.handbook import AUDIT_RULES, REFUSALS, SAMPLE, audit_rules, refusals, sample
from deploy.wheelhouse import install_text
from hub.__main__ import APPLICATION as HUB
from office.cli import parser_of
from sync.proof.__main__ import make_parser
from tests.architecture.sources import PRODUCT, ROOT, name_of, text_files
from township_node.__main__ import APPLICATION as TOWNSHIP
from village_agent.__main__ import APPLICATION as VILLAGE

PROGRAMS = {program.name: parser_of(program) for program in (HUB, TOWNSHIP, VILLAGE)}
PROGRAMS["tongban-verify"] = make_parser()
TOOLS = {"cp", "install", "kill", "rm", "systemctl", "touch"}
"""Programs of the system that the documents may ask for."""
MODULE_OPTIONS = {"demo": "deploy.demo", "wheelhouse": "deploy.wheelhouse"}
"""Verbs of `python3 -m deploy` whose options can be asked for cheaply."""

DOCUMENTS = [path for path in text_files() if path.suffix == ".md"]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
OWN_PATH = re.compile(rf"(?:{'|'.join((*PRODUCT, 'tests'))})/[\w./-]+")


class Untrue(AssertionError):
    """A document says what cannot be done. The text names the command and why."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(document: Path) -> None:
    text = prose(document)
    broken = [target for target in LINK.findall(text) if not leads_somewhere(document, target)]
    assert not broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_file_that_is_named_is_there(document: Path) -> None:
    named = [word for word in INLINE.findall(prose(document)) if OWN_PATH.fullmatch(word)]
    assert not [path for path in named if not (ROOT / path).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_can_be_given(document: Path) -> None:
    for command in commands(document):
        check(command)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_verb_that_prose_names_exists(document: Path) -> None:
    for span in INLINE.findall(prose(document)):
        program, *words = span.split()
        if Path(program).name in PROGRAMS and words and "|" not in words:
            plain = [word for word in words if not word.startswith("-") and not word[0].isupper()]
            parse(PROGRAMS[Path(program).name], [*plain, "--help"])


@pytest.mark.parametrize("unit", sorted((ROOT / "deploy" / "systemd").glob("*.service")), ids=lambda unit: unit.name)
def test_every_unit_starts_what_there_is(unit: Path) -> None:
    settings = dict(line.split("=", 1) for line in unit.read_text(encoding="utf-8").splitlines() if "=" in line)
    program, *words = shlex.split(settings["ExecStart"])
    assert program.startswith("/opt/tongban/.venv/bin/")
    if Path(program).name == "arq":
        module, _, attribute = words[0].rpartition(".")
        spec = find_spec(module)
        assert spec is not None
        assert spec.origin is not None
        assert f"class {attribute}" in Path(spec.origin).read_text(encoding="utf-8")
    else:
        # A template is started as each of the three.
        names = ("hub", "township-node", "village-agent") if unit.stem.endswith("@") else (Path(program).name,)
        for name in names:
            parse(PROGRAMS[name], words)


def test_the_installation_guide_of_a_village_goes_to_the_end() -> None:
    text = install_text("3.11", "tongban.whl")
    typed = [line.split() for line in text.splitlines() if line.startswith("    ")]
    given = [words for words in typed if words[0].endswith("village-agent")]
    for _, *words in given:
        parse(PROGRAMS["village-agent"], words)
    assert [words[1] for words in given] == ["enrol", "accounts", "run"] * 2
    lean = re.search(r'python\.exe -Argument "-OO -m (\S+) (\S+)"', text)
    assert lean is not None
    parse(PROGRAMS[lean[1].replace("_", "-")], [lean[2]])
    assert "C:\\tongban\\Scripts" in text


def test_every_timer_has_its_service() -> None:
    for timer in (ROOT / "deploy" / "systemd").glob("*.timer"):
        assert timer.with_suffix(".service").exists()


def test_the_compose_file_builds_from_what_there_is() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    build = compose["services"]["hub"]["build"]
    context = (ROOT / "deploy" / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).exists()


def test_the_sample_settings_are_those_of_the_program() -> None:
    assert SAMPLE.read_text(encoding="utf-8") == sample(), "run python -m deploy.handbook"


def test_the_list_of_codes_is_that_of_the_sources() -> None:
    assert REFUSALS.read_text(encoding="utf-8") == refusals(), "run python -m deploy.handbook"


def test_the_table_of_audit_rules_is_that_of_the_program() -> None:
    assert AUDIT_RULES.read_text(encoding="utf-8") == audit_rules(), "run python -m deploy.handbook"


def test_the_handbook_explains_all_that_verify_may_name() -> None:
    source = (ROOT / "office" / "verifying.py").read_text(encoding="utf-8")
    handbook = (ROOT / "deploy" / "OPERATING.md").read_text(encoding="utf-8")
    codes = set(re.findall(r'\.find\(\s*"(\w+)"', source))
    assert len(codes) > 4
    assert not [code for code in sorted(codes) if f"| `{code}` |" not in handbook]


@pytest.mark.parametrize(
    "command",
    [
        "hub netwrok list",
        "hub init --name X",
        "hub run --prot 8610",
        "python3 -m deploy demos",
        "python3 -m deploy demo --chek",
        "python3 -m deploy demo SEEDS=3",
        "python3 -m deploy test tests/unit/test_nothing.py",
        "make tests",
        "curl http://somewhere.example",
        "cp deploy/systemd/tongban-hubs.service /etc/systemd/system/",
    ],
)
def test_the_check_of_commands_itself_bites(command: str) -> None:
    with pytest.raises(Untrue):
        check(shlex.split(command))


# --- reading documents -----------------------------------------------------------------------------------------------


def prose(document: Path) -> str:
    """A document without its fenced blocks."""
    return FENCE.sub("", document.read_text(encoding="utf-8"))


def commands(document: Path) -> Iterator[list[str]]:
    """The commands of every block marked `sh`, as words."""
    for language, block in FENCE.findall(document.read_text(encoding="utf-8")):
        if language == "sh":
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words:
                    yield words


def leads_somewhere(document: Path, target: str) -> bool:
    """Whether a link's file is there, and the heading in it."""
    if target.startswith(("https://", "mailto:")):
        return True
    path, _, heading = target.partition("#")
    goal = document.parent / path if path else document
    if not goal.exists() or not goal.resolve().is_relative_to(ROOT):
        return False
    return not heading or heading in {slug(line) for line in prose(goal).splitlines() if line.startswith("#")}


def slug(heading: str) -> str:
    """A heading as the anchor that Markdown viewers make of it."""
    return re.sub(r"[^\w\- ]", "", heading.lstrip("# ").lower()).replace(" ", "-")


# --- judging commands ------------------------------------------------------------------------------------------------


def check(words: list[str]) -> None:
    """Raise `Untrue` unless a command line makes sense."""
    words = words[1:] if words[0] == "sudo" else words
    program, arguments = Path(words[0]).name, words[1:]
    missing = [word for word in arguments if OWN_PATH.match(word) and not (ROOT / word.partition("::")[0]).exists()]
    if missing:
        raise Untrue(f"there is no {missing[0]}")
    if program in PROGRAMS:
        parse(PROGRAMS[program], arguments)
    elif program == "make":
        check_make(arguments)
    elif program in ("python3", "python"):
        check_python(arguments)
    elif program not in TOOLS:
        raise Untrue(f"{program} is no program of ours and no tool that a reader is known to have")


def parse(parser: argparse.ArgumentParser, arguments: list[str]) -> None:
    """Let the very parser of a program judge its arguments."""
    try:
        parser.parse_args(arguments)
    except SystemExit as ended:
        if ended.code:
            raise Untrue(f"{parser.prog} {shlex.join(arguments)} is refused") from ended


def check_make(arguments: list[str]) -> None:
    """A target of the Makefile; variables are those of `python3 -m deploy`."""
    target, *variables = arguments
    if f"\n{target}: ##" not in (ROOT / "Makefile").read_text(encoding="utf-8"):
        raise Untrue(f"the Makefile has no target {target}")
    check_deploy(target, [variable for variable in variables if not variable.startswith("ARGS=")])


def check_python(arguments: list[str]) -> None:
    """`-c` with a program that compiles, or `-m` with a module that is there."""
    kind, what, *rest = arguments
    if kind == "-c":
        compile(what, "<document>", "exec")
    elif what == "deploy":
        check_deploy(rest[0], rest[1:])
    elif kind != "-m" or find_spec(what) is None:
        raise Untrue(f"there is no module {what}")


def check_deploy(verb: str, rest: list[str]) -> None:
    """A verb of `python3 -m deploy`, with words and options that it knows."""
    if verb == "--help":
        return
    if f"\n  {verb} " not in HELP:
        raise Untrue(f"python3 -m deploy has no verb {verb}")
    try:
        options = translate(verb, rest, {})
    except Usage as mistake:
        raise Untrue(str(mistake)) from mistake
    if verb in MODULES and find_spec(MODULES[verb][0]) is None:
        raise Untrue(f"{verb} starts {MODULES[verb][0]}, which is not there")
    if verb in MODULE_OPTIONS:
        spec = find_spec(MODULE_OPTIONS[verb])
        assert spec is not None
        assert spec.origin is not None
        known = set(re.findall(r'"(--[\w-]+)"', Path(spec.origin).read_text(encoding="utf-8")))
        unknown = [option for option in options if option.startswith("--") and option not in known]
        if unknown:
            raise Untrue(f"{verb} has no option {unknown[0]}")
