"""Writes what of the operator's handbook follows from the code, so that it cannot drift: `python -m deploy.handbook`.

`samples/tongban.toml` is every setting with its meaning (`office.settings`); `REFUSALS.md` is every code that a page, a
verb or the line can answer with, and its sentences. Codes are read from the sources without running them: a refusal is
a call whose first argument is the code and whose last text is the English sentence; the Chinese one stands before it,
or in `office.sentences`. `AUDIT_RULES.md` is every rule of the county's audit with its guard and thresholds. Never
edits prose (`OPERATING.md`). `tests/architecture/test_documents.py` compares all three files with what this makes,
`tests/architecture/test_sentences.py` finds a code without a Chinese sentence.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

from deploy.environment import ROOT
from hub.audit.integrity import INTEGRITY_RULES
from hub.audit.limits import LIMITS
from hub.audit.rule import Declared
from hub.audit.rules import RECORDING_RULES, RULES
from office.capturing import REFUSALS as OF_PAPERS
from office.dispositions import CODES
from office.sentences import SENTENCES
from office.settings import sample_settings
from office.web.errors import PAGES
from office.web.i18n import Language, translate
from schemas.casework.casefile import BREACHES
from schemas.casework.reasons import REASONS
from sync.exchange import REFUSED_HINTS
from sync.proof.words import REASONS as PROOF_REASONS

FOLDER: Final = ROOT / "deploy"
SAMPLE: Final = FOLDER / "samples" / "tongban.toml"
REFUSALS: Final = FOLDER / "REFUSALS.md"
AUDIT_RULES: Final = FOLDER / "AUDIT_RULES.md"
SOURCES: Final = ("schemas", "sync", "office", "hub", "township_node", "village_agent")

RAISED: Final = (
    *("Refused", "Fault", "Malformed", "Busy", "UnknownSender", "LineDown", "AnotherWriter"),
    *("Refusal", "NoSession", "UnknownDictionary", "InvalidDivision"),
)
"""How the names of our typed refusals end."""

Told = set[tuple[str, str]]
"""Sentences for one code, (Chinese, English)."""

LEFT_OUT: Final = "…"
"""Stands for whatever the program puts into a sentence."""

HEAD: Final = """\
# Codes and what to do

Made by `python -m deploy.handbook` from the sources. A page shows a refusal's sentence in the reader's language and its
code for whoever looks after the node; a verb prints both, in the language that the setting `language` names. Nothing
that was saved is lost or changed by a refusal. `…` stands for a name, a number or a file; where a Chinese sentence ends
in `原文：`, the English one follows it. How to install and run a node: [OPERATING.md](OPERATING.md).

## At the desk

An officer's act, refused before it was written.

"""

ASIDE: Final = """
## Set aside

An entry that arrived, was kept, and does not count (yet). The page of the line lists it.

"""

AT_A_PAGE: Final = """
## At a page

What a page answers before anything of the office is asked.

"""

OTHERS: Final = """
## Everything else

What a verb, a form, the line or the store may refuse.

"""


AUDIT_HEAD: Final = """\
# The rules of the county's audit

Made by `python -m deploy.handbook` from the sources. RED asks the office for an answer (红牌), YELLOW for an
explanation (黄牌), INFO asks nothing and feeds the choice of files to be looked at. Every rule is judged on the edge
that favours the office: days on the line belong to nobody, and silence is a notice. A star marks the rules built first.
An officer of the county confirms a finding before anything is asked of a township. Have a lawyer confirm an article
before an order quotes it.

"""

AUDIT_LIMITS: Final = """
## Thresholds

A county may choose another number within the range.

"""


def main() -> int:
    """Write the files. Returns the exit status."""
    SAMPLE.write_text(sample(), encoding="utf-8")
    REFUSALS.write_text(refusals(), encoding="utf-8")
    AUDIT_RULES.write_text(audit_rules(), encoding="utf-8")
    print(", ".join(str(path.relative_to(ROOT)) for path in (SAMPLE, REFUSALS, AUDIT_RULES)))
    return 0


# --- settings --------------------------------------------------------------------------------------------------------


def sample() -> str:
    """The file that `init` writes, with the meaning of each setting above it."""
    head, *lines = sample_settings().splitlines()
    told = meanings(ROOT / "office" / "settings.py", "Settings")
    text = [head, "# TONGBAN_<NAME> in the environment beats this file, for example TONGBAN_PORT=8611."]
    for line in lines:
        name = line.removeprefix("#").split(" = ")[0]
        text += ["", *(f"# {part}" for part in told[name].splitlines()), line]
    return "\n".join(text) + "\n"


def meanings(path: Path, name: str) -> dict[str, str]:
    """Field → the text under it, of a class in a source file. A field's text is not kept at run time."""
    body = next(
        node.body
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == name
    )
    found: dict[str, str] = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[ast.unparse(field.target)] = str(text.value.value)
    return found


# --- audit ------------------------------------------------------------------------------------------------------------


def audit_rules() -> str:
    """Every rule of the audit, and every threshold, as Markdown."""
    rows = ["| code | rule | highest | ground | what it leaves alone | thresholds |", "| --- " * 6 + "|"]
    for rule in (*INTEGRITY_RULES.values(), *RULES, *RECORDING_RULES):
        limits = rule.limits if isinstance(rule, Declared) else ()
        star = " ★" if isinstance(rule, Declared) and rule.is_starred else ""
        cells = (
            f"{rule.code}{star}",
            f"{rule.title[1]}<br>{rule.title[0]}",
            rule.severity.value.upper(),
            rule.ground,
            f"{rule.guard[1]}<br>{rule.guard[0]}",
            "<br>".join(f"`{name}`" for name in limits) or "—",
        )
        rows.append(f"| {' | '.join(cells)} |")
    table = ["| threshold | default | range | unit | why |", "| --- " * 5 + "|"]
    table += [
        f"| `{name}` | {limit.default} | {limit.low}–{limit.high} | {limit.unit} | {limit.reason} |"
        for name, limit in LIMITS.items()
    ]
    return AUDIT_HEAD + "\n".join(rows) + "\n" + AUDIT_LIMITS + "\n".join(table) + "\n"


# --- codes -----------------------------------------------------------------------------------------------------------


def refusals() -> str:
    """The list of codes, as Markdown."""
    aside = {**CODES, **BREACHES}
    pages = {code: (translate(message, Language.ZH), message) for code, message in PAGES}
    parts = (REASONS, ASIDE, aside, AT_A_PAGE, pages, OTHERS)
    others = _table(raised())
    return HEAD + "".join(part if isinstance(part, str) else _table(_single(part)) for part in parts) + others


def _single(told: Mapping[str, tuple[str, str]]) -> dict[str, Told]:
    return {code: {(zh.replace("{}", LEFT_OUT), en.replace("{}", LEFT_OUT))} for code, (zh, en) in told.items()}


def _table(told: Mapping[str, Told]) -> str:
    rows = [
        f"| `{code}` | {'<br>'.join(sorted({en for _, en in said}))} | {'<br>'.join(sorted({zh for zh, _ in said}))} |"
        for code, said in sorted(told.items())
    ]
    return "\n".join(["| code | meaning and what to do | 中文 |", "| --- | --- | --- |", *rows]) + "\n"


def raised() -> dict[str, Told]:
    """Code → what any source says with it; the Chinese is empty where it is missing."""
    found = {code: {(SENTENCES.get(code, ""), hint)} for code, hint in REFUSED_HINTS.items()} | _single(OF_PAPERS)
    for path in sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*.py")):
        by_code = PROOF_REASONS if path.is_relative_to(ROOT / "sync" / "proof") else SENTENCES
        for code, zh, en in refusals_in(ast.parse(path.read_text(encoding="utf-8"))):
            found.setdefault(code, set()).add((zh or by_code.get(code, ""), en))
    return found


def refusals_in(tree: ast.AST) -> Iterator[tuple[str, str, str]]:
    """(code, Chinese or empty, English) of every refusal that is spelled out in a source."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not _is_refusal(node):
            continue
        texts = [_text_of(argument) for argument in node.args]
        code, *_, en = texts if len(texts) > 1 else (None, None)
        zh = texts[-2] if len(texts) > 2 else ""
        if code and en and code.replace("_", "").replace(LEFT_OUT, "").isalnum():
            yield code, zh or "", en


def _is_refusal(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    return name.endswith(RAISED) or name == "super().__init__"


def _text_of(node: ast.expr) -> str | None:
    """A literal text, or a formatted one with what is put in left out."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else LEFT_OUT for part in node.values]
        return "".join(str(part) for part in parts)
    return None


if __name__ == "__main__":
    sys.exit(main())
