"""The log of the county's daily statements as rows, its export for a witness outside, and what the witness cosigned.

A statement enters the log once, at its end, and keeps its place: what was exported is never put in another order. After
a restore from an older backup an earlier export brings the missing ones back before the next one is made.
Reads the device's log key to sign the log's checkpoint; writes no entry. Next: `hub.audit.beacon_log`.
"""

from pathlib import Path
from typing import Final

from msgspec import Struct
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.audit.beacon_log import (
    LEAF_BYTES_MAX,
    WitnessRefused,
    add_checkpoint,
    cosigned,
    files_of,
    head_text,
    leaves_in,
    origin_of,
)
from hub.audit.database import AuditDatabase, keep
from hub.audit.tables import audit_beacons
from office.node import Node
from office.paths import write_private
from schemas.codec import Malformed
from schemas.names import parent_seat
from schemas.wire import KIND_BEACON, Beacon
from sync.books import line_body
from sync.core import note
from sync.keys import verify_ed25519

EXPORTED: Final = "beacons_exported"
"""In `audit_meta`: how many statements were handed out. Their places are settled."""
CHECKPOINT: Final = "beacons_checkpoint"
"""The checkpoint that was handed out last."""
COSIGNED: Final = "beacons_cosigned"
"""The last checkpoint with the witness's line."""

REQUEST: Final = "add-checkpoint"
"""The file with the body of the witness's request, beside the tiles."""


class LogState(Struct, frozen=True):
    """How the log stands."""

    size: int
    exported: int
    vkey: str
    """The county's key for the log, as a witness is configured with it (C2SP signed-note)."""
    cosigned: str
    """The last checkpoint that a witness cosigned; empty without one."""


async def state_of(node: Node, audit: AuditDatabase) -> LogState:
    """The log as it stands, today's statement included."""
    leaves = await take_in(node, audit)
    vkey = note.format_vkey(_key(node))
    return LogState(len(leaves), await audit.number(EXPORTED), vkey, await audit.word(COSIGNED))


async def take_in(node: Node, audit: AuditDatabase) -> list[bytes]:
    """Append what is not in the log yet. Returns the whole log."""
    leaves = await _leaves(audit)
    held = set(leaves)
    fresh: list[bytes] = []
    for entry in await node.store.entries_of_kind(KIND_BEACON):
        seat = node.books.seat_of_node(entry.journal.origin)
        is_ours = seat is not None and parent_seat(seat) is None and line_body(entry, Beacon) is not None
        if is_ours and entry.body is not None and entry.body not in held and len(entry.body) <= LEAF_BYTES_MAX:
            held.add(entry.body)
            fresh.append(entry.body)
    if fresh:
        async with audit.writing() as connection:
            await _append(connection, len(leaves), fresh)
    return leaves + fresh


async def export_log(node: Node, audit: AuditDatabase, folder: Path, old: int) -> LogState:
    """Write the log as tiles, with the request for a witness that has cosigned `old` statements.

    Raises `WitnessRefused`: `witness_ahead`, `log_empty`.
    """
    leaves = await take_in(node, audit)
    if not leaves:
        raise WitnessRefused(
            "log_empty",
            "县中心还没有发布过每日声明，没有可导出的内容；请让 hub run 运行一天后再办理。",
            "The county has made no daily statement yet: there is nothing to export. Let hub run for a day first.",
        )
    key, text = _key(node), head_text(node.books.seat.root.county, leaves)
    signature = node.books.seat.signer.sign(note.note_message(text))
    checkpoint = note.format_note(text, [note.signature_line(key, signature)])
    request = add_checkpoint(leaves, old, checkpoint)
    async with audit.writing() as connection:
        await keep(connection, EXPORTED, max(len(leaves), await audit.number(EXPORTED)))
        await keep(connection, CHECKPOINT, checkpoint)
    for path, content in [*files_of(leaves, checkpoint), (REQUEST, request.encode())]:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        write_private(target, content)
    return await state_of(node, audit)


async def keep_cosignature(node: Node, audit: AuditDatabase, answer: bytes, vkey: str) -> int:
    """Keep what a witness answered to the last export. Returns its time in seconds since 1970.

    Raises `WitnessRefused`: `no_cosignature`, `bad_witness_key`.
    """
    try:
        witness = note.parse_vkey(vkey)
    except Malformed as malformed:
        raise WitnessRefused(
            "bad_witness_key",
            "见证方的验证密钥写法不对；请完整复制整行（名称+八位十六进制+base64）。",
            "The witness's verifier key is not written as one; copy the whole line (name+8 hex digits+base 64).",
        ) from malformed
    checkpoint = await audit.word(CHECKPOINT)
    whole, signature, time_s = cosigned(checkpoint, answer, witness)
    message = note.cosignature_message(time_s, note.parse_note(checkpoint.encode()).text)
    if witness.algorithm != note.COSIGNATURE or not verify_ed25519(witness.public_key, message, signature):
        raise WitnessRefused(
            "no_cosignature",
            "该会签不是由这个见证方对当前检查点作出，没有记录；请核对见证方公钥，或重新送签。",
            "This cosignature is not this witness's over the present checkpoint; nothing was kept. Compare its key, or "
            "ask it again.",
        )
    async with audit.writing() as connection:
        await keep(connection, COSIGNED, whole)
    return time_s


async def restore_log(node: Node, audit: AuditDatabase, folder: Path) -> int:
    """Bring statements back from an earlier export. Returns how many the log has now.

    Raises `WitnessRefused`: `not_a_bundle`, `beacons_differ` (what this node has handed out is not that log).
    """
    paths = sorted((folder / "tile" / "entries").rglob("*"), key=_place)
    bundles: dict[int, bytes] = {}
    for path in paths:
        if path.is_file():
            bundles[_place(path)[0]] = path.read_bytes()  # the widest of one tile comes last
    exported = leaves_in([bundles[number] for number in sorted(bundles)])
    leaves = await take_in(node, audit)
    settled = await audit.number(EXPORTED)
    if not exported or leaves[:settled] != exported[: min(settled, len(exported))] + leaves[len(exported) : settled]:
        raise WitnessRefused(
            "beacons_differ",
            "该导出与本节点已经交出的每日声明不一致，没有改动；请保留双方文件并报上级核查。",
            "This export and what this node has handed out are two histories; nothing was changed. Keep both, and let "
            "those above look into it.",
        )
    known = set(exported)
    whole = exported + [leaf for leaf in leaves if leaf not in known] if len(exported) > settled else leaves
    async with audit.writing() as connection:
        await connection.execute(delete(audit_beacons))
        await _append(connection, 0, whole)
        await keep(connection, EXPORTED, max(settled, len(exported)))
    return len(whole)


def _place(path: Path) -> tuple[int, int]:
    """(number of the tile, width) by the path of an entry bundle below `tile/entries`."""
    parts = [part for part in path.parts[path.parts.index("entries") + 1 :] if part]
    width = 256
    if parts and len(parts) > 1 and parts[-2].endswith(".p"):
        width = int(parts.pop()) if parts[-1].isdecimal() else 0
        parts[-1] = parts[-1].removesuffix(".p")
    digits = "".join(part.removeprefix("x") for part in parts)
    return (int(digits) if digits.isdecimal() else 0), width


def _key(node: Node) -> note.VerifierKey:
    seat = node.books.seat
    return note.VerifierKey(origin_of(seat.root.county), note.ED25519, seat.signer.public_keys.log)


async def _leaves(audit: AuditDatabase) -> list[bytes]:
    query = select(audit_beacons.c.leaf).order_by(audit_beacons.c.position)
    async with audit.read.connect() as connection:
        return list((await connection.execute(query)).scalars())


async def _append(connection: AsyncConnection, first: int, leaves: list[bytes]) -> None:
    rows = [{"position": position, "leaf": leaf} for position, leaf in enumerate(leaves, first)]
    if rows:
        await connection.execute(insert(audit_beacons), rows)
