"""Who answers for what at an office on one day, and what that lets a person do.

A post has a holder (A 角), and may have a deputy (B 角). While the holder is away, whoever the absence names stands in,
else the deputy; where nobody holds the post any more, the deputy alone. To stand in is to have the holder's position
that day and nothing more: it is never passed on again, and whoever is away stands in for nobody. An office without any
post works as its accounts say.
Pure: reads the register, knows no account and no clock. Never decides about a case (`schemas.casework.roles`). Next:
`office.people`, which asks for the day.
"""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Final

from msgspec import Struct

from schemas.casework.roles import Role
from schemas.names import OfficeId, OfficerId
from schemas.register import Position, PostAssigned
from schemas.register_fold import Register

ROLES_OF_POSITION: Final[Mapping[Position, Role]] = {Position.LEADER: Role.LEADER, Position.AGENT: Role.AGENT}
"""A position by which somebody has a role as long as it lasts, whatever the account says. The others say who answers
for which items."""

PASSED_ON: Final = frozenset({Role.AGENT, Role.CLERK, Role.APPROVER, Role.LEADER})
"""Roles that a deputy has in the holder's place: supervision and the running of a node are nobody's to lend."""

_HOLDING: Final = (Position.PRIMARY, Position.LEADER, Position.AGENT, Position.LIAISON)
"""Who holds a post, if several positions were ever stated for it: the first that is held."""

_ANSWERING: Final = frozenset({Position.PRIMARY, Position.AGENT, Position.LIAISON})
"""A leader's post answers for no item: a leader signs."""


class Responsible(Struct, frozen=True):
    """Who answers for an item."""

    person: OfficerId
    name: str
    stands_in_for: str = ""
    """Name of the holder in whose place; empty for the holder."""


class Unanswered(Struct, frozen=True):
    """Nobody answers for an item: it is everybody's at that office."""

    post: str = ""
    """What the post is called whose people are all away; empty when no post looks after the item."""
    holder: str = ""
    """Who holds it."""


class Principal(Struct, frozen=True):
    """In whose place somebody is today."""

    person: OfficerId
    name: str
    is_gone: bool
    """The post has no holder any more; this was the last one."""
    position: Position | None
    """Of the post; None for a deputy whom the absence names."""


class Post(Struct, frozen=True):
    """One post on one day."""

    holder: PostAssigned | None
    deputy: PostAssigned | None
    last: PostAssigned | None
    """Who held it last, while nobody does."""

    @property
    def lead(self) -> PostAssigned | None:
        """Whose statement says what the post looks after."""
        return self.holder or self.deputy


class Staff:
    """The people of one office on one day."""

    def __init__(self, register: Register, at: OfficeId, day: date) -> None:
        self.day = day
        self._register = register
        self._present = register.posts_at(at, day)
        # A first appointment that has not begun changes nothing yet.
        self._terms = [term for term in register.terms_at(at) if term.effective_from <= day]
        self._absences = register.absences_at(at, day)
        self._posts = {post: self._post(post) for post in dict.fromkeys(term.post for term in self._terms)}

    def _post(self, name: str) -> Post:
        terms = [term for term in self._terms if term.post == name]
        present = {post.position: post for post in self._present if post.post == name}
        stated = [one for one in _HOLDING if any(term.position is one for term in terms)]
        if Position.PRIMARY in stated:
            # The deputy of a post that somebody holds never becomes a leader's.
            stated = [one for one in stated if one is not Position.LEADER]
        holder = next((present[one] for one in stated if one in present), None)
        last = None
        if holder is None and stated:
            last = next(term for term in reversed(terms) if term.position is stated[0])
        return Post(holder, present.get(Position.DEPUTY), last)

    @property
    def has_posts(self) -> bool:
        """Whether anything is stated about this office's posts that counts today."""
        return bool(self._present)

    @property
    def is_deserted(self) -> bool:
        """Whether there are posts, and nobody is at any of them today."""
        return self.has_posts and all(self.who_is_at(post) is None for post in self._posts.values())

    # --- who answers -------------------------------------------------------------------------------------------------

    def answers_for(self, item: str) -> Responsible | Unanswered:
        """Who answers for an item: of a post that names it before those of posts for every item."""
        posts = [(post.lead, post) for post in self._posts.values() if post.lead is not None and _covers(post, item)]
        ordered = [post for _, post in sorted(posts, key=lambda one: (not one[0].items, one[0].post))]
        found = next((who for post in ordered if (who := self.who_is_at(post)) is not None), None)
        if found is not None:
            return found
        lead = ordered[0].lead if ordered else None
        return Unanswered(lead.name, lead.person_name) if lead is not None else Unanswered()

    def who_is_at(self, post: Post) -> Responsible | None:
        """Who is at a post today; None when everybody is away."""
        holder, deputy = post.holder, post.deputy
        if holder is not None:
            if not self.is_away(holder.person):
                return Responsible(holder.person, holder.person_name)
            stated = self._stated_deputy(holder.person)
            if stated is not None:
                return Responsible(stated, self.name_of(stated), holder.person_name)
        if deputy is None or self.is_away(deputy.person):
            return None
        before = holder or post.last
        return Responsible(deputy.person, deputy.person_name, before.person_name if before is not None else "")

    def stand_in_of(self, person: OfficerId) -> Responsible | None:
        """Who is there for somebody today: they themselves, or who stands in; None when nobody is."""
        if not self.is_away(person):
            return Responsible(person, self.name_of(person))
        stated = self._stated_deputy(person)
        if stated is not None:
            return Responsible(stated, self.name_of(stated), self.name_of(person))
        held = [post for post in self._posts.values() if post.holder is not None and post.holder.person == person]
        return next((who for post in held if (who := self.who_is_at(post)) is not None), None)

    def is_away(self, person: OfficerId) -> bool:
        """Whether somebody is stated to be away today."""
        return self._register.deputy_of(person, self.day) is not None

    def name_of(self, person: OfficerId) -> str:
        """What somebody is called, as any post of theirs has it; else their login."""
        named = (term.person_name for term in reversed(self._terms) if term.person == person)
        return next(named, person.rpartition("/")[2])

    def _stated_deputy(self, person: OfficerId) -> OfficerId | None:
        deputy = self._register.deputy_of(person, self.day)
        return deputy if deputy is not None and not self.is_away(deputy) else None

    # --- what it lets a person do ------------------------------------------------------------------------------------

    def stands_in_for(self, person: OfficerId) -> tuple[Principal, ...]:
        """In whose place somebody is today."""
        if self.is_away(person):
            return ()
        found = {
            absence.person: Principal(absence.person, self.name_of(absence.person), is_gone=False, position=None)
            for absence in self._absences
            if absence.deputy == person
        }
        for post in self._posts.values():
            before = post.holder or post.last
            if post.deputy is None or post.deputy.person != person or before is None or before.person == person:
                continue
            who = self.who_is_at(post)
            if who is not None and who.person == person and before.person not in found:
                found[before.person] = Principal(
                    before.person, before.person_name, is_gone=post.holder is None, position=before.position
                )
        return tuple(found.values())

    def roles_on(
        self, person: OfficerId, own_roles: Collection[Role], accounts: Mapping[OfficerId, Collection[Role]]
    ) -> frozenset[Role]:
        """What somebody is today. `own_roles`: by the account; `accounts`: of those in whose place they are.

        A village agent whose term is over keeps the role until somebody else holds the post: what lies with them is
        handed on and over, but nothing new is taken in (`ended_term`).
        """
        roles = self._own(person, own_roles)
        for principal in self.stands_in_for(person):
            brought = ROLES_OF_POSITION.get(principal.position) if principal.position is not None else None
            if brought is not None:
                roles.add(brought)
            if not principal.is_gone:
                roles |= self._own(principal.person, accounts.get(principal.person, ())) & PASSED_ON
        return frozenset(roles)

    def ended_term(self, person: OfficerId) -> PostAssigned | None:
        """The last term of somebody whose appointment as village agent is over; None while they may take matters in."""
        terms = [term for term in self._terms if term.person == person and term.position is Position.AGENT]
        if not terms or self._holds(person, Position.AGENT) or any(map(self._is_agent, self.stands_in_for(person))):
            return None
        return max(terms, key=lambda term: term.effective_from)

    def _is_agent(self, principal: Principal) -> bool:
        return (
            principal.position is Position.AGENT if principal.is_gone else self._holds(principal.person, Position.AGENT)
        )

    def _own(self, person: OfficerId, account_roles: Collection[Role]) -> set[Role]:
        """The account's roles, those of a term only while it lasts."""
        roles = set(account_roles)
        for position, role in ROLES_OF_POSITION.items():
            terms = [term for term in self._terms if term.person == person and term.position is position]
            if self._holds(person, position):
                roles.add(role)
            elif terms and (position is not Position.AGENT or any(self._is_taken(term) for term in terms)):
                roles.discard(role)
        return roles

    def _holds(self, person: OfficerId, position: Position) -> bool:
        return any(post.person == person and post.position is position for post in self._present)

    def _is_taken(self, term: PostAssigned) -> bool:
        """Whether somebody holds today the post that this term was for."""
        return any(post.post == term.post and post.position is term.position for post in self._present)


def _covers(post: Post, item: str) -> bool:
    lead, before = post.lead, post.holder or post.last
    if lead is None or (before is not None and before.position not in _ANSWERING):
        return False
    return not lead.items or item in lead.items
