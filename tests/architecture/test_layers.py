"""Who may know whom. Whole packages are in pyproject.toml for import-linter; single modules are the tables here."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.architecture.sources import PRODUCT, ROOT, imports_of, module_of, name_of, python_files, within

# Standard library that neither reads a clock, nor draws chance, nor touches the world outside.
PURE = (
    *(
        "__future__",
        "abc",
        "base64",
        "binascii",
        "bisect",
        "collections",
        "contextlib",
        "dataclasses",
        "decimal",
        "enum",
    ),
    *("functools", "hashlib", "heapq", "hmac", "itertools", "math", "operator", "re", "string", "struct", "types"),
    *("typing", "typing_extensions", "unicodedata", "datetime"),
)
LANGUAGE = ("schemas.names", "schemas.papers", "schemas.wire", "schemas.codec", "schemas.refusals")


class Rule(NamedTuple):
    """What the modules within `source` may import; everything else is against the rules."""

    source: str
    allowed: Sequence[str]


class Ban(NamedTuple):
    """What no module within `source` may import, except those within `except_for`."""

    source: str
    banned: Sequence[str]
    except_for: Sequence[str] = ()


RULES = (
    Rule("schemas", ("schemas", "msgspec", *PURE)),
    Rule("sync.core", ("sync.core", "msgspec", *LANGUAGE, *PURE)),
    # Someone who trusts nobody reads these files only: they must stay few.
    Rule(
        "sync.proof",
        ("sync.proof", "sync.core", "cryptography", "msgspec", "argparse", "sys", "pathlib", *LANGUAGE, *PURE),
    ),
)
BANS = (
    Ban("sync", ("litestar",), except_for=("sync.http",)),
    Ban("sync", ("arq", "office", "jinja2", "babel", "argon2")),
    Ban("office", ("arq",)),
    Ban("hub", ("arq",), except_for=("hub.worker",)),
    Ban("office", ("fcntl", "msvcrt"), except_for=("office.paths",)),
    Ban("village_agent", ("fcntl", "msvcrt", "pwd", "grp", "resource", "uvloop")),
)


def test_each_layer_knows_only_those_below_it() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    outcome = subprocess.run([str(linter), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.source)
def test_a_pure_package_imports_only_what_is_listed(rule: Rule) -> None:
    faults = [
        f"{name_of(path)}:{line} imports {name}"
        for path in python_files()
        if within(module_of(path), rule.source)
        for line, name in imports_of(path)
        if not any(within(name, allowed) for allowed in rule.allowed)
    ]
    assert not faults, "\n".join(faults)


def test_sync_reads_no_more_of_the_language_than_names_wire_and_codec() -> None:
    faults = [
        f"{name_of(path)}:{line} imports {name}"
        for path in python_files()
        if within(module_of(path), "sync")
        for line, name in imports_of(path)
        if within(name, "schemas") and not any(within(name, allowed) for allowed in LANGUAGE)
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("ban", BANS, ids=lambda ban: f"{ban.source}-{ban.banned[0]}")
def test_a_library_stays_where_it_belongs(ban: Ban) -> None:
    faults = [
        f"{name_of(path)}:{line} imports {name}"
        for path in python_files()
        if within(module_of(path), ban.source) and not any(within(module_of(path), free) for free in ban.except_for)
        for line, name in imports_of(path)
        if any(within(name, banned) for banned in ban.banned)
    ]
    assert not faults, "\n".join(faults)


def test_the_set_up_needs_nothing_that_it_has_yet_to_install() -> None:
    bootstrap = [ROOT / "deploy" / name for name in ("__init__.py", "__main__.py", "commands.py", "environment.py")]
    own = ("deploy.commands", "deploy.environment")
    faults = [
        f"{name_of(path)}:{line} imports {name}"
        for path in bootstrap
        for line, name in imports_of(path)
        if name.split(".")[0] not in sys.stdlib_module_names and not any(within(name, module) for module in own)
    ]
    assert not faults, "\n".join(faults)


def test_the_product_never_imports_its_tests() -> None:
    faults = [
        f"{name_of(path)}:{line}"
        for path in python_files()
        if module_of(path).split(".")[0] in PRODUCT
        for line, name in imports_of(path)
        if within(name, "tests") or within(name, "pytest") or within(name, "hypothesis")
    ]
    assert not faults, "\n".join(faults)
