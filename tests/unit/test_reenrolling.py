"""Devices that were enrolled by an office that burnt before it told anybody: who is believed again, and who is not."""

from collections.abc import Callable
from hashlib import sha256

import pytest
from msgspec import Struct, structs

from office.enrolling import REQUEST_BYTES_MAX, Request, make_request
from schemas.codec import decode, encode
from schemas.names import NUMBER_MAX, Epoch, Instant, NodeId, OfficeId
from schemas.wire import KIND_ENROLLED, Certificate, Enrolled, Enrolment, Revoked, Size, enrolment_message
from sync.core.errors import RemoteFault
from sync.core.journal import Draft
from sync.keys import SIGNER_ENTROPY_BYTES, Ed25519Signer, PublicKeys, verify_ed25519
from sync.reenrolling import (
    FORMER_MAX,
    FORMER_POSITIONS_MAX,
    Former,
    check_chain,
    check_may_return,
    enrolling,
    follow,
    former_devices,
    is_believed,
    vouched,
)
from sync.revoking import held_positions
from tests.support.network import (
    COUNTY,
    FAR_VILLAGE,
    SECOND_VILLAGE,
    TOWNSHIP,
    VILLAGE,
    Network,
    Node,
    refused,
    run,
    size,
)

AT = Instant(1_700_000_000_000)


class Burnt(Struct):
    """A village's second and third device, of a township that burnt before the county heard of either."""

    network: Network
    first: Node
    second: Node
    present: Node
    burnt: Node

    @property
    def township(self) -> Node:
        """The burnt one's successor."""
        return self.network[TOWNSHIP]

    @property
    def former(self) -> list[Former]:
        """What the present device shows."""
        return run(former_devices(self.present.books))

    def vouched(self, *former: Former) -> list[Former]:
        """What the township takes of that."""
        return vouched(self.township.books, VILLAGE, self.present.id, former)

    def enrol_again(self) -> None:
        """As `office.enrolling` and `office.founding` do it."""
        township, village = self.township, self.present
        present = township.books.children.get(VILLAGE)
        keys = village.signer.public_keys
        drafts = enrolling(township.books, VILLAGE, keys, present, self.vouched(*self.former), AT, "followed")
        write(township, drafts)
        chain = [*township.chain, decode(drafts[0].body, Enrolled).certificate]
        run(village.ledger.perform([lambda: follow(village.books, chain)]))
        village.chain = chain
        village.start()


def write(node: Node, drafts: list[Draft]) -> None:
    async def drafting() -> list[Draft]:
        return drafts

    run(node.ledger.record(drafting))


@pytest.fixture
def story() -> Burnt:
    network = Network(TOWNSHIP, VILLAGE)
    first, burnt = network[VILLAGE], network[TOWNSHIP]
    first.write(b"one")
    network.settle(first)
    second = network.enrol(VILLAGE, replaces=first)
    network.talk(second, burnt)
    second.write(b"two")
    network.talk(second, burnt)
    present = network.enrol(VILLAGE, replaces=second)
    burnt.revoke(second, size(second.journal, second.tip(second.journal).size))
    network.talk(present, burnt)
    present.write(b"three")
    county = network[COUNTY]
    reached = [size(journal, tip.size) for journal, tip in county.books.tips.items() if journal.origin == burnt.id]
    township = network.enrol(TOWNSHIP, replaces=burnt)
    county.revoke(burnt, *reached)
    network.talk(township, county)
    return Burnt(network, first, second, present, burnt)


# --- the whole of it -------------------------------------------------------------------------------------------------


def test_what_a_device_wrote_that_only_its_successor_holds_arrives_once(story: Burnt) -> None:
    county, township, present = story.network[COUNTY], story.township, story.present
    assert not is_believed(township.books, story.second.id)
    assert not is_believed(township.books, present.id)
    story.enrol_again()
    for _ in range(3):
        story.network.settle(present)
    for node in (township, county):
        assert sorted(node.bodies()) == [b"one", b"three", b"two"]
        assert node.books.keyring.is_revoked(story.second.id), "it may not come back itself"
        assert node.balanced()
    assert township.books.children[VILLAGE] == present.id
    present.write(b"four")
    story.network.settle(present)
    assert b"four" in county.bodies()


def test_it_counts_as_far_as_its_successor_holds_it_and_no_further(story: Burnt) -> None:
    story.second.write(b"a thief's")  # after the successor got what there was
    held = story.present.tip(story.second.journal).size
    story.enrol_again()
    keyring = story.township.books.keyring
    assert keyring.position(story.second.journal) == held == story.second.tip(story.second.journal).size - 1
    assert not keyring.counts(story.second.journal, held)


def test_enrolled_again_twice_nothing_more_is_to_be_enrolled(story: Burnt) -> None:
    story.enrol_again()
    assert is_believed(story.township.books, story.present.id)
    assert story.vouched(*story.former) == []
    assert story.present.id not in {one.certificate.enrolment.node for one in story.former}


def test_a_device_that_is_believed_itself_gets_those_before_it_enrolled(story: Burnt) -> None:
    """As when its new office above enrolled it by hand and knew nothing of the one between."""
    township, present = story.township, story.present
    drafts = enrolling(township.books, VILLAGE, present.signer.public_keys, story.first.id, [], AT, "")
    write(township, drafts)
    assert is_believed(township.books, present.id)
    assert township.books.children[VILLAGE] == present.id
    story.enrol_again()
    story.network.settle(present)
    assert b"two" in story.network[COUNTY].bodies()
    assert township.books.children[VILLAGE] == present.id


# --- what a device shows -------------------------------------------------------------------------------------------


def test_a_device_shows_those_before_it_the_latest_first(story: Burnt) -> None:
    former = story.former
    assert [one.certificate.enrolment.node for one in former] == [story.second.id, story.first.id]
    assert former[0].positions == [size(story.second.journal, story.present.tip(story.second.journal).size)]
    assert run(former_devices(story.first.books)) == []


def test_nothing_is_vouched_for_past_the_first_end_whatever_a_thief_names_later() -> None:
    """He has the township's machine, and one that it had ended: he raises that end, and the village hears it."""
    network = Network(TOWNSHIP, VILLAGE)
    township, lost = network[TOWNSHIP], network[VILLAGE]
    lost.write(b"one")
    network.talk(lost, township)
    first, held = lost.journal, township.tip(lost.journal).size
    lost.start()
    lost.write(b"his own, perhaps")
    network.talk(lost, township)
    village = network.enrol(VILLAGE, replaces=lost)
    township.revoke(lost, size(first, held - 1))
    network.talk(village, township)
    everything = [size(first, held), size(lost.journal, township.tip(lost.journal).size)]
    assert held_positions(village.books, lost.id) == everything
    township.revoke(lost, *everything)
    network.talk(village, township)
    assert village.books.keyring.position(lost.journal) == everything[1].size
    assert run(former_devices(village.books))[0].positions == [size(first, held - 1)]


def test_a_thief_with_the_burnt_townships_key_slips_in_no_device(story: Burnt) -> None:
    """He enrols one of his own, and once more those that are known, as if they had followed it."""
    present, burnt = story.present, story.burnt
    his = story.network.new_signer()
    for signer, replaces in ((his, story.first.id), (story.second.signer, his.node), (present.signer, his.node)):
        certificate = story.network.certify(VILLAGE, signer, burnt, replaces=replaces)
        burnt.write_line(KIND_ENROLLED, Enrolled(certificate))
    story.network.talk(present, burnt)  # it has not heard yet that this one was replaced
    assert present.books.keyring.find(his.node) is not None
    assert his.node not in {one.certificate.enrolment.node for one in story.former}
    story.enrol_again()
    assert story.township.books.keyring.find(his.node) is None
    story.network.settle(present)
    assert story.network[COUNTY].books.keyring.find(his.node) is None


def test_only_so_many_positions_are_shown_those_of_the_last_starts(story: Burnt) -> None:
    many = [Size(story.second.id, Epoch(number, bytes(6)), 1) for number in range(1, 200)]
    (taken,) = story.vouched(Former(story.former[0].certificate, many))
    assert taken.positions == many[-FORMER_POSITIONS_MAX:]


# --- what an office above takes --------------------------------------------------------------------------------------


def changed(story: Burnt, signer: Node | None = None, **fields: object) -> Certificate:
    """The second device's certificate with other contents, under a signature of the burnt township, or of another."""
    enrolment: Enrolment = structs.replace(story.former[0].certificate.enrolment, **fields)
    return Certificate(enrolment, (signer or story.burnt).signer.sign(enrolment_message(enrolment)))


FORGED: dict[str, Callable[[Burnt], Certificate]] = {
    "signature": lambda story: structs.replace(story.former[0].certificate, signature=bytes(64)),
    "signed by the device": lambda story: changed(story, story.present),
    "other office": lambda story: changed(story, office=SECOND_VILLAGE),
    "far office": lambda story: changed(story, office=FAR_VILLAGE),
    "no office": lambda story: changed(story, office=OfficeId("x")),
    "other county": lambda story: changed(story, county="elsewhere"),
    "weak key": lambda story: changed(story, cosigner_key=bytes(32)),
    "one key": lambda story: changed(story, cosigner_key=story.second.signer.public_keys.log),
    "foreign name": lambda story: changed(story, node=NodeId("a" * 16)),
    "unknown issuer": lambda story: changed(story, issuer=NodeId("b" * 16)),
    "village as issuer": lambda story: changed(story, story.first, issuer=story.first.id),
    "itself": lambda story: story.present.chain[-1],
    "believed": lambda story: story.first.chain[-1],
}


@pytest.mark.parametrize("what", FORGED)
def test_a_former_device_that_is_not_taken(story: Burnt, what: str) -> None:
    good = story.former[0]
    assert story.vouched(good) == [good]
    certificate = FORGED[what](story)
    node = certificate.enrolment.node
    assert story.vouched(Former(certificate, [Size(node, Epoch(1, bytes(6)), 1)])) == []


@pytest.mark.parametrize(
    ("ordinal", "nonce", "entries"), [(1, 6, 0), (1, 6, -1), (1, 6, NUMBER_MAX + 1), (1, 5, 1), (2**32, 6, 1)]
)
def test_impossible_positions_are_left_out(story: Burnt, ordinal: int, nonce: int, entries: int) -> None:
    good = story.former[0]
    bad = Size(story.second.id, Epoch(ordinal, bytes(nonce)), entries)
    other = structs.replace(good.positions[0], origin=story.first.id)
    assert story.vouched(structs.replace(good, positions=[bad, *good.positions, other])) == [good]
    assert story.vouched(structs.replace(good, positions=[bad, other])) == []


def test_more_former_devices_than_a_seat_has_lost_are_not_looked_at(story: Burnt) -> None:
    (good, older) = story.former
    assert story.vouched(*[older] * FORMER_MAX, good) == []


def test_a_device_that_was_ended_or_followed_does_not_come_back(story: Burnt) -> None:
    books = story.township.books
    check_may_return(books, VILLAGE, story.present.id)
    story.enrol_again()
    with refused(RemoteFault, "revoked_device"):
        check_may_return(books, VILLAGE, story.second.id)
    with refused(RemoteFault, "replaced_device"):
        check_may_return(books, VILLAGE, story.first.id)


def test_a_chain_through_a_device_known_to_be_revoked_is_refused(story: Burnt) -> None:
    books = story.present.books
    check_chain(books, story.present.chain)
    books.keyring = books.keyring.with_revocation(story.burnt.id, [])
    with refused(RemoteFault, "revoked_issuer"):
        check_chain(books, story.present.chain)


def test_what_is_written_is_believed_by_everybody_above(story: Burnt) -> None:
    drafts = enrolling(
        story.township.books,
        VILLAGE,
        story.present.signer.public_keys,
        story.first.id,
        story.vouched(*story.former),
        AT,
        "r",
    )
    assert [draft.kind for draft in drafts] == ["line.enrolled", "line.enrolled", "line.revoked"]
    own, second = (decode(draft.body, Enrolled).certificate.enrolment for draft in drafts[:2])
    assert (own.node, own.replaces) == (story.present.id, story.second.id)
    assert (second.node, second.replaces) == (story.second.id, story.first.id)
    assert {own.issuer, second.issuer} == {story.township.id}
    assert decode(drafts[2].body, Revoked) == Revoked(story.second.id, story.former[0].positions, "r")


# --- the request ---------------------------------------------------------------------------------------------------


def device(number: int) -> Ed25519Signer:
    return Ed25519Signer.create(bytes([number]) * 32 + bytes([number + 100]) * (SIGNER_ENTROPY_BYTES - 32))


def test_a_request_without_former_devices_is_byte_for_byte_what_it_was() -> None:
    request = make_request(device(1), VILLAGE, "0123456789ABCDEF")
    assert sha256(request).hexdigest() == "cadc72202f6f356176767b9bad50f8321a31ec2c49659cb1121ee40cd3509532"


def test_the_largest_request_fits_its_route_and_is_signed_whole() -> None:
    signer, keys = device(1), PublicKeys(b"\x01" * 32, b"\x02" * 32)
    enrolment = Enrolment(
        "县" * 60, signer.node, VILLAGE, keys.log, keys.cosigner, signer.node, Instant(2**42), signer.node
    )
    positions = [
        Size(signer.node, Epoch(2**32 - 1 - number, b"\xff" * 6), NUMBER_MAX) for number in range(FORMER_POSITIONS_MAX)
    ]
    former = [Former(Certificate(enrolment, bytes(64)), positions)] * FORMER_MAX
    sent = make_request(signer, VILLAGE, "0" * 16, former)
    assert len(sent) <= REQUEST_BYTES_MAX
    asked = decode(sent, Request)
    assert asked.former == former
    signed = b"tongban enrolment request\n" + encode((asked.office, asked.code, asked.keys, asked.former))
    assert verify_ed25519(signer.public_keys.log, signed, asked.log_proof)
    assert verify_ed25519(signer.public_keys.cosigner, signed, asked.cosigner_proof)
