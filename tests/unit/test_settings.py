"""One file and the environment; a typing error never silently means the default."""

from pathlib import Path

import pytest

from office.settings import FIELDS, Settings, load_settings, sample_settings
from sync.core.errors import LocalFault


def test_without_a_file_everything_is_the_default(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "tongban.toml", {}) == Settings()


def test_the_sample_names_every_field_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tongban.toml"
    path.write_text(sample_settings(), encoding="utf-8")
    assert load_settings(path, {}) == Settings()
    path.write_text(sample_settings().replace("#", "").partition("\n")[2], encoding="utf-8")
    assert load_settings(path, {}) == Settings()
    assert all(f"#{field} = " in sample_settings() for field in FIELDS)


def test_the_environment_beats_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tongban.toml"
    path.write_text('port = 9000\nlanguage = "en"\n', encoding="utf-8")
    found = load_settings(path, {"TONGBAN_PORT": "9001", "TONGBAN_HOME": "/elsewhere", "PATH": "/bin"})
    assert (found.port, found.language) == (9001, "en")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("prot = 9000", "'port'"),
        ("parrent = 'https://hub'", "'parent'"),
        ("port = 99999", "port"),
        ("port = 'many'", "port"),
        ("language = 'fr'", "language"),
        ("port = ", "TOML"),
        ("sync_every_s = 90000000", "sync_every_s"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_named(tmp_path: Path, text: str, names: str) -> None:
    path = tmp_path / "tongban.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LocalFault) as caught:
        load_settings(path, {})
    assert caught.value.code == "bad_settings"
    assert names in caught.value.hint


def test_a_misspelt_variable_is_refused_too(tmp_path: Path) -> None:
    with pytest.raises(LocalFault, match="did you mean 'address'"):
        load_settings(tmp_path / "none.toml", {"TONGBAN_ADRESS": "https://hub"})


def test_the_place_of_a_wrong_value_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tongban.toml"
    path.write_text("port = 8610\nsync_every_s = 0\n", encoding="utf-8")
    for environment, place in (
        ({"TONGBAN_PORT": "many", "TONGBAN_SYNC_EVERY_S": "60"}, "TONGBAN_PORT in the environment: "),
        ({"TONGBAN_PORT": "8611"}, f"{path}: "),
    ):
        with pytest.raises(LocalFault) as caught:
            load_settings(path, environment)
        assert caught.value.hint.startswith(place)


def test_a_file_that_is_no_settings_file(tmp_path: Path) -> None:
    path = tmp_path / "tongban.toml"
    for content in (b"\xff\xfe\x00", b"x" * 70_000):
        path.write_bytes(content)
        with pytest.raises(LocalFault, match="bad_settings"):
            load_settings(path, {})
