"""The repository's own files, for the house rules to walk over: whatever is there, so that nothing escapes."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("schemas", "sync", "office", "hub", "township_node", "village_agent", "deploy")
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".html", ".css", ".js", ".sql", ".po", ".service", ".txt", ".sh", ""}


def folders() -> Iterator[Path]:
    """Every top-level folder with sources of ours."""
    for name in (*PRODUCT, "tests", ".ci"):
        yield ROOT / name


@cache
def python_files() -> tuple[Path, ...]:
    """Every Python file of the product and its tests."""
    return tuple(sorted(path for folder in folders() for path in folder.rglob("*.py")))


@cache
def text_files() -> tuple[Path, ...]:
    """Every text file of ours: sources, documents, templates, configuration. Locks are machine-made and left out."""
    found = [path for path in ROOT.iterdir() if path.is_file() and path.suffix in TEXT and path.name != "LICENSE"]
    found += [path for folder in folders() for path in folder.rglob("*") if path.is_file() and path.suffix in TEXT]
    return tuple(sorted(path for path in found if "__pycache__" not in path.parts))


@cache
def tree(path: Path) -> ast.Module:
    """A Python file, parsed."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(path: Path) -> str:
    """A file as the reader of a failure wants it: relative to the checkout."""
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    """The dotted name of a Python file: `sync/core/merkle.py` is `sync.core.merkle`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a file imports, wherever in the file. `from a import b` gives `a.b`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def within(name: str, prefix: str) -> bool:
    """Whether a dotted name is `prefix` or lies inside it. Never a text prefix: `synchrony` is not within `sync`."""
    return name == prefix or name.startswith(prefix + ".")
