"""What people read in Chinese: every code has its sentence, and every sentence is written as Chinese is."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.handbook import RAISED, SOURCES, raised
from office.sentences import ANSWER, ORIGINAL, SENTENCES, UNKNOWN, told
from schemas.codec import Malformed
from schemas.refusals import Refused
from sync.core.errors import Fault, LocalFault, RemoteFault
from sync.exchange import REFUSED_HINTS
from sync.proof.words import REASONS
from tests.architecture.sources import PRODUCT, ROOT, name_of, text_files

COMPUTED = {"bad_request"}
"""Codes that no source spells out beside their sentence (`sync.http`)."""

CHINESE = r"[\u3400-\u9fff]"
HALF_WIDTH = re.compile(rf"{CHINESE}[,;:?!(]|[,;:?!]{CHINESE}|\({CHINESE}+\){CHINESE}")
"""Half-width punctuation inside Chinese. A Chinese word in brackets, with a blank before it, is right in English."""

FENCED_TABLE = re.compile(r"```csv\n.*?```", re.DOTALL)

TEXTS = [path for path in text_files() if path.parent == ROOT or path.relative_to(ROOT).parts[0] in PRODUCT]
SEEDS = sorted((ROOT / "office" / "seeds").glob("*.json"))


def kinds(kind: type[Exception]) -> Iterator[type[Exception]]:
    """A kind of refusal and all that are made from it."""
    yield kind
    for narrower in kind.__subclasses__():
        yield from kinds(narrower)


def test_every_kind_of_refusal_is_looked_for() -> None:
    for name in SOURCES:
        for module in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
            importlib.import_module(module.name)
    ours = [kind for base in (Refused, Fault, Malformed) for kind in kinds(base) if kind.__module__.startswith(SOURCES)]
    assert len(ours) > 20
    overlooked = [kind for kind in ours if not kind.__name__.endswith(RAISED) and not says_itself(kind)]
    assert not overlooked


def says_itself(kind: type[Exception]) -> bool:
    """Whether a kind of refusal gives its own code and sentences when it is made."""
    return "__init__" in vars(kind)


def test_every_code_has_a_chinese_sentence() -> None:
    found = raised()
    assert len(found) > 150
    assert not {code: said for code, said in found.items() if not all(re.search(CHINESE, zh) for zh, _ in said)}
    assert set(REFUSED_HINTS) <= set(SENTENCES)


def test_no_sentence_is_for_a_code_that_nothing_raises() -> None:
    assert set(SENTENCES) - set(raised()) == COMPUTED
    assert set(REASONS) <= {*raised(), *REFUSED_HINTS}


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_a_sentence_says_what_happened_and_what_to_do(code: str) -> None:
    sentence = SENTENCES[code]
    assert sentence.endswith(("。", ORIGINAL))
    assert re.search("[；：]", sentence.removesuffix(ORIGINAL))
    assert code not in sentence


def test_a_refusal_is_told_in_the_language_asked_for() -> None:
    full = LocalFault("store_full", "the disk is full")
    assert told(full, "en") == "the disk is full"
    assert told(full, "zh-CN") == told(full, "") == SENTENCES["store_full"]
    setting = LocalFault("bad_settings", "there is no setting 'prot'; did you mean 'port'?")
    assert told(setting, "zh-CN").endswith(f"{ORIGINAL}{setting.hint}")
    assert told(RemoteFault("answer_truncated", "x"), "zh") == SENTENCES[ANSWER]
    assert told(RemoteFault("of_next_year", "wait"), "zh") == f"{UNKNOWN}wait"
    assert told(Refused("a", "甲", "b"), "zh") == "甲"


@pytest.mark.parametrize("path", [*TEXTS, *SEEDS], ids=name_of)
def test_chinese_is_punctuated_as_chinese(path: Path) -> None:
    text = FENCED_TABLE.sub("", path.read_text(encoding="utf-8"))
    if path.suffix == ".py":
        text = "\n".join(strings(text))
    assert not [found[0] for found in HALF_WIDTH.finditer(text)]


def strings(source: str) -> Iterator[str]:
    """What a Python file may print: its texts without docstrings, which are English, and `x` for what is put in."""
    seen: set[ast.AST] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            seen |= set(node.values)
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
        elif isinstance(node, ast.Expr):
            seen.add(node.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in seen:
            yield node.value


@pytest.mark.parametrize("text", ["已满,请清理", "提示:无", "县(样例)", "共 3 项,没有", "甲,乙"])
def test_the_check_of_punctuation_itself_bites(text: str) -> None:
    assert HALF_WIDTH.search(text)
