"""Everything that is planted, round by round."""

from tests.simulation import frauds_in_people, frauds_in_time, frauds_in_work
from tests.simulation.dishonest import PlantedYear


def plant_all(year: PlantedYear, rounds: int = 1, *, with_recording: bool = False) -> None:
    """Plant each rule's frauds and their twins so many times, with other parameters each time; before `enrol`.

    `with_recording`: also 300 cases of some villages, of which one then files too little.
    """
    if with_recording:
        frauds_in_people.plant_under_recording(year)
    for _ in range(rounds):
        for plant in (*frauds_in_time.ALL, *frauds_in_work.ALL, *frauds_in_people.ALL):
            plant(year)
