"""One open county for the stories of the web; each test hires its own officers."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.web.county import COUNTY, OTHER_VILLAGE, TOWNSHIP, VILLAGE, WebCounty, web_county


@pytest.fixture
async def county(tmp_path: Path) -> AsyncGenerator[WebCounty]:
    """County, township and two villages."""
    async with web_county(tmp_path, COUNTY, TOWNSHIP, VILLAGE, OTHER_VILLAGE) as opened:
        yield opened
