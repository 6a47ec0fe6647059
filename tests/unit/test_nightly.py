"""The nightly's lines: one for each drill, whatever it does; a child's figures; the table as such."""

import json
import subprocess
import sys

import pytest

from tests.nightly.drills import ROOT, Drill, Failed, Figures, carry_out, hand_back, programs
from tests.nightly.registry import DRILLS


def counts() -> Figures:
    return {"cuts": 20}


def fails() -> Figures:
    raise Failed("3 are lost", {"lost": 3})


def breaks() -> Figures:
    raise ValueError("no such thing")


def test_a_drill_that_runs_hands_its_figures_over() -> None:
    line = carry_out(Drill("power", counts))
    assert {name: line[name] for name in ("drill", "ran", "passed", "figures")} == {
        "drill": "power",
        "ran": True,
        "passed": True,
        "figures": {"cuts": 20},
    }


def test_a_drill_that_fails_says_why_and_still_what_it_counted() -> None:
    line = carry_out(Drill("power", fails))
    assert (line["ran"], line["passed"], line["why"], line["figures"]) == (True, False, "3 are lost", {"lost": 3})


def test_a_drill_that_breaks_is_a_drill_that_failed() -> None:
    line = carry_out(Drill("power", breaks))
    assert (line["ran"], line["passed"]) == (True, False)
    assert line["why"].startswith("ValueError: no such thing at test_nightly.py:")


def test_a_drill_that_cannot_run_says_why_and_is_not_tried() -> None:
    line = carry_out(Drill("power", breaks, (programs("a-program-that-nobody-has"),)))
    assert line == {"drill": "power", "ran": False, "why": "programs are missing: a-program-that-nobody-has"}


def test_a_need_that_cannot_be_looked_for_is_not_met() -> None:
    def broken() -> str:
        raise OSError("no such device")

    line = carry_out(Drill("power", breaks, (broken,)))
    assert line["ran"] is False
    assert "OSError: no such device" in line["why"]


def test_a_childs_last_line_is_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert hand_back(counts) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"cuts": 20}
    assert hand_back(fails) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"lost": 3, "failed": "3 are lost"}


def test_every_drill_has_a_name_of_its_own() -> None:
    names = [drill.name for drill in DRILLS]
    assert len(set(names)) == len(names) > 10


def test_the_program_knows_its_drills_and_refuses_others() -> None:
    command = [sys.executable, "-m", "tests.nightly", "no_such_drill"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "power_cut" in done.stderr
