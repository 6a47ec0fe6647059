"""`tongban-verify FILE --root DIGEST`: checks a proof file of either kind.

Exit status 0: proved; 1: refused; 2: could not be read.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sync.proof.accusing import check_claim
from sync.proof.believing import Refused
from sync.proof.checking import check
from sync.proof.claim_file import CLAIM_BYTES_MAX, CLAIM_MAGIC
from sync.proof.claim_words import claim_verdict
from sync.proof.words import refusal, verdict

PROVED, REFUSED, UNREADABLE = 0, 1, 2


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="tongban-verify",
        description="核验通办证明文件 / Check a Tongban proof file against the county root's digest.",
    )
    parser.add_argument("file", type=Path, help="证明文件 / the proof file")
    parser.add_argument(
        "--root", required=True, help="县根摘要，64 位十六进制 / the county root's digest, 64 hex digits"
    )
    parser.add_argument("--en", action="store_true", help="用英文说明 / answer in English")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    asked = make_parser().parse_args(arguments)
    try:
        with asked.file.open("rb") as file:
            data = file.read(CLAIM_BYTES_MAX + 1)
    except OSError as error:
        print(f"{asked.file}: {error.strerror}", file=sys.stderr)
        return UNREADABLE
    try:
        lines, status = _verdict(data, asked.root, english=asked.en), PROVED
    except Refused as refused:
        lines, status = refusal(refused, english=asked.en), REFUSED
    print("\n".join(lines))
    return status


def _verdict(data: bytes, root: str, *, english: bool) -> list[str]:
    """What a file of either kind proves, in words. Raises `Refused`."""
    if data.startswith(CLAIM_MAGIC):
        return claim_verdict(check_claim(data, root), english=english)
    return verdict(check(data, root), english=english)


if __name__ == "__main__":
    sys.exit(main())
