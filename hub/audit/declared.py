"""What a county declares of single items for its audit, as the settings write it.

Group services, matters that recur by nature, and pairs of duties that one officer may not both do: the rules leave
alone, or ask about, what is named here and nothing else. A word that is none is refused, so that a slip of the pen
never means "nothing declared". Next: `hub.audit.limits` (thresholds and defaults), `hub.audit.judgements_officers`.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from hub.audit.limits import make_limits
from hub.audit.rule import Limits
from office.settings import Settings
from schemas.casework.events import EVENTS
from schemas.casework.steps import Step
from schemas.refusals import Refused
from schemas.register import ItemCode

NONE: Final = "none"
"""In the place of items: not even those of the defaults."""

DUTIES: Final = frozenset(EVENTS) | {f"step.{step.value}" for step in Step}
"""What an officer can have done in a case, as `audit_pairs` names it."""


def limits_of(settings: Settings) -> Limits:
    """Thresholds and declarations of a county. Raises `Refused` for what is neither."""
    repeated = settings.audit_repeated_items.strip()
    return make_limits(
        settings.audit,
        batch_items=parse_items("audit_batch_items", settings.audit_batch_items),
        repeated_items=parse_items("audit_repeated_items", repeated) if repeated else None,
        incompatible=parse_pairs(settings.audit_pairs) or None,
    )


def parse_items(setting: str, text: str) -> frozenset[str]:
    """Codes of items: «NY02, WJ02», or «none». Raises `Refused` `audit_items_malformed`."""
    codes = frozenset(_parts(text))
    if codes == {NONE}:
        return frozenset()
    for code in sorted(codes):
        if not _is_code(code):
            raise Refused(
                "audit_items_malformed",
                f"设置 {setting} 中的“{code}”不是事项编码；请写成 NY02, WJ02 的样子，没有则写 none。",
                f"In the setting {setting}, {code!r} is no code of an item; write them as NY02, WJ02, or none.",
            )
    return codes


def parse_pairs(text: str) -> Mapping[str, tuple[tuple[str, str], ...]]:
    """Item → pairs: «RS05=custody.accepted+case.decided, LY01=step.survey+case.decided», an item as often as it has
    pairs. Raises `Refused` `audit_pairs_malformed`.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for part in _parts(text):
        item, _, duties = (word.strip() for word in part.partition("="))
        one, _, other = (word.strip() for word in duties.partition("+"))
        if not _is_code(item) or not {one, other} <= DUTIES or one == other:
            raise Refused(
                "audit_pairs_malformed",
                f"设置 audit_pairs 中的“{part}”不是不相容岗位；请写成 RS05=custody.accepted+case.decided 的样子。",
                f"In the setting audit_pairs, {part!r} is no pair of duties; write RS05=custody.accepted+case.decided.",
            )
        found.setdefault(item, []).append((one, other))
    return {item: tuple(dict.fromkeys(pairs)) for item, pairs in sorted(found.items())}


def _parts(text: str) -> Iterator[str]:
    return (stripped for part in text.split(",") if (stripped := part.strip()))


def _is_code(text: str) -> bool:
    try:
        msgspec.convert(text, ItemCode)
    except msgspec.ValidationError:
        return False
    return True
