"""The fair draw: which files are looked through, so that nobody, the county included, can steer it (双随机、一公开).

The county journals a frame: which cases there are, in which strata, how many will be drawn, the hash of a secret. Each
township answers with a nonce. Then the secret is revealed, and everybody computes the same draw from what stands in the
journals: tickets are hashes, the smallest are drawn. A frame whose secret is never revealed, or does not fit, shows.
Pure: draws no chance of its own, reads no clock. Sources: AUDIT 4.1; Rivest, «Consistent sampling» (arXiv 1808.10016);
ISSAI 1530 (sample sizes). Next: `schemas.oversight` (the entries), `schemas.sample_fold` (how a sample
stands), `hub.audit.frames` (from the store).
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from math import comb
from typing import Final

from msgspec import Struct

from schemas.catalogue import ServiceItem
from schemas.codec import encode
from schemas.names import CaseId, OfficeId, OfficerId
from schemas.oversight import NONCE_BYTES, Stratum
from sync.core.merkle import root_of

NO_NONCE: Final = bytes(NONCE_BYTES)
"""Stands for the nonce of an office that gave none before the deadline: silence changes nothing and stops nothing."""

FILES_DEFAULT: Final = 30
"""For a township and quarter: one of 20 files being bad, it is seen with 79 % (AUDIT 4.1)."""
FILES_AFTER_RED: Final = 60
"""For a township with a confirmed red finding in the quarter before: 95 %."""

CONFIDENCE_PERCENT: Final = 95


class Risk(StrEnum):
    """Item classes that are drawn from apart."""

    HIGH = "high"
    """Money or a right is given: licences, payments, awards (GB/T 39046 A.1: 01, 05, 08)."""
    ORDINARY = "ordinary"


_HIGH: Final = frozenset({"01", "05", "08"})


def risk_of(item: ServiceItem | None) -> Risk:
    """The class of an item; one that is not known is looked at like money."""
    return Risk.HIGH if item is None or item.power in _HIGH else Risk.ORDINARY


class Listed(Struct, frozen=True, array_like=True, order=True):
    """One case of the frame."""

    township: OfficeId
    risk: str
    case: CaseId


def files_to_draw(population: int, *, bad_percent: int = 5, confidence_percent: int = CONFIDENCE_PERCENT) -> int:
    """How many of a population must be drawn to see at least one bad file, if so many of a hundred are bad.

    Discovery sampling, hypergeometric and exact: 51 of 200, 57 of 1,000, 59 of 10,000 at 5 % and 95 % (AUDIT 4.1).
    """
    bad = population * bad_percent // 100
    if bad == 0:
        return population
    low, high = 1, population
    while low < high:
        middle = (low + high) // 2
        # 1 - C(N - bad, n) / C(N, n) ≥ confidence, in whole numbers.
        misses, all_draws = comb(population - bad, middle), comb(population, middle)
        if misses * 100 <= (100 - confidence_percent) * all_draws:
            high = middle
        else:
            low = middle + 1
    return low


def shared_out(populations: Mapping[tuple[OfficeId, str], int], wanted: Mapping[OfficeId, int]) -> list[Stratum]:
    """The strata of a frame: each township's files are divided by the number of its cases in each class.

    At least one of every class that has a case; the larger remainder gets the file that is left over.
    """
    strata: list[Stratum] = []
    for township in sorted({office for office, _ in populations}):
        classes = sorted((risk, count) for (office, risk), count in populations.items() if office == township and count)
        total = sum(count for _, count in classes)
        files = min(total, max(wanted.get(township, FILES_DEFAULT), len(classes)))
        given = {risk: max(1, files * count // total) for risk, count in classes}
        by_remainder = sorted(classes, key=lambda one: (-(files * one[1] % total), one[0]))
        for risk, count in by_remainder * 2:
            if sum(given.values()) < files and given[risk] < count:
                given[risk] += 1
        strata += [Stratum(township, risk, count, min(given[risk], count)) for risk, count in classes]
    return strata


def list_root(listed: Iterable[Listed]) -> bytes:
    """What the frame holds of its list: the RFC 6962 root over the sorted cases, so that each place is provable."""
    return root_of([encode(one) for one in sorted(listed)])


def seed_of(secret: bytes, nonces: Mapping[OfficeId, bytes], townships: Iterable[OfficeId], frame: bytes) -> bytes:
    """SHA-256 over the secret, every township's nonce in the order of codes, and the hash of the frame's entry."""
    given = [(office, nonces.get(office, NO_NONCE)) for office in sorted(set(townships))]
    return hashlib.sha256(b"tongban sample 1\n" + encode((secret, given, frame))).digest()


def ticket_of(seed: bytes, case: CaseId) -> bytes:
    """A case's ticket. It depends on no other case: one that is found later has its own, and moves nobody's."""
    return hashlib.sha256(seed + b"," + case).digest()


def draw(seed: bytes, cases: Iterable[CaseId], files: int) -> list[CaseId]:
    """The `files` cases with the smallest tickets, smallest first."""
    return sorted(cases, key=lambda case: (ticket_of(seed, case), case))[: max(0, files)]


def draw_all(
    seed: bytes, strata: Sequence[Stratum], listed: Iterable[Listed]
) -> dict[tuple[OfficeId, str], list[CaseId]]:
    """The draw of every stratum."""
    members: dict[tuple[OfficeId, str], list[CaseId]] = {}
    for one in listed:
        members.setdefault((one.township, one.risk), []).append(one.case)
    return {
        (stratum.township, stratum.risk): draw(seed, members.get((stratum.township, stratum.risk), ()), stratum.files)
        for stratum in strata
    }


class Assignment(Struct, frozen=True):
    """Who looks through a file, and who does so again without seeing what the first one found."""

    case: CaseId
    first: OfficerId
    second: OfficerId


class TooFewReviewers(Exception):
    """A case for which there are not two reviewers who had nothing to do with it."""

    def __init__(self, case: CaseId) -> None:
        super().__init__("too few reviewers without a part in the case")
        self.case = case


def assign(
    seed: bytes, cases: Iterable[CaseId], reviewers: Collection[OfficerId], parties: Mapping[CaseId, Collection[str]]
) -> list[Assignment]:
    """Two reviewers for each case, by the same seed, none of whom had a part in it; their loads differ as little as
    that allows.

    `parties`: officers who wrote something in a case. Raises `TooFewReviewers`.
    """
    load = dict.fromkeys(sorted(reviewers), 0)
    assigned: list[Assignment] = []
    for case in sorted(cases, key=lambda one: (ticket_of(seed, one), one)):
        free = [one for one in load if one not in parties.get(case, ())]
        if len(free) < 2:
            raise TooFewReviewers(case)
        ranked = sorted(free, key=lambda one, of=case: (load[one], _lot(seed, of, one)))
        for one in ranked[:2]:
            load[one] += 1
        assigned.append(Assignment(case, *ranked[:2]))
    return assigned


def _lot(seed: bytes, case: CaseId, reviewer: OfficerId) -> bytes:
    return hashlib.sha256(seed + b",reviewer," + case + reviewer.encode()).digest()


# --- what it says ----------------------------------------------------------------------------------------------------


class Estimate(Struct, frozen=True):
    """What the files that were looked through say of all of a stratum, in cases."""

    population: int
    files: int
    bad: int
    low: int
    high: int
    """With 95 % confidence there are at most so many bad files, and with 95 % at least `low`."""

    @property
    def bad_permille(self) -> int:
        """Of the files looked through; 0 without any."""
        return round(1000 * self.bad / self.files) if self.files else 0


def estimate(population: int, files: int, bad: int, *, confidence_percent: int = CONFIDENCE_PERCENT) -> Estimate:
    """Exact one-sided bounds for draws without replacement (hypergeometric)."""
    if not 0 <= bad <= files <= population:
        raise ValueError("bad files are among those drawn, and those among all")
    doubt = comb(population, files) * (100 - confidence_percent)
    low, high = bad, population - (files - bad)
    # Fewer bad ones make as many found less likely: both bounds are where that share falls to the doubt that is left.
    while low < high:
        middle = (low + high) // 2
        if 100 * _draws(population, middle, files, range(bad, files + 1)) > doubt:
            high = middle
        else:
            low = middle + 1
    least, high = low, population - (files - bad)
    while low < high:
        middle = (low + high + 1) // 2
        if 100 * _draws(population, middle, files, range(bad + 1)) > doubt:
            low = middle
        else:
            high = middle - 1
    return Estimate(population, files, bad, least, high)


def _draws(population: int, total: int, files: int, found: Iterable[int]) -> int:
    """In how many draws of `files` one of these numbers of the `total` bad ones is found."""
    return sum(comb(total, one) * comb(population - total, files - one) for one in found)
