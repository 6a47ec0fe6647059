"""The catalogue as a node holds it: its editions, and which one judges which act (RULINGS B8).

Materials are judged by the edition under which a case was filed, competence and terms by the one in force at the act.
A wrong clock refuses nobody: outside every edition's dates the nearest edition is used. What the county has published
judges from its first day on; the files of this node, the sample among them, only until then.
Never reads a file (`office.node` does) and never changes an edition. Next: `schemas.catalogue`.
"""

import hashlib
from collections.abc import Callable, Sequence

from msgspec import structs

from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import day_of
from schemas.casework.events import CaseConverted, CaseDecided, CaseFiled, CustodyAccepted, TermExtended
from schemas.catalogue import Edition, ServiceItem, find_edition_in_force
from schemas.names import Instant


class Catalogue:
    """The editions that this node knows, at least one."""

    def __init__(
        self,
        editions: Sequence[Edition],
        known: Sequence[Edition] = (),
        published: Callable[[], Sequence[Edition]] = tuple,
        not_before: Callable[[], Instant] = lambda: Instant(0),
    ) -> None:
        """`known`: editions that are never in force here, yet may be what an old case was filed under. `published`:
        those of the register, in the order in which they come into force; asked anew each time. `not_before`: what time
        it is at least, however far back this device's clock has fallen (`Books.beacon_at`).

        Raises ValueError without an edition: a node always ships with one.
        """
        if not editions:
            raise ValueError("a catalogue needs at least one edition")
        self._editions = sorted(editions, key=lambda edition: (edition.effective_from, edition.version))
        self._kept = [*known, *self._editions]
        self._published = published
        self._not_before = not_before

    def in_force(self, now: Instant) -> Edition:
        """The edition that judges acts of today; the first or last one when the clock lies outside them all."""
        return self._edition_at(max(now, self._not_before()))

    def _edition_at(self, at: Instant) -> Edition:
        day = day_of(at)
        published = self._published()
        last = next((edition for edition in reversed(published) if edition.effective_from <= day), None)
        found = last or find_edition_in_force(self._editions, day)
        if found is not None:
            return found
        nearest = published or self._editions
        return nearest[0] if day < nearest[0].effective_from else nearest[-1]

    def find_item(self, case: CaseFile | None, act: str, code: str, now: Instant) -> ServiceItem | None:
        """The item that judges `act`, or None when no edition here has it.

        A filing and a decision are judged by the edition in force now, what changes a term by that of the terms, all
        else by the case's own; an acceptance by the present one for who is competent, by its own for the materials. An
        item that the present edition no longer has takes no new case; open ones end by their own.
        """
        present = self.in_force(now).find_item(code)
        if case is None or case.filing is None or act == CaseFiled.kind:
            return present
        if act in (TermExtended.kind, CaseConverted.kind):
            return self.terms_of(case)
        edition = self._edition(case.filing.edition)
        own = edition.find_item(code) if edition is not None else None
        if act == CaseDecided.kind:
            return present or own
        if act == CustodyAccepted.kind and present is not None and own is not None:
            return structs.replace(present, materials=own.materials)
        return own or present

    def item_of(self, case: CaseFile) -> ServiceItem | None:
        """The item of a case as it was when filed, else as any edition has it."""
        if case.filing is None:
            return None
        for edition in (self._edition(case.filing.edition), *reversed(self._known)):
            if edition is not None and case.filing.item in edition.items:
                return edition.items[case.filing.item]
        return None

    def terms_of(self, case: CaseFile) -> ServiceItem | None:
        """The item whose terms a case has: as in force when it was accepted, before that when it was filed."""
        if case.filing is None:
            return None
        return self.edition_of_terms(case).find_item(case.filing.item) or self.item_of(case)

    def edition_of_terms(self, case: CaseFile) -> Edition:
        """The edition under which the terms of a case stand."""
        at = case.accepted_at if case.accepted_at is not None else case.filed_at
        return self._edition_at(at or Instant(0))

    def find_named(self, code: str, now: Instant) -> ServiceItem | None:
        """The item for its name in a list: as in force now, else of the newest edition that knows the code."""
        later_first = (self.in_force(now), *reversed(self._known))
        return next((edition.items[code] for edition in later_first if code in edition.items), None)

    @property
    def published(self) -> Sequence[Edition]:
        """The county's own editions; the same object as long as nothing was published."""
        return self._published()

    @property
    def digest(self) -> bytes:
        """SHA-256 over every edition here: what a case's terms may be read from."""
        return hashlib.sha256(b"".join(edition.digest for edition in self._known)).digest()

    @property
    def _known(self) -> list[Edition]:
        """Every edition that a case may have been filed under."""
        return [*self._kept, *self._published()]

    def _edition(self, version: str) -> Edition | None:
        return next((edition for edition in reversed(self._known) if edition.version == version), None)
