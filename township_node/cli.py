"""The township's own verbs: `township-node sheet`, to enrol a village's device when the county cannot be reached."""

from office.cli import Verbs, add_sheet


def add_verbs(verbs: Verbs) -> None:
    """Mount `sheet` on the township's command line."""
    summary = verbs.say(
        "为一个村打印注册单；立即可用，县中心随后确认",
        "print an enrolment sheet for a village; it works at once, the county confirms it later",
    )
    add_sheet(verbs, verbs.add_bare("sheet", summary, "sheet 510824100205 --replace"))
