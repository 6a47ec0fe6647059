"""A proof file in the hands of somebody who trusts nobody: good ones prove, and no changed byte is ever believed."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from schemas.codec import encode
from schemas.names import Epoch, Instant, OfficeId
from schemas.wire import Line, attestation, body_digest
from sync.core.errors import LocalFault
from sync.proof.__main__ import main
from sync.proof.checking import Proved, Refused, check
from sync.proof.file import MAGIC, ProofFile, from_bytes, to_bytes
from sync.proof.words import refusal, verdict
from sync.proofs import proof_file_for
from tests.support.network import (
    COUNTY,
    SECOND_TOWNSHIP,
    TOWNSHIP,
    VILLAGE,
    Network,
    Node,
    refused,
    run,
    sign,
)


@pytest.fixture(scope="module")
def network() -> Network:
    network = Network(TOWNSHIP, VILLAGE, SECOND_TOWNSHIP, real=True)
    network[VILLAGE].write(encode([1, b"\x01\x02", "王秀英", "高龄津贴"]))
    network[VILLAGE].write(b"two")
    network.talk(network[VILLAGE], network[TOWNSHIP])
    network[TOWNSHIP].write(b"accepted", kind="case.accepted")
    network.settle_all()
    network[COUNTY].write(encode(["granted"]), kind="case.decided")
    network.settle_all()
    return network


def filing(network: Network) -> bytes:
    """The village's filing, as the county proves it: by a checkpoint, with the township's and the county's receipts."""
    village = network[VILLAGE]
    (first, _) = [entry for entry in village.held(village.journal) if entry.kind == "case.filed"]
    return run(proof_file_for(village.books, first.journal, first.seq))


def decision(network: Network, holder: OfficeId = VILLAGE) -> bytes:
    """The county's decision, as whoever got it proves it: by the county's own signature."""
    (entry,) = run(network[holder].store.entries_of_kind("case.decided"))
    return run(proof_file_for(network[holder].books, entry.journal, entry.seq))


def code_of(data: bytes, root: str) -> str:
    with pytest.raises(Refused) as caught:
        check(data, root)
    assert caught.value.hint
    return caught.value.code


# --- what is proved --------------------------------------------------------------------------------------------------


def test_a_filing_is_proved_with_who_held_it_since_when(network: Network) -> None:
    proved = check(filing(network), network.root.digest)
    village = network[VILLAGE]
    assert (proved.author, proved.office, proved.kind) == (village.id, VILLAGE, "case.filed")
    assert proved.hash == village.held(proved.journal)[proved.seq].hash
    assert proved.covered_by is not None
    assert proved.covered_by > proved.seq
    assert {held.office for held in proved.holdings} == {TOWNSHIP, COUNTY}
    assert all(held.size > proved.seq for held in proved.holdings)


@pytest.mark.parametrize("holder", [COUNTY, TOWNSHIP, VILLAGE, SECOND_TOWNSHIP])
def test_a_decision_is_proved_by_anybody_who_received_it(network: Network, holder: OfficeId) -> None:
    proved = check(decision(network, holder), network.root.digest)
    assert (proved.office, proved.kind, proved.covered_by) == (COUNTY, "case.decided", None)
    assert proved.body == encode(["granted"])


def test_the_file_is_the_same_wherever_an_excerpt_of_it_is_held(network: Network) -> None:
    assert decision(network, VILLAGE) == decision(network, TOWNSHIP)


def test_another_offices_entry_is_proved_where_its_enrolment_came_down(network: Network) -> None:
    (entry, _) = run(network[SECOND_TOWNSHIP].store.entries_of_kind("case.filed"))
    data = run(proof_file_for(network[SECOND_TOWNSHIP].books, entry.journal, entry.seq))
    assert check(data, network.root.digest).office == VILLAGE


def test_an_erased_body_leaves_its_digest_to_be_proved(network: Network) -> None:
    proof = from_bytes(filing(network))
    line = proof.entry.line
    assert line.body is not None
    erased = replace(line, body=None, salt=b"", digest=body_digest(line.salt, line.body))
    proved = check(to_bytes(replace(proof, entry=replace(proof.entry, line=erased))), network.root.digest)
    assert proved.body is None
    assert any("摘要" in text for text in verdict(proved))


# --- what is not -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [filing, decision], ids=["filing", "decision"])
def test_every_changed_byte_is_refused(network: Network, make: object) -> None:
    data = filing(network) if make is filing else decision(network)
    check(data, network.root.digest)
    for place in range(len(data)):
        for mask in (0x01, 0x80):
            changed = bytearray(data)
            changed[place] ^= mask
            assert code_of(bytes(changed), network.root.digest), (place, mask)


def test_every_shortened_and_every_lengthened_file_is_refused(network: Network) -> None:
    data = decision(network)
    assert all(code_of(data[:length], network.root.digest) for length in range(len(data)))
    assert code_of(data + b"\x00", network.root.digest) == "malformed"


def test_another_countys_root_proves_nothing(network: Network) -> None:
    assert code_of(decision(network), Network(seed=5, real=True).root.digest) == "other_root"
    assert code_of(decision(network), "") == "other_root"
    assert check(decision(network), f" {network.root.digest.upper()}\n").office == COUNTY


def altered(network: Network, **changes: object) -> bytes:
    return to_bytes(replace(from_bytes(filing(network)), **changes))


def test_parts_that_prove_nothing_are_refused(network: Network) -> None:
    proof = from_bytes(filing(network))
    root = network.root.digest
    second = network[SECOND_TOWNSHIP].chain[-1]
    assert code_of(altered(network, certificates=[*proof.certificates, second]), root) == "superfluous"
    assert (
        code_of(altered(network, certificates=[*proof.certificates, proof.certificates[0]]), root) == "bad_certificate"
    )
    assert code_of(altered(network, certificates=proof.certificates[1:]), root) == "bad_certificate"
    assert code_of(altered(network, certificates=proof.certificates[:-1]), root) == "unknown_author"
    assert code_of(altered(network, certificates=proof.certificates * 11), root) == "too_large"
    assert code_of(altered(network, holdings=proof.holdings * 5), root) == "too_large"
    assert code_of(MAGIC + bytes(300_000), root) == "too_large"
    assert code_of(b"GIF89a", root) == "not_a_proof"


def test_an_entry_needs_exactly_one_proof_and_one_body(network: Network) -> None:
    proof = from_bytes(filing(network))
    line = proof.entry.line
    root = network.root.digest
    signed = replace(line, signature=network[VILLAGE].signer.sign(attestation(bytes(32))))
    for entry in (
        replace(proof.entry, proof=None),
        replace(proof.entry, line=signed),
        replace(proof.entry, line=replace(line, digest=bytes(32))),
        replace(proof.entry, line=Line(line.head, line.salt, None)),
        replace(proof.entry, line=Line(line.head, line.salt, None, bytes(32))),
        replace(proof.entry, epoch=Epoch(2**32, b"nonce1")),
        replace(proof.entry, epoch=Epoch(1, b"nonce")),
    ):
        assert code_of(altered(network, entry=entry), root) == "malformed"


def test_a_receipt_of_somebody_else_or_about_something_else_proves_nothing(network: Network) -> None:
    proof = from_bytes(filing(network))
    root = network.root.digest
    good = proof.holdings[0]
    for holding in (
        replace(good, holder=network[VILLAGE].id),
        replace(good, office=COUNTY if good.office != COUNTY else TOWNSHIP),
        replace(good, which=len(good.heads)),
        replace(good, which=-1),
        replace(good, time_s=good.time_s + 1),
        replace(good, signature=b""),
        replace(good, path=good.path[1:]),
        replace(good, heads=[replace(head, size=head.size + 1) for head in good.heads]),
    ):
        assert code_of(altered(network, holdings=[holding]), root) in ("bad_receipt", "superfluous")


def test_a_receipt_that_also_lists_other_journals_proves_nothing_by_those(network: Network) -> None:
    proof = from_bytes(filing(network))
    (good,) = [holding for holding in proof.holdings if holding.office == COUNTY]
    assert len(good.heads) > 1
    other = replace(good, which=1 - good.which)
    assert code_of(altered(network, holdings=[other]), network.root.digest) == "bad_receipt"


def test_a_forgers_own_chain_does_not_reach_the_root(network: Network) -> None:
    """Somebody with a whole county of his own, under the true county's name and root key."""
    forger = Network(TOWNSHIP, VILLAGE, seed=7, real=True)
    forger[VILLAGE].write(b"forged")
    forger.settle_all()
    (entry,) = run(forger[VILLAGE].store.entries_of_kind("case.filed"))
    forged = from_bytes(run(proof_file_for(forger[VILLAGE].books, entry.journal, entry.seq)))
    data = to_bytes(replace(forged, root_key=network.root.public_key))
    assert code_of(data, network.root.digest) == "bad_certificate"


def test_the_device_that_enrolled_cannot_speak_for_the_enrolled(network: Network) -> None:
    proof = from_bytes(filing(network))
    township: Node = network[TOWNSHIP]
    entry = proof.entry
    assert entry.proof is not None
    checkpoint = entry.proof.checkpoint
    forged = sign(township, entry.journal, checkpoint.size, checkpoint.root)
    spoilt = replace(entry, proof=replace(entry.proof, checkpoint=forged))
    assert code_of(altered(network, entry=spoilt), network.root.digest) == "bad_signature"


# --- making one ------------------------------------------------------------------------------------------------------


def test_nothing_is_made_for_what_is_not_held_or_not_signed_yet() -> None:
    network = Network(TOWNSHIP, VILLAGE, real=True)
    village = network[VILLAGE]
    with refused(LocalFault, "not_held"):
        run(proof_file_for(village.books, village.journal, 99))
    (entry,) = village.write(b"just written")
    with refused(LocalFault, "not_signed_yet"):
        run(proof_file_for(village.books, entry.journal, entry.seq))
    network.talk(village, network[TOWNSHIP])
    proved = check(run(proof_file_for(village.books, entry.journal, entry.seq)), network.root.digest)
    assert [held.office for held in proved.holdings] == [TOWNSHIP]


def test_a_chain_that_is_not_complete_here_makes_no_file() -> None:
    network = Network(TOWNSHIP, VILLAGE, real=True)
    network[VILLAGE].write(b"one")
    network.settle_all()
    county = network[COUNTY]
    (entry,) = run(county.store.entries_of_kind("case.filed"))
    county.books.enrolled_by.clear()
    with refused(LocalFault, "no_certificate"):
        run(proof_file_for(county.books, entry.journal, entry.seq))


# --- in words --------------------------------------------------------------------------------------------------------


def test_the_verdict_says_what_is_proved_and_what_is_not(network: Network) -> None:
    proved = check(filing(network), network.root.digest)
    chinese, english = "\n".join(verdict(proved)), "\n".join(verdict(proved, english=True))
    assert chinese.startswith("证明成立。")
    assert "未证明：" in chinese
    assert "王秀英" in chinese
    assert str(proved.journal) in chinese
    assert "Not proved:" in english
    assert VILLAGE in english
    assert len(verdict(proved)) == len(verdict(proved, english=True))


def test_a_hostile_text_cannot_move_the_readers_cursor(network: Network) -> None:
    proved = check(decision(network), network.root.digest)
    hostile = replace(proved, body=encode(["\x1b[2Jgranted\n证明成立。"]), at=Instant(2**52))
    lines: list[str] = verdict(hostile)
    assert not any("\x1b" in line or "\n" in line for line in lines)
    assert f"{2**52} ms" in "\n".join(lines)
    assert verdict(replace(proved, body=b"\xc1"))[-1].endswith("c1")
    assert verdict(replace(proved, body=encode(7)))[-1].endswith("7")


def test_the_command_answers_by_its_exit_status(
    network: Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "decision.tbv"
    file.write_bytes(decision(network))
    assert main([str(file), "--root", network.root.digest]) == 0
    assert "已证明" in capsys.readouterr().out
    assert main([str(file), "--root", network.root.digest, "--en"]) == 0
    assert "Proved" in capsys.readouterr().out
    assert main([str(file), "--root", "0" * 64]) == 1
    assert "other_root" in capsys.readouterr().out
    assert main([str(tmp_path / "nothing"), "--root", network.root.digest]) == 2
    assert "nothing" in capsys.readouterr().err
    with pytest.raises(SystemExit) as asked:
        main([str(file)])
    assert asked.value.code == 2


def test_a_refusal_is_said_in_both_languages() -> None:
    refused_ = Refused("other_root", "compare the digest")
    assert "other_root" in refusal(refused_)[0]
    assert refusal(refused_, english=True)[1] == "compare the digest"


def test_proof_files_and_verdicts_are_values(network: Network) -> None:
    proof = from_bytes(decision(network))
    assert isinstance(proof, ProofFile)
    assert from_bytes(to_bytes(proof)) == proof
    assert isinstance(check(to_bytes(proof), network.root.digest), Proved)
