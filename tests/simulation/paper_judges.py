"""The judges of papers: what must be true of every shelf when the county has come to rest.

They read shelves and case files, recompute digests, and know the policy as it was agreed, not as the product has it.
Each judge's docstring says what it does NOT check. None ever changes anything. Next: `checkers`, `papers`.
"""

import hashlib
from collections.abc import Iterator

from schemas.casework.casefile import CaseFile
from schemas.names import CaseId, OfficeId, seat_of, within
from schemas.papers import PaperRef
from tests.simulation.devices import COUNTY, Device
from tests.simulation.papers import PaperTraffic, may_read
from tests.simulation.world import World


def judge_papers(world: World, traffic: PaperTraffic) -> list[str]:
    """Everything about papers that must be true at rest."""
    if not traffic.rate:
        return []
    found = [f"papers_are_what_they_are_called: {problem}" for problem in _are_what_they_are_called(world, traffic)]
    found += [f"papers_are_where_they_must_be: {problem}" for problem in _are_where_they_must_be(world)]
    return found + [f"papers_are_nowhere_else: {problem}" for problem in _are_nowhere_else(world, traffic)]


def _are_what_they_are_called(world: World, traffic: PaperTraffic) -> Iterator[str]:
    """Whatever lies whole on a shelf is the paper of its name, and a part is the beginning of one."""
    for device in world.survivors():
        for digest, content in device.shelf.whole.items():
            if hashlib.sha256(content).digest() != digest:
                yield f"{device.name} holds something else as {digest.hex()[:6]}"
        for digest, content in device.shelf.parts.items():
            if len(content) >= len(traffic.made[digest]):
                yield f"{device.name} holds all of {digest.hex()[:6]} and does not know it"


def _named(case: CaseFile) -> list[tuple[PaperRef, OfficeId]]:
    filed = [(paper, case.filing.office) for paper in case.filing.papers] if case.filing is not None else []
    brought = [(paper, one.office) for one in case.contributions for paper in one.papers]
    counted = {paper.digest for paper in case.papers}
    first: dict[bytes, tuple[PaperRef, OfficeId]] = {}
    for paper, office in (*filed, *brought):
        if paper.digest in counted:
            first.setdefault(paper.digest, (paper, office))
    return list(first.values())


def _are_where_they_must_be(world: World) -> Iterator[str]:
    """A township has every paper of its cases, the county those of cases that it held, as far as anybody on the way
    from who brought it still has them.

    Does not check what a village gets back of its own, nor how soon anything comes; nor an office whose right stands in
    an entry of which the last copy anywhere is its own, and went bad.
    """
    for device in world.survivors():
        for case in device.disk.cases.files.values():
            if _has_last_rotten(world, device, case.case):
                continue
            if len(device.office) == 12 or (device.office == COUNTY and COUNTY not in map(seat_of, case.holders)):
                continue
            for paper, origin in _named(case):
                for digest in (paper.digest, paper.thumbnail):
                    if digest is None or digest in device.shelf.whole:
                        continue
                    holder = next((d for d in _way(world, device, origin) if digest in d.shelf.whole), None)
                    if holder is not None and may_read(case, device):
                        yield f"{device.name} has not {digest.hex()[:6]} of {case.case.hex()[:6]}, {holder.name} has"


def _has_last_rotten(world: World, device: Device, subject: CaseId) -> bool:
    others = [other for other in world.survivors() if other is not device]
    keys = device.disk.tables.subjects.get(subject, ())
    return any((device.name, key) in world.rotten and not any(o.holds(key) for o in others) for key in keys)


def _way(world: World, device: Device, origin: OfficeId) -> Iterator[Device]:
    """The machines from here to who brought the paper; of what was brought here itself, the one above."""
    seats = [seat for seat in world.seats if _is_between(seat, device.office, seat_of(origin))]
    if seat_of(origin) == device.office:
        above = world.above(device)
        seats = [above.office] if above is not None else []
    for seat in seats:
        if seat != device.office and not world.seats[seat].wrecked:
            yield world.seats[seat]


def _is_between(seat: OfficeId, here: OfficeId, there: OfficeId) -> bool:
    return within(here, seat) != within(there, seat) or (
        seat
        == max((s for s in (here[:6], here[:9]) if within(here, OfficeId(s)) and within(there, OfficeId(s))), key=len)
    )


def _are_nowhere_else(world: World, traffic: PaperTraffic) -> Iterator[str]:
    """No shelf has a paper to which the office has no right now and had none when it asked for it, and none was asked
    for without. It has one to papers of cases that it reads; the county to those of cases that it held or holds, and
    to what somebody wants to see.

    Whoever declines a case keeps what it had asked for before, like the case's entries. Does not check papers that no
    surviving case names.
    """
    for name, digest in sorted(traffic.meddled):
        yield f"{name} asked for {digest.hex()[:6]}, of which it may not know"
    files = [case for device in world.survivors() for case in device.disk.cases.files.values()]
    named = {digest for case in files for paper in case.papers for digest in (paper.digest, paper.thumbnail)}
    for device in world.survivors():
        for digest in device.shelf.whole.keys() & named - traffic.rightful.get(device.name, set()):
            if not traffic.has_right(device, digest):
                yield f"{device.name} has {digest.hex()[:6]} of a case that it may not read, or for which nobody asked"
