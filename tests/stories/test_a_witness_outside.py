"""A prefecture cosigns the county's daily statements; the county is restored from an old backup and does not forget."""

import asyncio
import base64
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.__main__ import APPLICATION as HUB
from office.cli import main
from office.founding import found_county
from office.node import Node
from schemas.names import OfficeId
from sync.core import note

WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS = note.VerifierKey("prefecture.example/w1", note.COSIGNATURE, WITNESS_KEY.public_key().public_bytes_raw())


def light(home: Path, times: int) -> None:
    """Days go by."""

    async def days() -> None:
        node = await Node.open(home)
        for _ in range(times):
            await node.writer.alone(node.ledger.light_beacon)
        await node.close()

    asyncio.run(days())


def cosign(request: Path, time_s: int) -> str:
    """What the witness answers (it checks consistency in `tests/unit/test_beacon_log.py`)."""
    checkpoint = request.read_text(encoding="utf-8").partition("\n\n")[2]
    text = note.parse_note(checkpoint.encode()).text
    packed = note.pack_cosignature(time_s, WITNESS_KEY.sign(note.cosignature_message(time_s, text)))
    line = note.signature_line(WITNESS, packed)
    return f"\N{EM DASH} {line.name} {base64.b64encode(line.key_hash + line.signature).decode()}\n"


def test_a_witness_cosigns_and_a_restored_county_goes_on_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, out = tmp_path / "hub", tmp_path / "out"
    found_county(home, OfficeId("510824"), "苍溪县样例")
    at = ["--home", str(home)]
    assert main(HUB, ["audit", "beacons", "export", str(out), *at]) == 1
    assert "log_empty" in capsys.readouterr().err
    light(home, 2)
    shutil.copytree(home, tmp_path / "old")
    light(home, 2)
    assert main(HUB, ["audit", "beacons", "export", str(out), *at]) == 0
    (tmp_path / "answer").write_text(cosign(out / "add-checkpoint", 1_800_000_000), encoding="utf-8")
    vkey = note.format_vkey(WITNESS)
    assert main(HUB, ["audit", "beacons", "cosigned", str(tmp_path / "answer"), "--witness", vkey, *at]) == 0
    assert main(HUB, ["audit", "beacons", *at]) == 0
    told = capsys.readouterr().out
    assert "共 4 条，已导出 4 条" in told
    assert "prefecture.example/w1" in told
    (tmp_path / "forged").write_text(cosign(out / "add-checkpoint", 1_800_000_001)[:-8] + "AAAAAA=\n", encoding="utf-8")
    for file, key, code in (
        (tmp_path / "forged", vkey, "no_cosignature"),
        (tmp_path / "answer", "x", "bad_witness_key"),
    ):
        assert main(HUB, ["audit", "beacons", "cosigned", str(file), "--witness", key, *at]) == 1
        assert code in capsys.readouterr().err
    # The disk breaks; the backup is two statements old, and a day goes by before anybody looks.
    shutil.rmtree(home)
    shutil.copytree(tmp_path / "old", home)
    light(home, 1)
    assert main(HUB, ["audit", "beacons", "export", str(tmp_path / "again"), "--old", "4", *at]) == 1
    assert "witness_ahead" in capsys.readouterr().err
    assert main(HUB, ["audit", "beacons", "restore", str(out), *at]) == 0
    assert "5" in capsys.readouterr().out
    assert main(HUB, ["audit", "beacons", "export", str(tmp_path / "again"), "--old", "4", *at]) == 0
    old = note.parse_checkpoint_text(note.parse_note((out / "checkpoint").read_bytes()).text)
    new = note.parse_checkpoint_text(note.parse_note((tmp_path / "again" / "checkpoint").read_bytes()).text)
    assert (old.origin, old.size, new.size) == (new.origin, 4, 5)
    proof = (tmp_path / "again" / "add-checkpoint").read_text(encoding="utf-8").partition("\n\n")[0].split("\n")[1:]
    from sync.core.merkle import verify_consistency

    assert verify_consistency(4, 5, [base64.b64decode(line) for line in proof], old.root, new.root)
    # Bringing it back once more changes nothing, and a foreign log is not taken.
    assert main(HUB, ["audit", "beacons", "restore", str(out), *at]) == 0
    bundle = next((out / "tile" / "entries").rglob("4"))
    content = bytearray(bundle.read_bytes())
    content[-1] ^= 1
    bundle.write_bytes(content)
    assert main(HUB, ["audit", "beacons", "restore", str(out), *at]) == 1
    assert "beacons_differ" in capsys.readouterr().err
