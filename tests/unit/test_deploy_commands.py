"""The verbs of `python3 -m deploy`: words, environment and options mean the same, nonsense is refused."""

import subprocess
import sys

import pytest

from deploy.commands import HELP, MODULES, Usage, run, translate
from deploy.environment import ROOT, explain, lock_digest, ready


@pytest.mark.parametrize(
    ("verb", "words", "environment", "options"),
    [
        ("demo", ["CHECK=1"], {}, ["--check"]),
        ("demo", [], {"CHECK": "1"}, ["--check"]),
        ("demo", ["CHECK=0"], {"CHECK": "1"}, []),
        ("simulate", ["SEEDS=1000"], {}, ["--seeds", "1000"]),
        ("simulate", ["SEED=42", "--verbose"], {}, ["--seed", "42", "--verbose"]),
        ("simulate", ["SEED=42"], {"SEED": "7"}, ["--seed", "42"]),
        ("bench", ["BENCH=ingest"], {}, ["ingest"]),
        ("bench", ["wire"], {"BENCH": ""}, ["wire"]),
        ("nightly", ["DRILL=thin_line", "SEEDS=20"], {}, ["thin_line", "--seeds", "20"]),
        ("county-year", ["SHARE=0.01"], {}, ["--share", "0.01"]),
        ("test", ["QUICK=1"], {}, ["--quick"]),
        ("test", ["tests/unit", "-k", "merkle", "--maxfail=1"], {}, ["tests/unit", "-k", "merkle", "--maxfail=1"]),
        ("wheelhouse", [], {"SEED": "42"}, []),
    ],
)
def test_words_environment_and_options_mean_the_same(
    verb: str, words: list[str], environment: dict[str, str], options: list[str]
) -> None:
    assert translate(verb, words, environment) == options


def test_a_word_that_a_verb_does_not_know_is_refused() -> None:
    with pytest.raises(Usage, match="demo does not know SEEDS="):
        translate("demo", ["SEEDS=3"], {})


@pytest.mark.parametrize("arguments", [["tests"], ["setup", "now"], ["demo", "SEEDS=3"]])
def test_nonsense_is_refused_with_the_list_of_verbs(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert "usage: python3 -m deploy VERB" in capsys.readouterr().err


def test_every_verb_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert capsys.readouterr().out == HELP
    for verb in (*MODULES, "test", "lint", "setup", "lock", "clean"):
        assert f"\n  {verb} " in HELP


def test_make_help_names_the_same_verbs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for verb in (*MODULES, "test", "lint", "setup", "lock", "clean"):
        assert f"\n{verb}: ## " in makefile


def test_help_needs_no_environment_and_no_site_packages() -> None:
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import deploy.__main__",
    ]
    assert subprocess.run(command, check=False, cwd="/").returncode == 0


def test_a_finished_set_up_is_recognised_without_a_network() -> None:
    assert len(lock_digest()) == 64
    assert isinstance(ready(), bool)


def test_a_failed_set_up_names_the_cure() -> None:
    assert "PIP_INDEX_URL" in explain(["venv: ERROR: No matching distribution found for aiosqlite"])
    assert "python3-venv" in explain(["venv: ensurepip is not available"])
