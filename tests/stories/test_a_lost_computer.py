"""A village computer is stolen with work on it, and replaced the next day: nothing that had been received is lost."""

from pathlib import Path

from tests.stories.lost_device import tell


async def test_lost_on_day_three_and_replaced_on_day_four(tmp_path: Path) -> None:
    lines: list[str] = []
    await tell(tmp_path, lines.append)
    story = "\n".join(lines)
    for words in ("电脑在集市上被盗", "devices replace", "历史与办件已补回，共 2 件", "revoked_device", "0 处不符"):
        assert words in story
