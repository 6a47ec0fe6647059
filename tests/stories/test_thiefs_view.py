"""What somebody sees who has stolen a village's computer: every byte of its folder, and nothing of anybody in it."""

import base64
import hashlib
import shutil
from pathlib import Path
from typing import Final

import pytest
from msgspec import Struct

from office.node import Node
from office.paths import Home
from office.seat import load_signer
from schemas.casework.roles import Role
from schemas.names import CaseId
from tests.support.counties import APPLICANT, VILLAGE, agent, op
from tests.support.locking import LOGIN, PASSWORD, lock, unlock
from tests.support.nodes import Network, Places, exchange, found_network

REMARK: Final = "邻居赵六来电说明住址"
OTHER: Final = "a-colleague-from-the-hills"
PHOTOGRAPH: Final = "照片里的户口本".encode() * 400


class Secrets(Struct):
    """What must not be seen, by what it is."""

    people: dict[str, bytes]
    keys: dict[str, bytes]


def forms(secret: bytes) -> list[bytes]:
    """The ways in which it could stand in a file."""
    texts = [secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret)]
    texts += [base64.urlsafe_b64encode(secret), base64.b64encode(secret).rstrip(b"=")]
    try:
        words = secret.decode()
    except UnicodeDecodeError:
        return texts
    return [*texts, words.encode("utf-16-le"), words.encode("gb18030"), words.encode("unicode_escape")]


def seen(folder: Path, secrets: dict[str, bytes]) -> set[str]:
    """Which of them stand anywhere: in a file, a name of a file, whatever it is called."""
    found: set[str] = set()
    for path in folder.rglob("*"):
        content = path.name.encode() + (path.read_bytes() if path.is_file() else b"")
        found |= {what for what, secret in secrets.items() if any(form in content for form in forms(secret))}
    return found


def snapshot(home: Home, target: Path) -> Path:
    """The folder as it lies on the disk while the node works, or as a crash leaves it."""
    return Path(shutil.copytree(home.folder, target))


async def work(network: Network, first: int) -> CaseId:
    """A case with everything that names somebody, an answer from above, and a photograph."""
    village = network.village
    slip = await network.file(first)
    await village.desk.add_remark(agent(), slip.case, op(first + 1), text=REMARK)
    await exchange(village, network.township)
    digest = hashlib.sha256(PHOTOGRAPH).digest()
    await village.papers.append(digest, len(PHOTOGRAPH), 0, PHOTOGRAPH[:1000])
    await village.papers.append(digest, len(PHOTOGRAPH), 1000, PHOTOGRAPH[1000:])
    return slip.case


def secrets_of(node: Node, case: CaseId) -> Secrets:
    people = {
        "name": APPLICANT.name.encode(),
        "identity number": APPLICANT.document_number.encode(),
        "telephone": APPLICANT.phone.encode(),
        "remark": REMARK.encode(),
        "photograph": PHOTOGRAPH[:60],
        "case": bytes(case),
    }
    keys = {
        "password": PASSWORD.encode(),
        "colleague's password": OTHER.encode(),
        "log key": load_signer(node.home, node.vault).log_seed(),
        "data key": node.data_key,
    }
    if node.vault is not None:
        keys |= {"store key": node.vault.store_key, "file key": node.vault.file_key}
    return Secrets(people, keys)


@pytest.fixture
async def places(tmp_path: Path) -> Places:
    """A county whose village has two agents and lies plain."""
    places = await found_network(tmp_path / "network")
    node = await places.open(VILLAGE)
    await node.accounts.add_officer(LOGIN, "张代办", node.seat, [Role.AGENT], PASSWORD)
    await node.accounts.add_officer("li", "李代办", node.seat, [Role.AGENT], OTHER)
    await node.close()
    return places


async def test_a_thief_sees_nothing_while_it_works_and_when_it_is_switched_off(places: Places, tmp_path: Path) -> None:
    home = Home(places.home(VILLAGE))
    lock(home)
    network = await Network.open(places, village=await Node.open(home.folder, vault=unlock(home)))
    case = await work(network, 1)
    await network.village.accounts.sign_in("li", OTHER, "127.0.0.1")
    secrets = secrets_of(network.village, case)
    shots = [snapshot(home, tmp_path / "working")]
    assert (shots[0] / "node.db-wal").stat().st_size > 0, "the write-ahead file is part of the picture"
    await network.close()
    shots.append(snapshot(home, tmp_path / "off"))
    for shot in shots:
        assert seen(shot, secrets.people | secrets.keys) == set()
        assert not (shot / "node.db").read_bytes().startswith(b"SQLite format")


async def test_the_control_a_plain_folder_shows_them(places: Places, tmp_path: Path) -> None:
    """Else the test above would look in the wrong place."""
    home = Home(places.home(VILLAGE))
    network = await Network.open(places)
    case = await work(network, 1)
    secrets = secrets_of(network.village, case)
    shot = snapshot(home, tmp_path / "working")
    await network.close()
    assert {"name", "case", "log key", "data key"} <= seen(shot, secrets.people | secrets.keys)


async def test_a_converted_folder_shows_nothing_of_what_lay_plain(places: Places, tmp_path: Path) -> None:
    home = Home(places.home(VILLAGE))
    network = await Network.open(places)
    case = await work(network, 1)
    before = secrets_of(network.village, case)
    await network.close()
    vault = lock(home)
    keys = before.keys | {"store key": vault.store_key, "file key": vault.file_key}
    assert seen(home.folder, before.people | keys) == set()
