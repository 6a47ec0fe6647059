"""The vault of a locked device: what opens it, what does not, and what its file tells somebody who has stolen it."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from office.device_secrets import CredentialSecret, DpapiSecret, FileSecret, NoSecret, secret_of
from office.paths import Home, write_private
from office.vault import WRAPS_MAX, Cost, Vault, WrongPassphrase, read_vault
from sync.core.errors import LocalFault

CHEAP: Final = Cost(memory_kib=64, passes=1)
ZHANG: Final = "agent zhang"
PASSWORD: Final = "hills-and-terraces-27"
OTHER: Final = "another-river-of-words"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def made(home: Home, secret: FileSecret | NoSecret | CredentialSecret | None = None) -> Vault:
    vault = Vault.create(home, county="c0" * 32, node="n" * 16, form_key="f0" * 32, device=secret, cost=CHEAP)
    vault.add_wrap(ZHANG, PASSWORD)
    return vault


def opened(home: Home, name: str = ZHANG, text: str = PASSWORD, secret: FileSecret | NoSecret | None = None) -> Vault:
    return Vault.open_with(home, name, text, secret, CHEAP)


def test_every_passphrase_opens_the_same_keys_and_each_only_under_its_own_name(home: Home) -> None:
    vault = made(home)
    vault.add_wrap("agent li", OTHER)
    for again in (opened(home), opened(home, "agent li", OTHER)):
        assert (again.store_key, again.file_key) == (vault.store_key, vault.file_key)
        assert again.open("data.key", vault.seal("data.key", b"secret")) == b"secret"
    assert len({vault.store_key, vault.file_key}) == 2
    for name, text in ((ZHANG, OTHER), ("agent li", PASSWORD), ("agent wu", PASSWORD), (ZHANG, "")):
        with pytest.raises(WrongPassphrase):
            opened(home, name, text)


def test_the_same_passphrase_typed_on_two_keyboards_is_one(home: Home) -> None:
    made(home).add_wrap("agent li", "caf\u00e9 and a long walk")
    opened(home, "agent li", "cafe\u0301 and a long walk")


def test_the_file_names_nobody_and_holds_no_key(home: Home) -> None:
    vault = made(home)
    content = home.vault.read_bytes()
    assert b"zhang" not in content
    for secret in (vault.store_key, vault.file_key):
        assert secret not in content
        assert secret.hex().encode() not in content
    assert home.vault.stat().st_mode & 0o077 == 0


def test_a_changed_passphrase_leaves_the_older_one_useless_and_a_dropped_name_too(home: Home) -> None:
    vault = made(home)
    vault.add_wrap(ZHANG, OTHER)
    opened(home)
    opened(home, ZHANG, OTHER)
    assert not vault.has_settled_wrap(ZHANG), "in the middle of a change both open"
    vault.replace_wrap(ZHANG, OTHER)
    assert vault.has_settled_wrap(ZHANG)
    with pytest.raises(WrongPassphrase):
        opened(home)
    vault.drop_wraps(ZHANG)
    assert vault.names() == []
    with pytest.raises(WrongPassphrase):
        opened(home, ZHANG, OTHER)


def test_two_processes_change_one_vault(home: Home) -> None:
    """The running node and a verb beside it."""
    running, verb = made(home), opened(home)
    verb.add_wrap("agent li", OTHER)
    running.add_wrap("agent wu", "three-rows-of-terraces")
    assert sorted(opened(home).names()) == ["agent li", "agent wu", ZHANG]


def test_many_who_change_their_passphrases_at_once_all_get_in_afterwards(home: Home) -> None:
    """The running node's threads, and verbs beside it: what one writes, another must not write over."""
    running = made(home)
    names = [f"agent {number}" for number in range(12)]
    vaults = [running if number % 2 else opened(home) for number in range(len(names))]
    with ThreadPoolExecutor(len(names)) as threads:
        list(threads.map(Vault.replace_wrap, vaults, names, [OTHER] * len(names)))
    assert sorted(opened(home).names()) == sorted([ZHANG, *names])
    for name in names:
        opened(home, name, OTHER)


def test_no_more_people_than_a_village_has(home: Home) -> None:
    vault = made(home)
    for number in range(WRAPS_MAX - 1):
        vault.add_wrap(f"agent {number}", PASSWORD)
    with pytest.raises(LocalFault, match="vault_full"):
        vault.add_wrap("agent last", PASSWORD)


def test_a_forgotten_vault_opens_nothing(home: Home) -> None:
    vault = made(home)
    sealed, key = vault.seal("data.key", b"secret"), vault.store_key
    vault.forget()
    assert vault.store_key != key
    with pytest.raises(LocalFault, match="bad_sealed_file"):
        vault.open("data.key", sealed)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff\xfe", b'{"version":1}', b"[" * 100_000, b'{"version":"1","salt":""}', b"0" * 300_000],
)
def test_a_damaged_file_is_refused_in_words(home: Home, content: bytes) -> None:
    write_private(home.vault, content)
    with pytest.raises(LocalFault, match="bad_vault"):
        opened(home)


@pytest.mark.parametrize("field", ["salt", "county", "node"])
def test_a_file_that_was_tampered_with_opens_nothing(home: Home, field: str) -> None:
    made(home)
    content = json.loads(home.vault.read_text())
    content[field] = "AAAA" + content[field][4:]
    write_private(home.vault, json.dumps(content).encode())
    with pytest.raises(WrongPassphrase):
        opened(home)


def test_a_wrap_of_another_vault_opens_nothing_here(home: Home, tmp_path: Path) -> None:
    made(home)
    other = Home(tmp_path / "other")
    other.make()
    made(other)
    mine, theirs = (json.loads(each.vault.read_text()) for each in (home, other))
    write_private(home.vault, json.dumps({**mine, "wraps": theirs["wraps"]}).encode())
    with pytest.raises(WrongPassphrase):
        opened(home)


def test_a_newer_file_is_left_alone(home: Home) -> None:
    made(home)
    write_private(home.vault, json.dumps({**json.loads(home.vault.read_text()), "version": 2}).encode())
    with pytest.raises(LocalFault, match="newer_vault"):
        opened(home)


def test_sealed_files_open_only_under_their_own_names(home: Home) -> None:
    vault = made(home)
    sealed = vault.seal("data.key", b"secret")
    for label, content in (
        ("device.key", sealed),
        ("data.key", sealed[:-1]),
        ("data.key", b""),
        ("data.key", b"x" * 32),
    ):
        with pytest.raises(LocalFault, match="bad_sealed_file"):
            vault.open(label, content)


# --- the computer's own half -----------------------------------------------------------------------------------------


def test_without_the_medium_no_passphrase_opens(home: Home, tmp_path: Path) -> None:
    medium = tmp_path / "stick" / "tongban.secret"
    medium.parent.mkdir()
    secret = FileSecret(medium)
    vault = made(home, secret)
    assert medium.stat().st_mode & 0o077 == 0
    assert opened(home, secret=secret).store_key == vault.store_key
    aside = medium.rename(medium.with_name("elsewhere"))
    for other in (secret, None):
        with pytest.raises(LocalFault, match="device_secret_missing"):
            opened(home, secret=other)
    write_private(medium, bytes(32))
    with pytest.raises(WrongPassphrase):
        opened(home, secret=secret)
    write_private(medium, b"short")
    with pytest.raises(LocalFault, match="device_secret_missing"):
        opened(home, secret=secret)
    aside.replace(medium)
    opened(home, secret=secret)


def test_a_medium_that_is_named_later_counts_from_the_next_sign_in(home: Home, tmp_path: Path) -> None:
    made(home)
    secret = FileSecret(tmp_path / "secret")
    vault = opened(home, secret=secret)
    assert not vault.has_settled_wrap(ZHANG)
    vault.replace_wrap(ZHANG, PASSWORD)
    assert [wrap.device for wrap in read_vault(home).wraps] == ["file"]
    with pytest.raises(LocalFault, match="device_secret_missing"):
        opened(home)


def test_an_unbound_wrap_needs_no_medium(home: Home, tmp_path: Path) -> None:
    secret = FileSecret(tmp_path / "secret")
    vault = made(home, secret)
    vault.add_wrap("recovery", OTHER, is_bound=False)
    (tmp_path / "secret").unlink()
    assert opened(home, "recovery", OTHER, secret).store_key == vault.store_key


def test_a_credential_that_systemd_hands_over(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = secret_of("credential:tongban")
    assert isinstance(secret, CredentialSecret)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(LocalFault, match="device_secret_missing"):
        made(home, secret)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "tongban").write_bytes(bytes(range(32)))
    vault = made(home, secret)
    assert Vault.open_with(home, ZHANG, PASSWORD, secret, CHEAP).store_key == vault.store_key


def test_where_there_is_no_dpapi_it_says_so() -> None:
    with pytest.raises(LocalFault, match="device_secret_missing"):
        DpapiSecret().read(b"blob")
    assert isinstance(secret_of(""), NoSecret)
    assert isinstance(secret_of("/media/stick/secret"), FileSecret)
