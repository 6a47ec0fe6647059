"""A thief has the whole folder of a locked village computer and no passphrase: nothing can be sent in its name."""

import shutil
from pathlib import Path

import pytest

from office.founding import prepare_device
from office.node import Node
from office.paths import Home
from office.recovery_codes import make_code
from office.seat import load_seat, load_signer
from office.vault import Vault, WrongPassphrase
from schemas.codec import Malformed
from sync.core.errors import Fault, LocalFault, RemoteFault
from sync.core.identity import root_digest
from sync.keys import Ed25519Signer
from sync.session import Doorkeeper, answer, say_hello
from tests.stories.test_forgotten_passphrase import places, township_of
from tests.stories.test_village_locked import CHEAP, LOGIN, PASSWORD, home, served, sign_in
from tests.support.counties import VILLAGE
from tests.support.nodes import Places

__all__ = ["home", "places"]
"""Fixtures of those stories."""


@pytest.fixture
async def stolen(home: Home, tmp_path: Path) -> Home:
    """A copy of the folder, made while it was locked."""
    async with served(home) as (lockable, client):
        await sign_in(client)
        await lockable.look()
        lockable.lock_now()
        await lockable.look()
    folder = tmp_path / "stolen"
    shutil.copytree(home.folder, folder)
    return Home(folder)


async def test_without_the_passphrase_there_is_no_key_to_speak_with(stolen: Home, places: Places) -> None:
    with pytest.raises(LocalFault, match="locked"):
        await Node.open(stolen.folder)
    with pytest.raises((Fault, Malformed)):
        load_signer(stolen)
    with pytest.raises((Fault, Malformed)):
        load_seat(stolen)
    for secret in ("", "123456", LOGIN, PASSWORD.upper(), make_code(_Zeros())):
        for name in (f"agent {LOGIN}", "recovery", "agent "):
            with pytest.raises(WrongPassphrase):
                Vault.open_with(stolen, name, secret, cost=CHEAP)
    vault = Vault.open_with(stolen, f"agent {LOGIN}", PASSWORD, cost=CHEAP)
    seed = load_signer(stolen, vault).to_bytes()
    held = [path.read_bytes() for path in stolen.folder.rglob("*") if path.is_file()]
    assert not any(seed[at : at + 16] in content for content in held for at in range(40, len(seed) - 16, 16))


async def test_keys_of_his_own_give_him_neither_the_seat_nor_a_session(stolen: Home, places: Places) -> None:
    """He puts a key pair of his own beside the village's certificates: its name is that of other keys."""
    own = prepare_device(stolen.folder.parent / "thief")
    shutil.copy(stolen.seat, own.seat)
    with pytest.raises(LocalFault, match="foreign_seat"):
        await Node.open(own.folder)
    async with township_of(places) as township:
        signer = load_signer(own)
        assert isinstance(signer, Ed25519Signer)
        village = township.books.children[VILLAGE]
        keeper = Doorkeeper(township.books)
        hello = say_hello(township.books)
        pretended = type(hello)(village, root_digest(township.books.seat.root.public_key), hello.nonce)
        challenge = keeper.challenge(pretended)
        signed = answer(township.books, pretended, challenge, b"")
        with pytest.raises(RemoteFault, match="bad_signature"):
            keeper.admit(signed)


class _Zeros:
    def draw(self, size: int) -> bytes:
        return bytes(size)
