"""A forgotten passphrase: the village's recovery code, which its township keeps sealed and reads out by telephone.

A locked computer makes a random code that opens its vault, seals it to the township's device (age) and sends it up as
an entry that goes upward only. Nobody else can read it, and the village does not keep it. The township shows it to an
officer who states a reason; the look is written down first. A code that was used dies at once, and the next one is on
its way; so does one that was sealed to a township's device that has been replaced.
Never prints, logs or keeps a code in clear, and never sends one anywhere but up, sealed.
Next: `office.vault` (what it opens), `office.unlocking` (where it is typed), `office.cli_devices` and
`office.web.pages.devices` (where it is read out).
"""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from office.enrolling import present_devices
from schemas.codec import Malformed, decode, encode
from schemas.names import ALPHABET, CaseId, NodeId, OfficeId, OfficerId, check_character, seat_of, within
from schemas.refusals import Refused
from schemas.wire import KIND_RECOVERY_DEPOSITED, RecoveryDeposited
from sync.books import line_body
from sync.core.errors import Fault
from sync.core.journal import Draft

if TYPE_CHECKING:
    from office.access_log import AccessLog
    from office.node import Node
    from office.vault import Vault
    from sync.ports import Salts, Stored

CODE_CHARACTERS: Final = 25
"""120 random bits and a check character: read out in five groups of five."""

GROUP_CHARACTERS: Final = 5

RECOVERY: Final = "recovery"
"""The name of the wrap that a code opens; those of agents begin otherwise (`office.vault.AGENT`)."""

DEED: Final = "recovery code shown"
"""Stands before the reason in the access log."""


_TURNS: Final[WeakKeyDictionary["Node", asyncio.Lock]] = WeakKeyDictionary()


class RecoveryRefused(Refused):
    """No code can be shown or taken, with the cure."""


# --- the code ------------------------------------------------------------------------------------------------------


def make_code(salts: "Salts") -> str:
    """A new code."""
    body = "".join(ALPHABET[byte % len(ALPHABET)] for byte in salts.draw(CODE_CHARACTERS - 1))
    return body + check_character(body)


def plain_code(text: str) -> str:
    """A code as typed, without dashes and blanks, O, I and L read as digits. Raises `RecoveryRefused` when mistyped."""
    plain = "".join(text.upper().replace("-", "").split()).translate(str.maketrans("OIL", "011"))
    known = len(plain) == CODE_CHARACTERS and all(character in ALPHABET for character in plain)
    if not known or check_character(plain[:-1]) != plain[-1]:
        raise RecoveryRefused(
            "recovery_code_mistyped",
            f"恢复码应为 {CODE_CHARACTERS} 位，末位校验不符，可能听错或输错；请与镇上逐组核对后重新输入。",
            f"A recovery code has {CODE_CHARACTERS} characters and this one's last does not fit: compare it with the "
            "township group by group and type it again.",
        )
    return plain


def grouped(code: str) -> str:
    """A code as it is read out."""
    return "-".join(code[start : start + GROUP_CHARACTERS] for start in range(0, len(code), GROUP_CHARACTERS))


def wrong_code() -> RecoveryRefused:
    """The refusal of a code that opens nothing here."""
    return RecoveryRefused(
        "recovery_code_wrong",
        "该恢复码打不开本机：可能是别的设备的，或者已经用过；请让镇上核对单位后，重新读一遍最新的恢复码。",
        "This recovery code does not open this computer: it is another device's, or was used before. Let the township "
        "look at the office again and read out the newest code.",
    )


# --- the village's side --------------------------------------------------------------------------------------------


async def keep_deposit(node: "Node") -> None:
    """See that the office above can help: make and send up a new code unless the last one is good.

    For every minute of an unlocked node. Broken off anywhere, it is done anew: only what both the vault and the last
    deposit know is good.
    """
    async with _turn_of(node):
        await _keep_deposit(node)


async def _keep_deposit(node: "Node") -> None:
    vault, holder = node.vault, node.books.parent
    if vault is None or holder is None:
        return
    last = await _last_deposit(node, node.books.seat.node)
    marks = await asyncio.to_thread(vault.marks, RECOVERY)
    if last is not None and last.holder == holder and marks == [last.mark]:
        return
    await _deposit(node, vault, holder)


async def renew(node: "Node") -> None:
    """The code was used: it dies now, and the next one is made and waits for the line."""
    async with _turn_of(node):
        if node.vault is not None:
            await asyncio.to_thread(node.vault.drop_wraps, RECOVERY)
        await _keep_deposit(node)
    if node.pen.on_work is not None:
        node.pen.on_work()


async def _deposit(node: "Node", vault: "Vault", holder: NodeId) -> None:
    # Imported here: it is needed once in a computer's life, and weighs a MiB.
    from sync.age import seal

    code = make_code(node.salts)
    # Not bound to this computer's own secret: who forgot the passphrase may have had the system reinstalled as well.
    await asyncio.to_thread(vault.replace_wrap, RECOVERY, code, is_bound=False)
    (mark,) = vault.marks(RECOVERY)
    own = node.books.seat.node
    sealed = seal(encode((own, mark, code)), [node.books.keyring.get(holder).keys.log])
    body = encode(RecoveryDeposited(holder, mark, sealed))

    async def drafting() -> Sequence[Draft]:
        return [Draft(KIND_RECOVERY_DEPOSITED, None, body)]

    # Past `node.pen`: nobody waits for house-keeping (RULINGS A9).
    await node.writer.record(drafting)


async def _last_deposit(node: "Node", device: NodeId) -> RecoveryDeposited | None:
    """The newest that a device deposited and that counts."""
    entries = [
        entry
        for entry in await node.store.entries_of_kind(KIND_RECOVERY_DEPOSITED)
        if entry.journal.origin == device and node.books.counts(entry)
    ]
    newest = max(entries, key=_place, default=None)
    return line_body(newest, RecoveryDeposited) if newest is not None else None


def _place(entry: "Stored") -> tuple[int, int]:
    return entry.journal.epoch.ordinal, entry.seq


def _turn_of(node: "Node") -> asyncio.Lock:
    """Whoever makes a code has the wraps of that name to themselves."""
    return _TURNS.setdefault(node, asyncio.Lock())


# --- the township's side ---------------------------------------------------------------------------------------------


def subject_of(device: NodeId) -> CaseId:
    """Under what the access log keeps looks at a device's code: no case bears it."""
    return CaseId(hashlib.sha256(b"tongban device\n" + device.encode()).digest()[:16])


async def offices_with_code(node: "Node") -> set[OfficeId]:
    """Offices whose present computer has deposited a code here."""
    holders = {entry.journal.origin for entry in await node.store.entries_of_kind(KIND_RECOVERY_DEPOSITED)}
    present = await present_devices(node.books)
    return {office for office, device in present.items() if device in holders}


async def show_code(node: "Node", log: "AccessLog", office: OfficeId, officer: str, reason: str) -> str:
    """The code of an office's present computer, in groups, once the look is written down.

    Raises `RecoveryRefused`: `not_below`, `no_recovery_code`, `recovery_for_other`, `recovery_device_revoked`;
    `PurposeRefused` without a reason.
    """
    device, deposit = await _deposit_of(node, office)
    code = _opened(node, device, office, deposit)
    await log.record(OfficerId(officer), node.seat, subject_of(device), reason, deed=f"{DEED} {office}")
    return grouped(code)


async def _deposit_of(node: "Node", office: OfficeId) -> tuple[NodeId, RecoveryDeposited]:
    seat = node.seat
    if seat_of(office) != office or office == seat or not within(office, seat):
        raise RecoveryRefused(
            "not_below",
            f"{office} 不是本单位之下有自己设备的单位；请核对代码。",
            f"{office} is no office below this one with a device of its own; check the code.",
        )
    device = (await present_devices(node.books)).get(office)
    if device is not None and node.books.keyring.is_revoked(device):
        raise RecoveryRefused(
            "recovery_device_revoked",
            "该设备已注销，不再出示其恢复码；请为该单位登记新设备（devices replace）。",
            "This device is revoked, so its recovery code is not shown; give the office a new one (devices replace).",
        )
    deposit = await _last_deposit(node, device) if device is not None else None
    if device is None or deposit is None:
        raise RecoveryRefused(
            "no_recovery_code",
            "本机尚未收到该单位的恢复码：其电脑未加锁、未登记，或加锁后从未联系过本机。"
            "如确无人记得密码，请更换设备（devices replace），已收到的办件会自动补回。",
            "No recovery code of this office is here: its computer is not locked, not enrolled, or has not been in "
            "contact since. If nobody knows a passphrase, replace the device (devices replace); what was received "
            "comes back.",
        )
    return device, deposit


def _opened(node: "Node", device: NodeId, office: OfficeId, deposit: RecoveryDeposited) -> str:
    from sync.age import Opener

    try:
        clear = Opener(node.books.seat.signer).open(deposit.sealed)
        owner, mark, code = decode(clear, tuple[str, bytes, str])
        plain = plain_code(code)
    except (Fault, Malformed, RecoveryRefused) as error:
        raise _for_other(office) from error
    # Whoever copies another device's deposit into his own journal must not have it read out under his name.
    if (owner, mark) != (device, deposit.mark):
        raise _for_other(office)
    return plain


def _for_other(office: OfficeId) -> RecoveryRefused:
    return RecoveryRefused(
        "recovery_for_other",
        f"{office} 的恢复码不是交给本设备的，或者不完整，本机不能打开（本乡镇换过设备之后，该村尚未联系）。"
        "请该村任一记得密码的人员登录并接通线路后再试；都不记得的，请更换设备（devices replace）。",
        f"The recovery code of {office} was not sealed to this device, or is not whole: this office has changed its "
        "device and the village has not been in contact since. Let anybody there who knows a passphrase sign in with "
        "the line up, then try again; else replace its device (devices replace).",
    )
