"""House rules that a reviewer would tire of: lengths, names, leftovers, sleeping and skipping in tests."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import ROOT, name_of, python_files, text_files, tree

FILE_LINES_MAX = 600  # What one can still hold in one's head, and scroll through in a minute.
FUNCTION_LINES_MAX = 70  # One screen, docstring not counted.
VAGUE_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}
LEFTOVERS = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")) + r")\b")
# The repository speaks of Tongban alone: no machine's own folders, no package registry's host.
FOREIGN = re.compile("|".join(("/wo" + "rk/", "/ro" + "ot/", "pythonhos" + "ted", "pypi\\.o" + "rg", "npm" + "js")))
# Waiting for real processes is for these; everything else has virtual time, or an event to await.
MAY_SLEEP = ("tests/support/",)


def functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function of ours with its file."""
    for path in python_files():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is None:
        return total
    docstring = function.body[0]
    return total - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def test_no_file_is_longer_than_one_can_hold_in_mind() -> None:
    sizes = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    assert not {name: size for name, size in sizes.items() if size > FILE_LINES_MAX}


def test_no_function_is_longer_than_a_screen() -> None:
    faults = [
        f"{name_of(path)}:{function.lineno} {function.name}: {length(function)} lines"
        for path, function in functions()
        if length(function) > FUNCTION_LINES_MAX
    ]
    assert not faults, "\n".join(faults)


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not [name_of(path) for path in python_files() if path.stem in VAGUE_NAMES or path.parent.name in VAGUE_NAMES]


def test_nothing_is_left_for_later_in_a_comment() -> None:
    assert not list(occurrences(LEFTOVERS))


def test_no_text_speaks_of_anything_but_tongban() -> None:
    assert not list(occurrences(FOREIGN))


def occurrences(pattern: re.Pattern[str]) -> Iterator[str]:
    """Where a pattern occurs in any text of ours."""
    for path in text_files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if pattern.search(line):
                yield f"{name_of(path)}:{number}: {line.strip()}"


def test_no_test_is_skipped_or_stands_on_a_mock() -> None:
    banned = re.compile(r"pytest\.(?:mark\.(?:skip|skipif|xfail)|skip|importorskip|xfail)\b|unittest\.mock|MagicMock")
    faults = [
        f"{name_of(path)}:{number}: {line.strip()}"
        for path in python_files()
        if path.is_relative_to(ROOT / "tests") and path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if banned.search(line)
    ]
    assert not faults, "\n".join(faults)


def test_no_test_sleeps_for_luck() -> None:
    faults = [
        f"{name_of(path)}:{node.lineno}"
        for path in python_files()
        if path.is_relative_to(ROOT / "tests") and not name_of(path).startswith(MAY_SLEEP)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and is_sleep(node)
    ]
    assert not faults, "wait for an event, or with tests.support.waiting:\n" + "\n".join(faults)


def is_sleep(call: ast.Call) -> bool:
    """Whether a call sleeps for a time; `asyncio.sleep(0)`, which only lets others go on, does not."""
    if ast.unparse(call.func) not in ("time.sleep", "asyncio.sleep", "sleep"):
        return False
    return not (call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0)
