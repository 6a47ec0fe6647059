"""The hub's command line in this very process, for one county: what it prints, and the code with which it refuses."""

from pathlib import Path

import pytest

import hub.__main__ as hub
from office.cli import main


class County:
    """A county's folder and its command line."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._capsys = capsys

    def run(self, *words: str | Path) -> tuple[int, str, str]:
        """One command: status, standard output, standard error."""
        self._capsys.readouterr()
        status = main(hub.APPLICATION, [*map(str, words), "--home", str(self.home)])
        told = self._capsys.readouterr()
        return status, told.out, told.err

    def says(self, *words: str | Path) -> str:
        """What a command that succeeds prints."""
        status, out, err = self.run(*words)
        assert (status, err) == (0, "")
        return out

    def refuses(self, *words: str | Path) -> str:
        """The code with which a command is refused."""
        status, _, err = self.run(*words)
        assert status == 1
        return err.split(":")[0]
