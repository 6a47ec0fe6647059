"""The village agent as on a village computer: the program itself, without the libraries that its lock does not bring.

`python -m tests.benchmarks.agent_process run --home FOLDER`. A developer's environment holds the hub's libraries too;
some would be loaded merely because they are there (uvloop, httptools), and weigh.
"""

import sys

HUB_ONLY = ("uvloop", "httptools", "asyncpg", "arq", "redis", "openpyxl", "chinese_calendar")

if __name__ == "__main__":
    for name in HUB_ONLY:
        sys.modules[name] = None  # type: ignore[assignment]
    from village_agent.__main__ import main

    sys.exit(main())
