"""Our own pen for the register: editions, calendars, grants, openings, names.

Every verb is checked inside the writing transaction against the register as it stands there, refuses before anything is
written, and changes nothing when what it says is published already: the same verb again, or the same operation again,
writes no entry. What is asked for is a value that can be handed to the process that has the pen (`office.local`).
Never writes for an office that is not at this node. Next: `schemas.register` (the entries), `office.register` (the
reading side).
"""

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct, structs

from office.casebook import CaseInterpreter
from office.overseeing import Accounts, Oversee, Overseeing
from office.pencil import OperationReused, Pen
from office.people import check_staffing, office_of
from office.seeds import load_calendar
from office.texts import check_texts
from schemas.calendar import FIRST_YEAR, LAST_YEAR
from schemas.casework.casefile import NO_CASE
from schemas.catalogue import Edition, ServiceItem, digest_of_item, publishable
from schemas.codec import ENTRY_BODY_BYTES_MAX, Malformed, encode
from schemas.divisions import Tier, is_village_office, tier_of_office
from schemas.names import OPERATION_BYTES, OfficeId, OfficerId, parent_seat, seat_of
from schemas.refusals import Refused
from schemas.register import (
    REGISTER,
    AbsenceStated,
    EditionPublished,
    GrantEnded,
    GrantMade,
    ItemPublished,
    MoveConfirmed,
    MoveProposed,
    OfficePublished,
    OpeningPublished,
    PostAssigned,
    Published,
    SlotsPublished,
    decode_record,
    encode_record,
    may_write,
)
from schemas.register_fold import Register
from sync.core.journal import Draft

THE_NODE: Final = OfficerId("")
"""Author of what a node publishes by itself."""

_COMMON: Final = Published.__struct_fields__.index("officer") + 1
"""Fields that say who wrote an entry, and not what it says; they stand first."""

_PLACE: Final = re.compile(r"`\$\[(\d+)\]")
"""Where msgspec found fault with a body."""

_FIELDS: Final = {
    "document": "文号",
    "grantees": "承接单位",
    "grantor": "原权力机关",
    "items": "事项编码",
    "leader": "领导",
    "name": "名称",
    "number": "文号",
    "person": "人员",
    "person_name": "姓名",
    "post": "岗位编号",
    "reason": "事由",
    "rules": "时间规则",
}
"""What officials call the fields that they fill in themselves."""


class PublishEdition(Struct, frozen=True, tag="edition"):
    """Publish an edition of the catalogue. Its document and approver stand in it."""

    operation: bytes
    officer: OfficerId
    edition: Edition


class PublishNames(Struct, frozen=True, tag="names"):
    """Publish what offices are called; those that are called so already are passed over."""

    operation: bytes
    names: dict[OfficeId, str]


class PublishRecords(Struct, frozen=True, tag="records"):
    """Publish anything else: (kind, body) of each entry."""

    entries: list[tuple[str, bytes]]


Publication: TypeAlias = PublishEdition | PublishNames | PublishRecords | Oversee


def records_of(*events: Published) -> PublishRecords:
    """These entries, which share one operation, as something to publish."""
    return PublishRecords([(event.kind, encode_record(event)) for event in events])


class Publishing:
    """Writes into the register of this node's offices. Every verb raises `Refused` with nothing written."""

    def __init__(
        self,
        pen: Pen,
        casebook: CaseInterpreter,
        seat: OfficeId,
        is_office: Callable[[OfficeId], bool],
        today: Callable[[], date],
        accounts: Accounts,
    ) -> None:
        """`is_office`: whether the county has this office."""
        self._pen = pen
        self._casebook = casebook
        self._seat = seat
        self._is_office = is_office
        self._today = today
        self._check_officer = accounts.check_officer
        self._check_leader = accounts.check_leader
        self._overseeing = Overseeing(
            pen,
            casebook,
            seat,
            is_office,
            today,
            lambda: casebook.register.calendar(load_calendar()),
            accounts,
        )

    async def publish(self, publication: Publication) -> int:
        """Do what is asked. Returns how many entries were written; 0: everything is published already.

        Raises `PublicationRefused`: for an edition that lacks a point of disclosure, of a version that was published
        with another content, that takes effect before the last one, or that is too large; for what is another office's
        to say; for a grant that cannot be. And what `check_officer` and `check_leader` raise.
        """
        if isinstance(publication, Oversee):
            return await self._overseeing.write(publication)
        draft = await self._judge(publication)

        async def drafting() -> Sequence[Draft]:
            done = await self._casebook.find_operation(_operation_of(publication))
            if done is None:
                return self._drafts(draft)
            if done.subject != NO_CASE:
                raise OperationReused
            return []

        return len(await self._pen.record(drafting))

    async def check(self, publication: Publication) -> None:
        """Raise what `publish` would, and write nothing."""
        if isinstance(publication, Oversee):
            await self._overseeing.check(publication)
            return
        self._drafts(await self._judge(publication))

    def _drafts(self, draft: Callable[[Register], list[Published]]) -> list[Draft]:
        register = self._casebook.register
        revised = [structs.replace(event, revision=register.next_revision(event)) for event in draft(register)]
        return [Draft(event.kind, None, _body(event)) for event in revised]

    async def _judge(
        self, publication: PublishEdition | PublishNames | PublishRecords
    ) -> Callable[[Register], list[Published]]:
        """What to write, once the register is known inside the transaction."""
        if len(_operation_of(publication)) != OPERATION_BYTES:
            raise Refused(
                "operation_malformed",
                "表单编号不完整；请刷新页面后重新填写。",
                "The form's own number is not complete; reload the page and fill it in again.",
            )
        match publication:
            case PublishEdition():
                return await self._judge_edition(publication)
            case PublishNames():
                return self._judge_names(publication)
            case PublishRecords():
                events = [_read(kind, body) for kind, body in publication.entries]
                for event in events:
                    await self._check_record(event)
                return lambda register: [event for event in events if _is_new(register, event)]

    async def _judge_edition(self, asked: PublishEdition) -> Callable[[Register], list[Published]]:
        edition, author = asked.edition, (asked.operation, self._seat, asked.officer)
        self._check_county()
        await self._check_officer(asked.officer)
        await self._check_leader(OfficerId(edition.approver))
        _check_disclosed(edition)

        def draft(register: Register) -> list[Published]:
            if _is_published(register, edition):
                return []
            listed = EditionPublished(
                *author,
                edition.version,
                edition.effective_from,
                edition.document,
                OfficerId(edition.approver),
                edition.is_sample,
                tuple((code, _digest_of(register, item)) for code, item in sorted(edition.items.items())),
            )
            return [*_items_to_publish(register, edition, author), listed]

        return draft

    def _judge_names(self, asked: PublishNames) -> Callable[[Register], list[Published]]:
        self._check_county()
        today = self._today()
        names = sorted(asked.names.items())

        def named(register: Register, office: OfficeId, name: str) -> OfficePublished:
            known = register.find_office(office, today)
            rest = (known.department, known.address) if known is not None else ()
            return OfficePublished(asked.operation, self._seat, THE_NODE, office, name, *rest, valid_from=today)

        return lambda register: [
            named(register, office, name)
            for office, name in names
            if register.name_of(office, today) != name and register.find_ended(office, today) is None
        ]

    def _check_county(self) -> None:
        if tier_of_office(self._seat) is not Tier.COUNTY:
            raise PublicationRefused(
                "county_publishes",
                "目录、日历、授权和单位名称由县中心统一发布，本机没有发布；请报县中心办理。",
                "The catalogue, the calendar, grants and names of offices are the county's to publish; nothing was "
                "written. Ask the county.",
            )

    async def _check_record(self, event: Published) -> None:
        if isinstance(event, ItemPublished | EditionPublished):
            raise _unacceptable()
        if event.about is None:
            self._check_county()
        if seat_of(event.office) != self._seat or not may_write(self._seat, event):
            raise PublicationRefused(
                "not_ours_to_publish",
                "该事项属于其他单位，本机没有发布；请由该单位或其上级发布。",
                "This is another office's to say; nothing was written. That office, or one above it, may publish it.",
            )
        if event.officer != THE_NODE:
            await self._check_officer(event.officer)
        check_texts(event)
        if isinstance(event, GrantMade):
            self._check_grant(event)
        elif isinstance(event, OpeningPublished) and not self._is_office(event.site):
            raise unknown_office(event.site)
        elif isinstance(event, PostAssigned | AbsenceStated | SlotsPublished):
            await self._check_staffing(event)
        elif isinstance(event, MoveProposed):
            self._check_move(event)
        elif isinstance(event, MoveConfirmed):
            self._check_confirmation(event)

    def _check_grant(self, grant: GrantMade) -> None:
        for office in grant.grantees:
            if not self._is_office(office):
                raise unknown_office(office)
            if tier_of_office(office) is Tier.VILLAGE:
                raise PublicationRefused(
                    "grant_to_village",
                    f"{office} 是村，村不得作出审批决定，没有写入；授权对象应为乡镇或县级部门。",
                    f"{office} is a village, which never decides; nothing was written. Grant to a township or a "
                    "department.",
                )
        if grant.effective_until is not None and grant.effective_until < grant.effective_from:
            raise PublicationRefused(
                "grant_dates",
                "授权的截止日期早于生效日期，没有写入；请核对文件上的起止日期。",
                "The grant would end before it begins; nothing was written. Check both dates against the document.",
            )
        self._check_items(grant.items)

    async def _check_staffing(self, event: PostAssigned | AbsenceStated | SlotsPublished) -> None:
        """Our own people must have an account; those of an office below are that office's to know."""
        if not isinstance(event, AbsenceStated) and not self._is_office(event.at):
            raise unknown_office(event.at)
        check_staffing(event)
        if isinstance(event, PostAssigned):
            self._check_items(event.items)
        for person in _people_of(event):
            if seat_of(office_of(person)) == self._seat:
                await self._check_officer(person)

    def _check_move(self, move: MoveProposed) -> None:
        for office in (move.old, move.new):
            if not self._is_office(office):
                raise unknown_office(office)
        ended = self._casebook.register.find_ended(move.new, move.effective_from)
        is_downward = is_village_office(move.new) and not is_village_office(move.old)
        if ended is not None or is_downward or move.old in (move.new, self._seat):
            raise PublicationRefused(
                "move_impossible",
                f"{move.old} 不能撤并到 {move.new}：接续单位须是另一个仍在办公的单位，乡镇和部门不能并入村，"
                "县中心不能撤并，没有写入；请核对两个代码。",
                f"{move.old} cannot become part of {move.new}: that must be another office which is still at work, no "
                "village takes over from a township or department, and the county itself does not move. Nothing was "
                "written; check both codes.",
            )

    def _check_confirmation(self, said: MoveConfirmed) -> None:
        moves = (move for move in self._casebook.register.moves() if move.operation == said.proposal)
        if not any(said.side in (move.old, move.new) for move in moves):
            raise PublicationRefused(
                "move_unknown",
                "没有这项撤并划转，或它已被新的方案代替，没有写入；请用 moves list 核对。",
                "There is no such move, or another proposal has taken its place; nothing was written. See moves list.",
            )
        if parent_seat(self._seat) is None and seat_of(said.side) != self._seat:
            raise PublicationRefused(
                "not_ours_to_confirm",
                "撤并划转由所涉单位或其乡镇确认，县中心不能代为确认，没有写入；对方未确认的，执行时写明理由和批准人。",
                "A move is confirmed by the offices concerned or their township, never by the county for them; nothing "
                "was written. Without a silent one, carry it out with a reason and an approver.",
            )

    def _check_items(self, codes: Sequence[str]) -> None:
        editions = self._casebook.register.editions()
        unknown = [code for code in codes if not any(code in edition.items for edition in editions)]
        if editions and unknown:
            raise PublicationRefused(
                "grant_items",
                f"已发布的目录中没有事项 {'、'.join(unknown[:5])}，没有写入；请核对事项编码。",
                f"No published edition has the items {', '.join(unknown[:5])}; nothing was written. Check the codes.",
            )


class PublicationRefused(Refused):
    """What may not be published so."""


def _people_of(event: PostAssigned | AbsenceStated | SlotsPublished) -> tuple[OfficerId, ...]:
    match event:
        case PostAssigned():
            return (event.person,)
        case AbsenceStated():
            return event.person, event.deputy
        case SlotsPublished():
            return (event.leader,)


def _is_new(register: Register, event: Published) -> bool:
    """Whether an entry would change anything. Raises `PublicationRefused` for what must not be said otherwise."""
    if isinstance(event, GrantMade):
        known = register.find(GrantMade, event.number)
        if known is not None and not _says_the_same(known, event):
            raise PublicationRefused(
                "grant_exists",
                f"文号 {event.number} 的授权已经发布，内容不同，没有写入；如需变更，请先终止原授权，再以新文号发布。",
                f"Grant {event.number} is published with another content; nothing was written. End it, and publish the "
                "change under a number of its own.",
            )
        return known is None
    if isinstance(event, GrantEnded):
        grant = register.find_grant(event.number)
        if grant is None:
            raise PublicationRefused(
                "grant_unknown",
                f"没有文号为 {event.number} 的授权，没有写入；请用 hub grants list 核对。",
                f"There is no grant {event.number}; nothing was written. See hub grants list.",
            )
        return grant.effective_until is None or event.effective_from <= grant.effective_until
    known = register.present(type(event), event.key, event.first_day or date.min)
    return known is None or not _says_the_same(known, event)


def _says_the_same(one: Published, other: Published) -> bool:
    return _said(one) == _said(other)


def _said(event: Published) -> tuple[object, ...]:
    return structs.astuple(structs.replace(event, revision=0))[_COMMON:]


def _is_published(register: Register, edition: Edition) -> bool:
    """Whether this very edition is published. Raises `PublicationRefused` when another one stands in its way."""
    known = register.find(EditionPublished, edition.version)
    if known is not None:
        listed = {code: register.find_item(digest) for code, digest in known.items}
        said = (known.effective_from, known.document, known.is_sample, listed)
        if said == (edition.effective_from, edition.document, edition.is_sample, edition.items):
            return True
        raise PublicationRefused(
            "edition_exists",
            f"版本 {edition.version} 的目录已经发布，内容不同，没有写入；已发布的目录不得改动，请换版本号另行发布。",
            f"Edition {edition.version} is published with another content; nothing was written. What is published "
            "stays as it is: publish the change as another version.",
        )
    last = max((listed.effective_from for listed in register.listed()), default=date.min)
    if edition.effective_from < last:
        raise PublicationRefused(
            "edition_backdated",
            f"生效日期早于已发布目录的生效日期 {last}，没有写入；请将生效日期改为 {last} 或以后。",
            f"It would take effect before {last}, when the last edition does; nothing was written. Choose {last} or a "
            "later day.",
        )
    return False


def _check_disclosed(edition: Edition) -> None:
    faults = publishable(edition)
    if faults:
        first = faults[0]
        raise PublicationRefused(
            "edition_undisclosed",
            f"目录缺 {len(faults)} 处七公开内容，没有发布；首处：{first.item} {first.zh}。请补齐后重新发布。",
            f"{len(faults)} points of disclosure are missing, the first at {first.item}: {first.en}; nothing was "
            "written. Complete them and publish again.",
        )


def _known_digest(register: Register, item: ServiceItem) -> bytes | None:
    """The digest under which this very item is published. By value: another version's bytes may differ."""
    for listed in reversed(register.listed()):
        digest = dict(listed.items).get(item.code)
        if digest is not None and register.find_item(digest) == item:
            return digest
    return None


def _digest_of(register: Register, item: ServiceItem) -> bytes:
    return _known_digest(register, item) or digest_of_item(item)


def _items_to_publish(
    register: Register, edition: Edition, author: tuple[bytes, OfficeId, OfficerId]
) -> list[Published]:
    """The items of an edition that are not published yet."""
    return [
        ItemPublished(*author, msgspec.Raw(encode(item)))
        for _, item in sorted(edition.items.items())
        if register.find_item(_digest_of(register, item)) is None
    ]


def _body(event: Published) -> bytes:
    """The body's bytes. Raises `Refused` for what no other node would read back, or for a year out of all reason."""
    body = encode_record(event)
    if any(isinstance(one, date) and not FIRST_YEAR <= one.year <= LAST_YEAR for one in structs.astuple(event)):
        raise PublicationRefused(
            "record_year",
            f"日期应在 {FIRST_YEAR} 至 {LAST_YEAR} 年之间，没有写入；请核对年份。",
            f"A day must be between {FIRST_YEAR} and {LAST_YEAR}; nothing was written. Check the year.",
        )
    try:
        if len(body) > ENTRY_BODY_BYTES_MAX:
            raise Malformed("too_large", f"an entry's body has at most {ENTRY_BODY_BYTES_MAX} bytes; send less at once")
        decode_record(event.kind, body)
    except Malformed as malformed:
        raise _unacceptable(event.kind, malformed) from malformed
    return body


def _operation_of(publication: PublishEdition | PublishNames | PublishRecords) -> bytes:
    if isinstance(publication, PublishRecords):
        return _read(*publication.entries[0]).operation if publication.entries else b""
    return publication.operation


def _read(kind: str, body: bytes) -> Published:
    try:
        return decode_record(kind, body)
    except Malformed as malformed:
        raise _unacceptable(kind, malformed) from malformed
    except KeyError as unknown:
        raise _unacceptable() from unknown


def _unacceptable(kind: str = "", malformed: Malformed | None = None) -> PublicationRefused:
    # What cannot be read says at which place of the body it stumbled.
    place = _PLACE.search(str(malformed.__cause__)) if malformed is not None else None
    if place is not None:
        field = REGISTER[kind].__struct_fields__[int(place[1])]
        return PublicationRefused(
            "record_unacceptable",
            f"“{_FIELDS.get(field, field)}”一栏为空、过长或写法有误，没有写入；请改正后重试。",
            f"The field {field} is empty, too long or not written as it must be; nothing was written. Correct it and "
            "try again.",
        )
    return PublicationRefused(
        "record_unacceptable",
        "有一栏为空、过长或写法有误，或内容过多（目录至多 1000 项，每项至多 31 KB），没有写入；请改正后重试。",
        "A field is empty, too long or not written as it must be, or there is too much (an edition has at most 1,000 "
        "items of 31 KB each); nothing was written. Correct it and try again.",
    )


def unknown_office(office: OfficeId) -> Refused:
    """The refusal of a code that is no office of the county's."""
    return Refused(
        "unknown_office",
        f"本县没有单位 {office}，没有写入；请核对代码，或先导入单位表。",
        f"The county has no office {office}; nothing was written. Check the code, or import the list of offices first.",
    )
