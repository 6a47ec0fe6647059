"""One open county for the stories of the web, and the two browsers that most of them begin with."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from schemas.casework.roles import Role
from tests.web.county import COUNTY, OTHER_VILLAGE, TOWNSHIP, VILLAGE, Client, WebCounty, sign_in, web_county


@pytest.fixture
async def county(tmp_path: Path) -> AsyncGenerator[WebCounty]:
    """County, township and two villages."""
    async with web_county(tmp_path, COUNTY, TOWNSHIP, VILLAGE, OTHER_VILLAGE) as opened:
        yield opened


@pytest.fixture
async def agent(county: WebCounty) -> AsyncGenerator[Client]:
    """The village agent's browser, signed in."""
    await county.nodes[VILLAGE].hire("wugl", Role.AGENT, name="吴桂兰")
    async with county.client(VILLAGE) as browser:
        await sign_in(browser, "wugl")
        yield browser


@pytest.fixture
async def clerk(county: WebCounty) -> AsyncGenerator[Client]:
    """The township clerk's browser, signed in."""
    await county.nodes[TOWNSHIP].hire("zhoumin", Role.CLERK, Role.APPROVER, name="周敏")
    async with county.client(TOWNSHIP) as browser:
        await sign_in(browser, "zhoumin")
        yield browser
