"""Why an entry is set aside, and what the post finds: every code that the sources give has its words.

Collected from what is handed to `Books.dispose`, `Outcome` and `Books.find`, not from the tables that explain it.
"""

import ast
import re
from collections.abc import Iterator

from office.dispositions import CODES
from office.web.pages.line import FINDINGS
from schemas.casework.casefile import BREACHES
from sync.exchange import REFUSED_HINTS
from tests.architecture.sources import ROOT, tree

CODE = re.compile(r"[a-z_]{3,}")
STATES = {"held", "quarantined", "unknown"}
TREES = [tree(path) for folder in ("schemas", "sync", "office") for path in sorted((ROOT / folder).rglob("*.py"))]

CONSTANTS = {
    target.id: node.value.value
    for module in TREES
    for node in module.body
    if isinstance(node, ast.AnnAssign) and isinstance(target := node.target, ast.Name)
    if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
}


def calls_of(name: str, inside: ast.AST) -> Iterator[ast.Call]:
    """Every call of something whose full name ends so."""
    for node in ast.walk(inside):
        if isinstance(node, ast.Call) and f".{ast.unparse(node.func)}".endswith(f".{name}"):
            yield node


def handed_on(name: str, where: slice) -> set[str]:
    """The functions that hand a parameter of their own on to `name` in these places."""
    found: set[str] = set()
    for function in (node for module in TREES for node in ast.walk(module) if isinstance(node, ast.FunctionDef)):
        parameters = {argument.arg for argument in function.args.args}
        for call in calls_of(name, function):
            places = [node for argument in call.args[where] for node in ast.walk(argument)]
            if parameters & {node.id for node in places if isinstance(node, ast.Name)}:
                found.add(function.name)
    return found


def given_to(name: str, where: slice) -> set[str]:
    """Every code that is given to `name` in these places: straight, as a constant, or through one more function."""
    calls = [(call, where) for module in TREES for call in calls_of(name, module)]
    for other in handed_on(name, where):
        calls += [(call, slice(None)) for module in TREES for call in calls_of(other, module)]
    found: set[str] = set()
    for node in (node for call, places in calls for argument in call.args[places] for node in ast.walk(argument)):
        text = CONSTANTS.get(node.id) if isinstance(node, ast.Name) else getattr(node, "value", None)
        if isinstance(text, str) and CODE.fullmatch(text):
            found.add(text)
    return found


def test_every_reason_for_setting_aside_is_explained() -> None:
    given = given_to("dispose", slice(1, None)) | given_to("Outcome", slice(1, 2))
    # What an event's reader refuses is a reason as well (`office.casebook`).
    events = ast.parse((ROOT / "schemas" / "casework" / "events.py").read_text(encoding="utf-8"))
    given |= {str(ast.literal_eval(call.args[0])) for call in calls_of("Malformed", events)}
    given -= STATES
    assert given >= {"bad_receipt", "unknown_device", "unbelieved_release", "no_body", "nul_character", "revoked"}
    assert given <= {*CODES, *BREACHES}


def test_every_finding_is_explained() -> None:
    given = given_to("books.find", slice(0, 1))
    assert given >= {"fork", "rollback", "rolled_back", "lost", "damaged"}
    assert given <= {*FINDINGS, *REFUSED_HINTS}
