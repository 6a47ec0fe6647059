"""The verbs of `python3 -m deploy`: what each runs, in the environment that `environment.py` keeps.

Standard library only. A verb only starts another program and passes its arguments on; the work is in that program.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from deploy.environment import ROOT, VENV, VENV_PYTHON, WINDOWS, SetUpFailed, ensure, remove, say

HELP = """\
usage: python3 -m deploy VERB [ARGUMENTS]

Everything needed is set up on the way: the first command makes .venv from requirements.lock (each file checked by its
hash) and takes about a minute; later ones start at once and need no network.

  demo        one county on one machine: hub, townships and villages on loopback; `demo CHECK=1` runs it through alone
  test        lint, types and all tests; `test --quick` leaves out types and slow tests;
              with other arguments only pytest runs, with those arguments: test tests/unit -k merkle
  lint        ruff: rules and layout (`lint --fix` repairs what it can)
  types       the strict type checker (`types FILE …` for some files)
  simulate    the whole network under faults in virtual time: `simulate SEEDS=1000`, `simulate SEED=42` replays one
  bench       measure: `bench BENCH=ingest`, wire, agent, casework, bundle, audit (what is found of frauds planted in a
              county's year, and who is wrongly accused: `bench audit --share 0.01 --seed 7`) or reverify (10 million
              entries: a quarter of an hour and 6 GB of disk; `bench reverify --entries 1000000`)
  county-year one county's year, 344,000 cases by the routes of the catalogue, folded and counted; minutes (SHARE=0.01:
              a hundredth of it, in seconds)
  nightly     the drills that need hours or rights: thin lines, power cuts, older releases, long searches; one JSON line
              each (`nightly DRILL=thin_line` carries out one, `nightly --list` names them, `nightly SEEDS=1000`)

  wheelhouse  dist/wheelhouse, from which a village PC installs without any network (`wheelhouse --for windows`)
  setup       only make the environment
  lock        make both requirements locks again from pyproject.toml (needs uv)
  clean       delete .venv, dist and caches

CHECK, SEEDS, SEED, SHARE, BENCH, DRILL and QUICK may be words, as here, or environment variables. `make VERB` is the
same.
"""

# What a word such as SEEDS=1000 becomes for each verb. An empty string means: pass the value alone.
WORDS: Mapping[str, Mapping[str, str]] = {
    "demo": {"CHECK": "--check"},
    "simulate": {"SEEDS": "--seeds", "SEED": "--seed"},
    "nightly": {"SEEDS": "--seeds", "DRILL": ""},
    "bench": {"BENCH": ""},
    "county-year": {"SHARE": "--share", "SEED": "--seed"},
    "test": {"QUICK": "--quick"},
}
SWITCHES = ("CHECK", "QUICK")

BESIDE_EACH_OTHER = ("-n", "logical", "--maxprocesses", "8", "--dist", "loadfile")
"""All tests, a process for each processor: a file's tests stay together, for they share what is dear to set up. At most
eight, since each starts a PostgreSQL of its own."""


class Usage(Exception):
    """The command line makes no sense. The text says what to write instead."""


# Verbs that are one `python -m` inside the environment.
MODULES: Mapping[str, tuple[str, ...]] = {
    "demo": ("deploy.demo",),
    "simulate": ("tests.simulation",),
    "bench": ("tests.benchmarks",),
    "county-year": ("tests.benchmarks.county_year",),
    "nightly": ("tests.nightly",),
    "types": ("basedpyright",),
    "wheelhouse": ("deploy.wheelhouse",),
}


def run(arguments: Sequence[str]) -> int:
    """Run one verb. Returns the exit status; 2 for a command line that makes no sense."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0
    verb, rest = arguments[0], list(arguments[1:])
    try:
        return dispatch(verb, translate(verb, rest, os.environ))
    except Usage as mistake:
        say(f"{mistake}\n\n{HELP}")
        return 2
    except SetUpFailed as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        return 130


def translate(verb: str, rest: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Turn words (`SEED=42`) and their environment twins into the options that the verb's program takes.

    A word wins over the environment. Raises `Usage` for a word that the verb does not know.
    """
    known = WORDS.get(verb, {})
    plain: list[str] = []
    given = {name: environment[name] for name in known if environment.get(name)}
    for argument in rest:
        name, equals, value = argument.partition("=")
        if not equals or not name.isupper():
            plain.append(argument)
        elif name not in known:
            raise Usage(f"{verb} does not know {name}=")
        else:
            given[name] = value
    options: list[str] = []
    for name, value in given.items():
        if name in SWITCHES:
            options += [known[name]] if value not in ("", "0", "no", "false") else []
        else:
            options += [part for part in (known[name], value) if part]
    return options + plain


def dispatch(verb: str, arguments: list[str]) -> int:
    """Run a verb whose arguments are already plain. Raises `Usage` for an unknown one."""
    if verb in MODULES:
        return become([str(ensure()), "-m", *MODULES[verb], *arguments])
    own: Mapping[str, Callable[[list[str]], int]] = {
        "test": test,
        "lint": lint,
        "setup": setup,
        "lock": lock,
        "clean": clean,
    }
    if verb not in own:
        raise Usage(f"there is no verb «{verb}»")
    return own[verb](arguments)


def test(arguments: list[str]) -> int:
    """Lint, types and tests in that order, all of them whatever fails; pytest's closing line comes last."""
    python = str(ensure())
    quick = "--quick" in arguments
    arguments = [argument for argument in arguments if argument != "--quick"]
    pytest = [python, "-m", "pytest", *(["-m", "not slow"] if quick else []), *arguments]
    if arguments:
        return become(pytest)
    pytest += BESIDE_EACH_OTHER
    steps = {"lint": lint([])}
    if not quick:
        steps["types"] = call([python, "-m", "basedpyright"])
    failed = [name for name, status in steps.items() if status]
    if failed:
        say(f"{' and '.join(failed)} failed (see above); the tests run all the same")
    return call(pytest) or (1 if failed else 0)


def lint(arguments: list[str]) -> int:
    """Check the rules and the layout of every file; `--fix` repairs what can be repaired."""
    python = str(ensure())
    fix = "--fix" in arguments
    paths = [argument for argument in arguments if argument != "--fix"] or ["."]
    rules = call([python, "-m", "ruff", "check", *(["--fix"] if fix else []), *paths])
    layout = call([python, "-m", "ruff", "format", *([] if fix else ["--check"]), *paths])
    return rules or layout


def setup(arguments: list[str]) -> int:
    """Only make the environment."""
    refuse(arguments, "setup")
    say(f"{ensure()} is ready")
    return 0


def lock(arguments: list[str]) -> int:
    """Make both locks again from pyproject.toml, for every platform, with hashes and without any index's address."""
    command = ["uv", "pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-emit-index-url", "--no-annotate", "--no-header", "-q", *arguments]
    try:
        heavy = call([*command, "--extra", "hub", "--extra", "dev", "-o", "requirements.lock"])
        light = call([*command, "-o", "requirements-agent.lock"])
    except FileNotFoundError:
        say("locks are made with uv, which is not on PATH: pip install uv")
        return 1
    return heavy or light


def clean(arguments: list[str]) -> int:
    """Delete what can be made again. Journals, keys and databases live elsewhere and are never touched."""
    refuse(arguments, "clean")
    caches = (
        ".pytest_cache",
        ".ruff_cache",
        ".import_linter_cache",
        ".hypothesis",
        "build",
        "dist",
        "tongban.egg-info",
    )
    for folder in (VENV, *(ROOT / name for name in caches)):
        remove(folder)
    for folder in sorted(ROOT.rglob("__pycache__")):
        remove(folder)
    return 0


def refuse(arguments: list[str], verb: str) -> None:
    """Refuse arguments that nobody would read. Raises `Usage`."""
    if arguments:
        raise Usage(f"{verb} takes no arguments, not {' '.join(arguments)}")


def call(command: list[str]) -> int:
    """Run a program in the checkout and wait for it. Returns its exit status."""
    return subprocess.call(command, cwd=ROOT, env=surroundings())


def become(command: list[str]) -> int:
    """Let a program take this one's place, so that signals reach it; Windows cannot, and waits for it instead."""
    if WINDOWS:
        return call(command)
    os.chdir(ROOT)
    sys.stdout.flush()
    sys.stderr.flush()
    return os.execve(command[0], command, surroundings())  # noqa: S606 (no shell is wanted)


def surroundings() -> dict[str, str]:
    """The environment of every program started here: the checkout's own tools first, text in UTF-8."""
    path = f"{VENV_PYTHON.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return dict(os.environ, PYTHONUTF8="1", PATH=path)
