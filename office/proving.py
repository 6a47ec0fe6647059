"""Proof files of a case, for people outside the network: a court, an auditor, the resident's own lawyer.

A file carries the entry's whole text in clear, so handing one out is a look at personal data and is written down as one
before (`office.access_log`). Never decides who may have one, and never puts a person into the name of a file.
Next: `sync.proofs` (what is in a file), `sync.proof` (how its reader checks it), `office.cli` and
`office.web.pages.cases` (who asks).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from office.access_log import COMMAND_LINE, AccessLog
from office.paths import PRIVATE_FOLDER_MODE, write_private
from office.worklists import FINGERPRINT_CHARACTERS, Found
from schemas.casework.events import EVENTS
from schemas.casework.lifecycle import NotPermitted
from schemas.names import CASE_ID_BYTES, CaseId, OfficerId, find_tracking_number, is_mistyped
from schemas.refusals import Refused
from sync.books import Books
from sync.core.errors import LocalFault
from sync.ports import Stored
from sync.proofs import proof_file_for

if TYPE_CHECKING:
    from office.node import Node

SUFFIX: Final = ".proof"


class Proof(Struct, frozen=True):
    """One proof file."""

    fingerprint: str
    kind: str
    """The entry's kind; empty where this version does not know it."""
    name: str
    """What the file is called: the case's number and the entry's fingerprint."""
    content: bytes


class EntryUnknown(Refused):
    """No entry of the case is called so."""

    def __init__(self) -> None:
        super().__init__(
            "no_such_entry",
            "本件没有这一条；请填写办件页面上该步骤旁的 8 位指纹。",
            "The case has no such entry; give the 8 characters of the fingerprint beside the step on the case's page.",
        )


class FolderRefused(Refused):
    """The files cannot be put where they should."""

    def __init__(self) -> None:
        super().__init__(
            "folder_not_writable",
            "无法写入所指定的文件夹；请检查磁盘和权限，或用 --to 指定另一个文件夹。",
            "The folder cannot be written; look at the disk and its permissions, or name another one with --to.",
        )


class Export(Struct, frozen=True):
    """What became of a wish for proof files."""

    written: list[tuple[Proof, Path]]
    faults: list[tuple[str, LocalFault]]
    """(fingerprint, why there is no proof of this entry yet)."""


async def export_proofs(node: "Node", case: str, fingerprint: str, purpose: str, folder: Path) -> Export:
    """Write the proof files of a case (its number or its id), or of one entry of it, for whoever runs the node.

    Raises `NotPermitted` `no_such_case`, `EntryUnknown`, `PurposeRefused`, `FolderRefused`.
    """
    found = await node.worklists.get_case(node.seat, await get_case_id(node, case))
    entries = [entry_of(found, fingerprint)] if fingerprint else [one.entry for one in found.traced]
    log = AccessLog(node.engines.write, node.engines.read, node.clock, node.data_key)
    who, deed = OfficerId(f"{node.seat}/{COMMAND_LINE}"), deed_of(fingerprint)
    await log.record(who, node.seat, found.file.case, purpose, deed=deed)
    export = Export([], [])
    for entry in entries:
        try:
            proof = await prove(node.books, found, entry)
        except LocalFault as fault:
            export.faults.append((_fingerprint(entry), fault))
            continue
        export.written.append((proof, _save(folder, proof)))
    return export


def deed_of(fingerprint: str) -> str:
    """What the access log says is done: a proof file of this entry, or, without one, of the whole case."""
    return f"proof {fingerprint or 'of all'}"


def entry_of(found: Found, fingerprint: str) -> Stored:
    """The entry of a case with this fingerprint. Raises `EntryUnknown`."""
    named = [one.entry for one in found.traced if _fingerprint(one.entry) == fingerprint.strip().lower()]
    if len(named) != 1:
        raise EntryUnknown
    return named[0]


async def prove(books: Books, found: Found, entry: Stored) -> Proof:
    """The proof file of one entry of a case. Raises what `sync.proofs.proof_file_for` raises."""
    content = await proof_file_for(books, entry.journal, entry.seq)
    kind = entry.kind if entry.kind in EVENTS else ""
    return Proof(_fingerprint(entry), kind, f"{_name_of(found)}-{_fingerprint(entry)}{SUFFIX}", content)


async def get_case_id(node: "Node", text: str) -> CaseId:
    """The case that an operator means by its number or its id. Raises `NotPermitted` `no_such_case`, and for a number
    that cannot be right `number_mistyped`.
    """
    case = await node.worklists.find_by_number(node.seat, text)
    if case is not None:
        return case
    try:
        case = CaseId(bytes.fromhex(text))
    except ValueError:
        case = None
    if case is None or len(case) != CASE_ID_BYTES:
        raise NotPermitted("number_mistyped" if is_mistyped(text) else "no_such_case")
    return case


def _fingerprint(entry: Stored) -> str:
    return entry.hash.hex()[:FINGERPRINT_CHARACTERS]


def _name_of(found: Found) -> str:
    """The case's number, or its id where the number is not here or is spelled as no node of ours spells one."""
    filing = found.file.filing
    number = filing.tracking if filing is not None else ""
    return number if number and find_tracking_number(number) == number else found.file.case.hex()


def _save(folder: Path, proof: Proof) -> Path:
    path = folder / proof.name
    try:
        folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
        write_private(path, proof.content)
    except OSError as error:
        raise FolderRefused from error
    return path
