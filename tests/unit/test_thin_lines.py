"""What a thin line does to packets, without a packet: rates, losses, outages, and the same fate for the same seed."""

import pytest

from tests.support.thin_lines import PROFILES, Bucket, Course, Flaps, Profile

PACKET = 1500
CLEAR = Profile("clear", 64_000, 0.6, queue_bytes=10**9)


def test_a_bucket_lets_its_burst_through_and_then_keeps_the_rate() -> None:
    bucket = Bucket(8_000, burst_bytes=2_000)  # 1,000 bytes a second.
    assert bucket.leave(10.0, 1_000) == 10.0
    assert bucket.leave(10.0, 1_000) == 10.0
    assert bucket.leave(10.0, 1_000) == 11.0
    assert bucket.backlog(10.0) == pytest.approx(1_000)
    assert bucket.leave(10.5, 500) == 11.5
    assert bucket.backlog(11.5) == 0
    # Idle for long: the burst is there again, and no more than that.
    assert bucket.leave(100.0, 3_000) == 101.0


def test_packets_come_at_the_rate_and_after_half_the_round_trip() -> None:
    course = Course(CLEAR, seed=1)
    arrivals = [arrival for _ in range(41) for arrival in course.take(0.0, PACKET)]
    assert arrivals[0] == pytest.approx(0.3)
    # 40 packets of 1,500 bytes behind the first: 7.5 s at 64 kbit/s.
    assert arrivals[-1] == pytest.approx(7.5 + 0.3, abs=0.2)
    assert arrivals == sorted(arrivals)


def test_what_does_not_fit_the_queue_is_thrown_away() -> None:
    course = Course(Profile("full", 64_000, 0.0, queue_bytes=10 * PACKET), seed=1)
    for _ in range(50):
        course.take(0.0, PACKET)
    assert 9 <= course.counts.carried <= 12
    assert course.counts.carried + course.counts.overflowed == course.counts.offered == 50
    # Later there is room again.
    assert course.take(60.0, PACKET)


def test_losses_are_as_many_as_said_and_the_same_for_the_same_seed() -> None:
    lossy = Profile("lossy", 10**9, 0.0, loss=0.05, duplicates=0.02)
    fates = [[len(course.take(number / 100, 100)) for number in range(10_000)] for course in _twins(lossy)]
    assert fates[0] == fates[1]
    assert 400 < fates[0].count(0) < 600
    assert 120 < fates[0].count(2) < 280


def _twins(profile: Profile) -> list[Course]:
    return [Course(profile, seed=7), Course(profile, seed=7)]


def test_an_outage_swallows_packets_and_shifts_nobodys_fate() -> None:
    steady, flapping = Course(CLEAR, seed=3), Course(PROFILES["thin"], seed=3)
    assert flapping.take(8.0, PACKET) == []
    assert flapping.take(11.9, PACKET) == []
    assert flapping.counts.cut == 2
    assert steady.counts.cut == 0
    assert any(flapping.take(12.0 + number, PACKET) for number in range(7))


def test_what_the_line_took_before_an_outage_still_arrives() -> None:
    course = Course(PROFILES["thin"], seed=1)
    assert sum(bool(course.take(7.9, PACKET)) for _ in range(10)) >= 8
    assert course.take(8.1, PACKET) == []
    assert course.counts.cut_bytes == PACKET


@pytest.mark.parametrize(
    ("start_s", "end_s", "down_s"),
    [(0, 8, 0), (0, 12, 4), (7, 13, 4), (9, 11, 2), (10, 10, 0), (9, 21, 4), (0, 120, 40)],
)
def test_the_time_with_the_line_down_is_counted_to_the_second(start_s: float, end_s: float, down_s: float) -> None:
    flaps = Flaps(12.0, 4.0)
    assert flaps.down_between(start_s, end_s) == pytest.approx(down_s)
    steps = [start_s + (end_s - start_s) * (number + 0.5) / 1000 for number in range(1000)]
    share = sum(flaps.is_down(at_s) for at_s in steps) / 1000
    assert share * (end_s - start_s) == pytest.approx(down_s, abs=0.5)


def test_a_line_without_outages_is_never_down() -> None:
    assert not Flaps().is_down(0)
    assert Flaps().down_between(0, 1e6) == 0
