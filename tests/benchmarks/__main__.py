"""Runs one: `python -m tests.benchmarks ingest|wire|agent|casework|bundle|audit|reverify [--quick]`. JSON is last."""

import importlib
import sys

BENCHMARKS = ("ingest", "wire", "agent", "casework", "bundle", "audit", "reverify")


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in BENCHMARKS:
        print(f"say which benchmark: {' | '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    # Loaded only now: each needs other libraries, and the agent's figures are about what is loaded.
    benchmark = importlib.import_module(f"tests.benchmarks.{arguments[0]}")
    return benchmark.main(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
