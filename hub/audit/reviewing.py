"""The files of a sample as its reviewers see them, and what they come to by stratum.

Who looks through which file follows from the same seed as the draw; nobody gets a file that they had a part in, and
nobody sees what the other reviewer found before both are in. Results of random files alone estimate the whole; files
that surfaced later are told apart. Next: `hub.audit.review_form`, `hub.audit.sampling`, `hub.cli_samples`.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import select

from hub.audit import review_form
from hub.audit.database import AuditDatabase
from hub.audit.frames import FrameRefused, get_draw, get_seed, surfaced
from hub.audit.sampling import Assignment, Estimate, TooFewReviewers, assign, estimate
from hub.audit.tables import audit_cases
from office.node import Node
from schemas.casework.roles import Role
from schemas.names import CaseId, OfficerId
from schemas.oversight import FileReviewed
from schemas.sample_fold import SampleFile

KEYS_PER_QUERY_MAX: Final = 400
"""Values in one IN list: SQLite before 3.32 takes 999 parameters in a statement."""

SETTLING: Final = 3
"""The round in which a leader settles what two reviewers see differently."""


class FileState(StrEnum):
    """How far the review of one file has come."""

    WAITING = "waiting"
    """One of the two reviews, or both, are still to come."""
    DIFFER = "differ"
    """Both are in and differ: a leader settles it."""
    SETTLED = "settled"


class DrawnFile(Struct, frozen=True):
    """One file that is looked through."""

    case: CaseId
    stratum: tuple[str, str] | None
    """(township, class of items); None: it surfaced after the frame."""
    first: OfficerId
    second: OfficerId
    reviews: Mapping[int, FileReviewed]

    @property
    def state(self) -> FileState:
        """How far it has come."""
        if SETTLING in self.reviews:
            return FileState.SETTLED
        if not {1, 2} <= self.reviews.keys():
            return FileState.WAITING
        outcome = review_form.compared(self.reviews[1].faults, self.reviews[2].faults)
        return FileState.DIFFER if outcome is review_form.Outcome.DIFFER else FileState.SETTLED

    @property
    def points(self) -> int | None:
        """Of a settled file."""
        if self.state is not FileState.SETTLED:
            return None
        if SETTLING in self.reviews:
            return review_form.points_of(self.reviews[SETTLING].faults)
        return review_form.settled_points(self.reviews[1].faults, self.reviews[2].faults)

    def round_of(self, officer: OfficerId) -> int | None:
        """The round in which somebody is to look through it now; None when it is not theirs, or done."""
        for number, reviewer in ((1, self.first), (2, self.second)):
            if officer == reviewer:
                return None if number in self.reviews else number
        return SETTLING if self.state is FileState.DIFFER else None

    def is_seen_by(self, officer: OfficerId) -> bool:
        """Whether somebody may see what others found: nobody who has yet to look for themselves."""
        return {1, 2} <= self.reviews.keys() or any(one.officer == officer for one in self.reviews.values())


class StratumResult(Struct, frozen=True):
    """What the files of one stratum say of it."""

    township: str
    risk: str
    population: int
    drawn: int
    settled: int
    found: Estimate | None
    """None until every drawn file is settled: a part of a sample estimates nothing."""


class Results(Struct, frozen=True):
    """What a sample comes to."""

    strata: tuple[StratumResult, ...]
    surfaced: int
    surfaced_bad: int
    """Of those that came to light after the frame and are settled."""

    @property
    def bad_permille(self) -> int | None:
        """The whole county's share of bad files, each stratum weighted by its cases; None until all are settled."""
        if not self.strata or any(one.found is None for one in self.strata):
            return None
        total = sum(one.population for one in self.strata)
        shares = (one.population * one.found.bad / one.found.files for one in self.strata if one.found is not None)
        return round(1000 * sum(shares) / total)


async def list_files(node: Node, audit: AuditDatabase, sample: SampleFile) -> list[DrawnFile]:
    """Every file that is looked through in a sample, with its two reviewers.

    Raises what `get_draw` does, and `FrameRefused` `too_few_reviewers`.
    """
    drawn = await get_draw(audit, sample)
    strata: dict[CaseId, tuple[str, str] | None] = {case: key for key, cases in drawn.items() for case in cases}
    strata |= dict.fromkeys(await surfaced(node, audit, sample))
    officers = await node.accounts.list_officers()
    reviewers = [one.officer for one in officers if Role.SUPERVISOR in one.roles and one.active]
    parties = await _parties(audit, list(strata))
    try:
        assigned = assign(get_seed(sample), strata, reviewers, parties)
    except TooFewReviewers as error:
        raise FrameRefused(
            "too_few_reviewers",
            "与某一卷无关的评查员不足两名，无法分卷；请增加有督查角色的人员后再试。",
            "For some file there are not two reviewers who had no part in it; give more people the supervisor's role.",
        ) from error
    return [_file(one, strata[one.case], sample) for one in assigned]


async def _parties(audit: AuditDatabase, cases: Sequence[CaseId]) -> dict[CaseId, frozenset[str]]:
    """Who wrote something in each of these cases."""
    found: dict[CaseId, frozenset[str]] = {}
    async with audit.read.connect() as connection:
        for start in range(0, len(cases), KEYS_PER_QUERY_MAX):
            some = cases[start : start + KEYS_PER_QUERY_MAX]
            query = select(audit_cases.c.subject, audit_cases.c.officers).where(audit_cases.c.subject.in_(some))
            for subject, names in (await connection.execute(query)).all():
                found[CaseId(subject)] = frozenset(msgspec.json.decode(names, type=list[str]))
    return found


def _file(assigned: Assignment, stratum: tuple[str, str] | None, sample: SampleFile) -> DrawnFile:
    reviews = sample.reviews.get(assigned.case, {})
    first = reviews[1].officer if 1 in reviews else assigned.first
    second = reviews[2].officer if 2 in reviews else assigned.second
    return DrawnFile(assigned.case, stratum, first, second, reviews)


def results_of(sample: SampleFile, files: Sequence[DrawnFile]) -> Results:
    """What the files come to, stratum by stratum."""
    strata: list[StratumResult] = []
    for stratum in sample.framed.strata:
        mine = [one for one in files if one.stratum == (stratum.township, stratum.risk)]
        points = [one.points for one in mine if one.points is not None]
        bad = sum(one < review_form.PASS_POINTS for one in points)
        is_whole = len(points) == stratum.files
        found = estimate(stratum.population, len(points), bad) if is_whole else None
        strata.append(
            StratumResult(stratum.township, stratum.risk, stratum.population, stratum.files, len(points), found)
        )
    late = [one.points for one in files if one.stratum is None]
    bad_late = sum(1 for one in late if one is not None and one < review_form.PASS_POINTS)
    return Results(tuple(strata), len(late), bad_late)
