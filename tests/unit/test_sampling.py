"""The fair draw: sizes, tickets, reviewers and bounds, by the figures of the audit's sources and by brute force."""

from collections import Counter
from fractions import Fraction
from itertools import combinations
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.audit.sampling import (
    Listed,
    Risk,
    TooFewReviewers,
    assign,
    draw,
    draw_all,
    estimate,
    files_to_draw,
    list_root,
    risk_of,
    seed_of,
    shared_out,
    ticket_of,
)
from office.seeds import load_catalogue
from schemas.names import CaseId, OfficeId, OfficerId
from schemas.oversight import NONCE_BYTES
from schemas.sample_fold import SECRET_BYTES, commitment, is_committed

TOWNS = [OfficeId(f"5108241{number:02d}") for number in range(3)]
SECRET = bytes(range(SECRET_BYTES))
FRAME = bytes(32)


def case(number: int) -> CaseId:
    return CaseId(number.to_bytes(16, "big"))


@pytest.mark.parametrize(("population", "files"), [(200, 51), (1_000, 57), (10_000, 59)])
def test_sizes_are_those_of_the_sources(population: int, files: int) -> None:
    assert files_to_draw(population) == files
    assert 27 <= files_to_draw(population, bad_percent=10) <= 29


@given(st.integers(1, 400), st.integers(1, 50))
def test_a_size_is_the_smallest_that_suffices(population: int, bad_percent: int) -> None:
    files = files_to_draw(population, bad_percent=bad_percent)
    bad = population * bad_percent // 100

    def seen(count: int) -> Fraction:
        return 1 - Fraction(comb(population - bad, count), comb(population, count))

    if bad == 0:
        assert files == population
    else:
        assert seen(files) >= Fraction(95, 100)
        assert seen(files - 1) < Fraction(95, 100)


def test_thirty_files_see_one_bad_of_twenty_with_79_of_a_hundred() -> None:
    assert round(float(1 - Fraction(comb(1900, 30), comb(2000, 30))), 2) == 0.79


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(TOWNS), st.sampled_from([risk.value for risk in Risk])), st.integers(0, 90)
    ),
    st.dictionaries(st.sampled_from(TOWNS), st.integers(0, 70)),
)
def test_every_township_is_drawn_from_and_no_class_is_left_out(
    populations: dict[tuple[OfficeId, str], int], wanted: dict[OfficeId, int]
) -> None:
    strata = shared_out(populations, wanted)
    assert {(one.township, one.risk): one.population for one in strata} == {
        key: count for key, count in populations.items() if count
    }
    for one in strata:
        assert 1 <= one.files <= one.population
    for town in TOWNS:
        mine = [one for one in strata if one.township == town]
        total = sum(one.population for one in mine)
        if mine:
            assert sum(one.files for one in mine) == min(total, max(wanted.get(town, 30), len(mine)))


def test_money_and_rights_are_drawn_from_apart() -> None:
    items = load_catalogue().items.values()
    assert {risk_of(item) for item in items} == set(Risk)
    assert {item.power for item in items if risk_of(item) is Risk.HIGH} <= {"01", "05", "08"}
    assert risk_of(None) is Risk.HIGH


def test_a_secret_that_was_not_committed_to_is_found_out() -> None:
    assert is_committed(SECRET, commitment(SECRET))
    assert not is_committed(bytes(SECRET_BYTES), commitment(SECRET))
    assert not is_committed(SECRET + b"\0", commitment(SECRET + b"\0"))


def test_every_nonce_and_the_frame_change_the_seed_and_silence_does_not_stop_it() -> None:
    nonces = {town: bytes([number]) * NONCE_BYTES for number, town in enumerate(TOWNS, start=1)}
    seed = seed_of(SECRET, nonces, TOWNS, FRAME)
    assert seed == seed_of(SECRET, dict(reversed(nonces.items())), reversed(TOWNS), FRAME)
    others = {
        seed_of(SECRET, nonces | {TOWNS[0]: bytes(NONCE_BYTES)}, TOWNS, FRAME),
        seed_of(SECRET, {TOWNS[1]: nonces[TOWNS[1]]}, TOWNS, FRAME),
        seed_of(SECRET[::-1], nonces, TOWNS, FRAME),
        seed_of(SECRET, nonces, TOWNS, b"\1" * 32),
        seed_of(SECRET, nonces, TOWNS[:2], FRAME),
    }
    assert len(others) == 5
    assert seed not in others
    # A nonce of somebody who is no township of the frame is none.
    assert seed_of(SECRET, nonces | {OfficeId("510824199"): b"x" * NONCE_BYTES}, TOWNS, FRAME) == seed


@given(st.sets(st.integers(0, 10_000), max_size=60), st.integers(0, 10_001), st.integers(0, 20))
def test_a_case_that_surfaces_late_reshuffles_nobody(numbers: set[int], late: int, files: int) -> None:
    before = draw(FRAME, map(case, numbers), files)
    after = draw(FRAME, map(case, numbers | {late}), files)
    assert [one for one in after if one != case(late)] == before[
        : len(after) - (case(late) in after)
    ] or late in numbers
    assert before == sorted(before, key=lambda one: ticket_of(FRAME, one))


def test_every_case_has_the_same_chance() -> None:
    cases = [case(number) for number in range(10)]
    drawn = Counter(one for number in range(3000) for one in draw(number.to_bytes(32, "big"), cases, 3))
    assert all(abs(drawn[one] - 900) < 120 for one in cases), drawn


def test_the_list_of_the_frame_binds_every_case_to_its_stratum() -> None:
    listed = [Listed(TOWNS[number % 3], Risk.HIGH.value, case(number)) for number in range(20)]
    root = list_root(listed)
    assert root == list_root(reversed(listed))
    assert root != list_root(listed[1:])
    assert root != list_root([*listed[1:], Listed(TOWNS[0], Risk.ORDINARY.value, case(0))])
    strata = shared_out({(town, Risk.HIGH.value): 7 for town in TOWNS}, dict.fromkeys(TOWNS, 2))
    drawn = draw_all(FRAME, strata, listed)
    assert {key: len(cases) for key, cases in drawn.items()} == {(town, "high"): 2 for town in TOWNS}
    assert all({one.township for one in listed if one.case in cases} == {town} for (town, _), cases in drawn.items())


def test_reviewers_are_drawn_evenly_and_nobody_reviews_their_own_work() -> None:
    reviewers = [OfficerId(f"510824/{letter}") for letter in "abcde"]
    cases = [case(number) for number in range(50)]
    parties = {one: {reviewers[number % 5]} for number, one in enumerate(cases)}
    assigned = assign(FRAME, cases, reviewers, parties)
    assert assigned == assign(FRAME, reversed(cases), set(reviewers), parties)
    load = Counter(officer for one in assigned for officer in (one.first, one.second))
    assert max(load.values()) - min(load.values()) <= 2
    for one in assigned:
        assert one.first != one.second
        assert not parties[one.case] & {one.first, one.second}
    assert assign(bytes([1]) * 32, cases, reviewers, parties) != assigned
    with pytest.raises(TooFewReviewers):
        assign(FRAME, cases, reviewers[:2], parties)
    (alone,) = assign(FRAME, cases[2:3], reviewers[:2], parties)
    assert {alone.first, alone.second} == set(reviewers[:2])


@given(st.integers(1, 9).flatmap(lambda total: st.tuples(st.just(total), st.integers(1, total))), st.data())
def test_bounds_are_exact(sizes: tuple[int, int], data: st.DataObject) -> None:
    population, files = sizes
    bad = data.draw(st.integers(0, files))
    found = estimate(population, files, bad)
    assert bad <= found.low <= found.high <= population - (files - bad)

    def share(total: int, numbers: range) -> Fraction:
        draws = [sum(one < total for one in drawn) for drawn in combinations(range(population), files)]
        return Fraction(sum(one in numbers for one in draws), len(draws))

    for total in range(bad, population - (files - bad) + 1):
        at_most, at_least = share(total, range(bad + 1)), share(total, range(bad, files + 1))
        assert (total <= found.high) == (at_most > Fraction(5, 100)) or total == bad
        assert (total >= found.low) == (at_least > Fraction(5, 100)) or total == population - (files - bad)


def test_sixty_clean_files_of_a_thousand_leave_at_most_47_bad_ones() -> None:
    clean = estimate(1000, 60, 0)
    assert (clean.low, clean.high, clean.bad_permille) == (0, 47, 0)
    assert estimate(1000, 60, 3).bad_permille == 50
    with pytest.raises(ValueError, match="among"):
        estimate(10, 5, 6)
