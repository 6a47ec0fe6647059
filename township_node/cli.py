"""The township's own verbs: `openings`, `moves`, `orders`, `scores`, `devices`, and `sheet` for a village's device."""

from office.cli import Verbs, add_sheet
from office.cli_devices import add_devices
from office.cli_moves import add_moves
from office.cli_oversight import add_oversight
from office.cli_register import add_openings


def add_verbs(verbs: Verbs) -> None:
    """Mount `sheet`, `devices`, `openings`, `moves`, `orders` and `scores` on the township's command line."""
    summary = verbs.say(
        "为一个村打印注册单；立即可用，县中心随后确认",
        "print an enrolment sheet for a village; it works at once, the county confirms it later",
    )
    add_sheet(verbs, verbs.add_bare("sheet", summary, "sheet 510824100205 --replace"))
    add_devices(verbs, confirms=False)
    add_openings(verbs)
    add_moves(verbs)
    add_oversight(verbs)
