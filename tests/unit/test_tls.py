"""What a node's certificate names: whatever a person may type to reach it, and nothing that nobody can."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from office.paths import Home
from office.settings import Settings
from office.tls import ensure_tls, missing_names, names_of
from schemas.names import Instant
from sync.core.errors import LocalFault

NOW = Instant(1_760_000_000_000)


def home_in(folder: Path) -> Home:
    """A folder of a node."""
    home = Home(folder)
    home.make()
    return home


def named_by(home: Home) -> list[str]:
    """The names in the certificate that lies in a home."""
    certificate = x509.load_pem_x509_certificate(home.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (Settings(host="10.20.0.5"), ["10.20.0.5"]),
        (Settings(host="0.0.0.0"), ["hub-pc"]),
        (Settings(host="::", address="https://hub.example:8610"), ["hub-pc", "hub.example"]),
        (Settings(host="10.20.0.5", address="https://10.20.0.5:8610"), ["10.20.0.5"]),
        (
            Settings(
                host="0.0.0.0", address="https://Hub.example", certificate_names="10.20.0.5, fd00::5  政务.example"
            ),
            ["hub-pc", "hub.example", "10.20.0.5", "fd00::5", "政务.example"],
        ),
        (Settings(host="10.20.0.5", address="https://[fd00::5]:8610"), ["10.20.0.5", "fd00::5"]),
        (Settings(host="10.20.0.5", address="https://[broken"), ["10.20.0.5"]),
    ],
)
def test_a_certificate_names_host_address_and_what_the_settings_add(settings: Settings, names: list[str]) -> None:
    assert names_of(settings, "hub-pc") == names


def test_a_machine_without_a_proper_name_still_starts() -> None:
    assert names_of(Settings(host="0.0.0.0", address="https://hub.example"), "x" * 64) == ["hub.example"]


def test_the_certificate_on_the_disk_holds_them_all(tmp_path: Path) -> None:
    home = home_in(tmp_path)
    settings = Settings(host="0.0.0.0", address="https://hub.example:8610", certificate_names="10.20.0.5 政务.example")
    names = names_of(settings, "hub-pc")
    assert missing_names(home, names) == []
    files = ensure_tls(home, names, NOW)
    assert named_by(home) == ["hub-pc", "hub.example", "10.20.0.5", "xn--zfr164b.example"]
    assert missing_names(home, names) == []
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key)


def test_a_certificate_from_before_the_address_was_set_is_told_but_not_replaced(tmp_path: Path) -> None:
    home = home_in(tmp_path)
    before = ensure_tls(home, ["0.0.0.0"], NOW)
    names = names_of(Settings(host="0.0.0.0", address="https://hub.example:8610"), "hub-pc")
    assert missing_names(home, names) == ["hub-pc", "hub.example"]
    assert ensure_tls(home, names, NOW) == before
    home.certificate.write_text("no certificate")
    with pytest.raises(LocalFault, match="bad_certificate"):
        missing_names(home, names)


def test_what_can_stand_in_no_certificate_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(LocalFault, match="certificate_names"):
        ensure_tls(home_in(tmp_path), ["x" * 64 + ".example"], NOW)
