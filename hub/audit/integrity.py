"""What the journals themselves show: rewriting, rollback, withholding, false devices, damage, silence. Judgements only.

Pure functions over values that `hub.audit.integrity_reading` gathers; the proof files are built by
`hub.audit.integrity_proofs`. Accuses only on statements that the accused office signed itself, or on the county's own
against what that office signed; bytes that nobody signed are a relay's damage and are fetched again; silence is a
notice. Every doubt about a clock goes in favour of the office. Never reads a clock or a store.
Sources: AUDIT 1.4, 4.2 (I1-I5, I7), RULINGS A12 (I8), A14, B9.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from hub.audit.findings import Finding, Found
from hub.audit.rule import Hit, Severity
from schemas.names import Instant, JournalId, OfficeId, parent_seat
from sync.ports import EntryKey

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS

WITHHELD_MS: Final = DAY_MS
"""Every line talks at least once a day (RULINGS A9), and a relay passes on in the order of arrival."""

REPAIRING_MS: Final = 3 * DAY_MS
"""A relay whose own copy went bad has it from below again by then, over a bad line too."""

SLIP_MS: Final = 3 * DAY_MS
"""A line may be down for three days before a slip in a resident's hand is a reason to ask (AUDIT I5)."""

REGISTERED_MS: Final = 7 * DAY_MS
"""A loss or a restore is registered within a week, before or after the device is heard again (AUDIT I2)."""

RESENDING_MS: Final = 3 * DAY_MS
"""After a restore of the county, or on its new device, everybody sends again what it lacks, in pages, in any order."""

SILENT_DAYS: Final = 3
"""Working days without a word (AUDIT I7)."""


class IntegrityRule(Struct, frozen=True):
    """One kind of finding: its words (zh, en), as `hub.audit.rule.AuditRule` has them for cases."""

    code: str
    version: int
    title: tuple[str, str]
    ground: str
    severity: Severity
    """The highest that it gives."""
    guard: tuple[str, str]
    sentence: tuple[str, str]
    """With the names of `IntegrityFinding.facts` in braces; codes are put into words by `hub.audit.words`."""
    is_lasting: bool
    """What was found stays true whatever comes later; else it is gone when it is not found again."""


_RULES: Final = (
    IntegrityRule(
        "I1",
        1,
        ("同一编号两个内容", "Two entries under one number"),
        "AUDIT 1.4, 4.2 I1",
        Severity.RED,
        (
            "须有该设备签名的两份相互矛盾的陈述；字节损坏属于线路问题，重新取回即可",
            (
                "needs two contradicting statements that the device signed; damaged bytes are the line's fault and "
                "are "
                "fetched again"
            ),
        ),
        (
            "设备 {device} 对日志 {journal} 第 {seq} 条签过两个不同的内容",
            "device {device} signed two different entries as number {seq} of journal {journal}",
        ),
        is_lasting=True,
    ),
    IntegrityRule(
        "I2",
        1,
        ("日志倒退", "A journal rolled back"),
        "AUDIT 1.4, 4.2 I2; RULINGS A5",
        Severity.RED,
        (
            "恢复或丢失在 7 日内登记的为黄牌",
            "yellow where the restore or the loss was registered within 7 days",
        ),
        (
            "设备 {device} 重新开始时称上一时期只有 {named} 条，而它签过更多",
            (
                "when device {device} started again it named {named} entries of its epoch before, of which it had "
                "signed "
                "more"
            ),
        ),
        is_lasting=True,
    ),
    IntegrityRule(
        "I3",
        1,
        ("县里存储损坏", "Damage in the county's own store"),
        "AUDIT 4.2 I3",
        Severity.RED,
        (
            "依法删除的内容不算；恢复备份后三日内、正在补送的为黄牌",
            "a body erased by law is no damage; yellow within three days of a restore, while others send again",
        ),
        ("县里的存储在 {where} 处有问题：{fault}", "the county's store is damaged at {where}: {fault}"),
        is_lasting=False,
    ),
    IntegrityRule(
        "I4",
        1,
        ("上行扣压", "Withheld on the way up"),
        "AUDIT 4.2 I4",
        Severity.RED,
        (
            (
                "经手机关全部日志同样陈旧属于离线，另作提示；所属设备自身矛盾、县里刚恢复的，不作此认定；"
                "经手机关近日恢复或更换设备、在途损坏重取未满三日的，为黄牌"
            ),
            (
                "a relay all of whose journals are old is offline, which is a notice; not where the owner "
                "contradicts itself, or the county was just restored; yellow where the relay was restored or "
                "replaced lately, or damage was asked for again less than three days ago"
            ),
        ),
        (
            "「{relay}」已签收日志 {journal} 的 {receipted} 条，县里只有 {held} 条",
            "“{relay}” signed for {receipted} entries of journal {journal}; the county holds {held}",
        ),
        is_lasting=False,
    ),
    IntegrityRule(
        "I5",
        1,
        ("居民凭条与日志不符", "A slip that the journal does not bear out"),
        "AUDIT 4.2 I5",
        Severity.RED,
        (
            "设备已登记丢失、已被替换、此后再未联系过，或其日志在途缺失的，为黄牌；经手机关已签收的归上行扣压",
            (
                "yellow where the device is revoked or replaced, was not heard of since, or its journal is "
                "incomplete on "
                "the way; what an office between has signed for is withheld by that office (I4)"
            ),
        ),
        (
            "居民所持凭条是日志 {journal} 的第 {seq} 条：{fault}",
            "a resident holds a slip for entry {seq} of journal {journal}: {fault}",
        ),
        is_lasting=False,
    ),
    IntegrityRule(
        "I7",
        1,
        ("久未联系", "Silence"),
        "AUDIT 4.2 I7; RULINGS B9",
        Severity.YELLOW,
        (
            "只是提示；节假日不计，乡镇离线时不逐村提示",
            "a notice, never an alarm; holidays do not count, and of a silent township's villages nothing is said",
        ),
        ("「{office}」已有 {days} 个工作日没有消息", "nothing was heard of “{office}” for {days} working days"),
        is_lasting=False,
    ),
    IntegrityRule(
        "I8",
        1,
        ("下行扣压", "Withheld on the way down"),
        "RULINGS A12",
        Severity.RED,
        (
            "经手机关自己签名表明已有该条，且已过一日；否则不作认定；其近日恢复或更换设备的为黄牌",
            (
                "only where the office between signed that it had the entry, and a day has passed; yellow where it "
                "was restored or replaced lately"
            ),
        ),
        (
            "发往「{seat}」的条目 {entry}，「{relay}」有，「{seat}」一日之后仍没有",
            "entry {entry} for “{seat}”: “{relay}” has it, “{seat}” a day later had not",
        ),
        is_lasting=True,
    ),
    IntegrityRule(
        "A14",
        1,
        ("虚假登记或挂失", "A false enrolment or revocation"),
        "RULINGS A14",
        Severity.RED,
        (
            "县里已确认的登记、原设备已挂失的，不在此列；自己恢复后遗忘的签收不算",
            (
                "not for an enrolment that the county confirmed, nor where the former device is revoked; a receipt "
                "that "
                "the office forgot in a restore of its own does not count"
            ),
        ),
        ("「{relay}」{fault}：席位「{seat}」，设备 {device}", "“{relay}” {fault}: seat “{seat}”, device {device}"),
        is_lasting=True,
    ),
)

INTEGRITY_RULES: Final[Mapping[str, IntegrityRule]] = {rule.code: rule for rule in _RULES}


class IntegrityFinding(Struct, frozen=True, kw_only=True):
    """One finding about journals, before it is numbered and kept."""

    code: str
    """A key of `INTEGRITY_RULES`."""
    severity: Severity
    office: OfficeId
    """Who has to answer."""
    key: str
    """The same fault has the same key whenever it is found."""
    evidence: tuple[EntryKey, ...]
    facts: Mapping[str, int | str]
    journal: JournalId | None = None
    since: Instant | None = None
    """By whose clock it stands in the facts."""
    proof: bytes | None = None
    """A claim file; None where none can exist, or where this finding is kept already with its own."""

    def found(self) -> Found:
        """As the audit keeps findings."""
        hit = Hit(self.severity, self.office, self.evidence, self.facts, key=self.key)
        return Found(self.code, INTEGRITY_RULES[self.code].version, hit, proof=self.proof)


def comparable(standing: Iterable[Finding], found: Collection[Found]) -> list[Finding]:
    """Those findings that a new look can say something of: a lasting one that is not seen again has not gone."""
    names = {one.name for one in found}
    return [
        finding
        for finding in standing
        if finding.rule in INTEGRITY_RULES and (finding.name in names or not INTEGRITY_RULES[finding.rule].is_lasting)
    ]


# --- I2 --------------------------------------------------------------------------------------------------------------


def judge_rollback(opened_at: Instant, registered: Iterable[Instant], *, is_stated: bool) -> Severity:
    """A device that forgot what it had signed. `is_stated`: it says itself that it was restored.

    `registered`: when the office above reported the device lost or replaced.
    """
    is_registered = is_stated or any(abs(at - opened_at) <= REGISTERED_MS for at in registered)
    return Severity.YELLOW if is_registered else Severity.RED


# --- I4 --------------------------------------------------------------------------------------------------------------


class Behind(Struct, frozen=True):
    """What is known of a relay that signed for more of a journal than the county holds."""

    received_at: Instant
    """When it signed, by its own clock."""
    is_receipt_held: bool
    """The county holds the relay's own journal up to that receipt without a gap: what came before in that line came."""
    asked_at: Instant | None
    """Since when the county asks for it again, by its own clock, because something of it was refused; None: nothing."""
    heard_at: Instant
    """When the relay was last heard, by the county's clock and beacons."""
    is_contradicted: bool
    """Its owner contradicts itself (I1): nobody can bring it further."""
    is_disturbed: bool
    """The relay was restored or replaced lately: what it forgot it cannot pass on, and is to explain."""


def judge_withheld(behind: Behind, settled_at: Instant, now: Instant) -> Severity | None:
    """Whether a relay keeps back what it signed for. `settled_at`: when the county's store was new or restored last.

    A line is one queue: what the relay had before it wrote the receipt stands before the receipt in it. So the county
    waits for nothing but a stream that is being sent anew, and for damage, which a relay that is there puts right.
    """
    if behind.is_contradicted or not behind.is_receipt_held or now - settled_at < RESENDING_MS:
        return None
    if now - behind.received_at <= WITHHELD_MS:
        return None
    if behind.asked_at is None:
        return Severity.YELLOW if behind.is_disturbed else Severity.RED
    waited_ms = behind.heard_at - behind.asked_at
    if waited_ms <= WITHHELD_MS:
        return None
    return Severity.RED if waited_ms > REPAIRING_MS and not behind.is_disturbed else Severity.YELLOW


# --- I5 --------------------------------------------------------------------------------------------------------------


def judge_slip(
    signed_at: Instant, presented_at: Instant, now: Instant, *, is_other: bool, is_excused: bool
) -> Severity | None:
    """A slip whose entry is another (`is_other`), or has not come.

    `signed_at` is the device's clock, which may be months slow: alone it is a reason to look. `presented_at` is the
    county's: before that the slip was written, whatever any clock says. `is_excused`: its device is lost, was not
    heard of a day after it was presented, or pieces of its journal are still coming.
    """
    if is_other:
        return Severity.RED
    if now - presented_at > SLIP_MS and not is_excused:
        return Severity.RED
    return Severity.YELLOW if now - min(signed_at, presented_at) > SLIP_MS else None


# --- I7 --------------------------------------------------------------------------------------------------------------

Workdays = Callable[[Instant, Instant], int]
"""How many working days lie between two instants."""


def whole_days(start: Instant, end: Instant) -> int:
    """Every day as a working day: where no calendar is at hand."""
    return max(0, end - start) // DAY_MS


def judge_silence(
    last_heard: Mapping[OfficeId, Instant], now: Instant, workdays: Workdays = whole_days
) -> list[tuple[OfficeId, int, Severity]]:
    """(seat, working days, severity) of every seat that nothing was heard of; only of a township where that is silent.

    A township that is offline owes an explanation; one village's silence only feeds the choice of where to look.
    """
    silent = {seat: days for seat, at in last_heard.items() if (days := workdays(at, now)) >= SILENT_DAYS}
    found: list[tuple[OfficeId, int, Severity]] = []
    for seat, days in sorted(silent.items()):
        above = parent_seat(seat)
        if above is not None and above in silent:
            continue
        is_township = above is not None and parent_seat(above) is None
        found.append((seat, days, Severity.YELLOW if is_township else Severity.INFO))
    return found


# --- I3 --------------------------------------------------------------------------------------------------------------


def judge_damage(settled_at: Instant, now: Instant, *, is_missing: bool) -> Severity:
    """Something of the county's own store that does not fit. What is only missing may be on its way again."""
    return Severity.YELLOW if is_missing and now - settled_at < RESENDING_MS else Severity.RED


# --- A14 -------------------------------------------------------------------------------------------------------------


def judge_enrolment(enrolled_at: Sequence[Instant], former_seen: Instant, *, is_confirmed: bool) -> Severity | None:
    """A second device of a seat, enrolled at the latest of these claimed times; the former one named a beacon later.

    A day between the two goes in favour of the office: the former may have been put away on that very day.
    """
    if is_confirmed or former_seen <= max(enrolled_at) + DAY_MS:
        return None
    return Severity.RED
