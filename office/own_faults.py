"""How an exception of our own making is told in a log: its type and where it arose, never what it says.

A message may quote what a resident wrote, a parameter or an address. Next: `office.web.errors`, `office.serving`.
"""

import traceback
from pathlib import Path
from typing import Final

FRAMES_MAX: Final = 8


def place_of(error: BaseException) -> str:
    """The type of an exception and the last places in our own code that it came through, innermost first."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    last = reversed(frames[-FRAMES_MAX:])
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in last)
    return f"{type(error).__name__} at {places}"
