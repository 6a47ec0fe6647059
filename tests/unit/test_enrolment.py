"""Who may enrol whom: certificates from the county root down, and every forged, foreign or misplaced one refused."""

import pytest
from msgspec.structs import replace

from schemas.names import OfficeId
from schemas.wire import Certificate, Enrolment
from sync.core.errors import RemoteFault
from sync.enrolment import Root, admit_certificate, admit_chain, certify
from sync.keys import Keyring, root_digest, verify_ed25519
from tests.support.network import (
    COUNTY,
    FAR_VILLAGE,
    SECOND_TOWNSHIP,
    TOWNSHIP,
    VILLAGE,
    Network,
    refused,
)


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(TOWNSHIP, SECOND_TOWNSHIP, VILLAGE, real=True)


def keyring_of(network: Network, office: OfficeId) -> Keyring:
    return admit_chain(Keyring(verify=verify_ed25519), network.root, network[office].chain)


def enrolment(network: Network, office: OfficeId, issuer: OfficeId | None) -> Enrolment:
    keys = network.new_signer()
    public = keys.public_keys
    above = network[issuer].id if issuer else None
    return Enrolment("cangxi", keys.node, office, public.log, public.cosigner, above, network.clock.now())


def test_a_chain_from_the_root_makes_everybody_known(network: Network) -> None:
    keyring = keyring_of(network, VILLAGE)
    assert keyring.offices() == {COUNTY, TOWNSHIP, VILLAGE}
    assert keyring.get(network[VILLAGE].id).office == VILLAGE


def test_the_sheet_names_the_root_by_its_digest(network: Network) -> None:
    assert network.root.digest == root_digest(network.root_key.public_key)
    assert len(network.root.digest) == 64


def test_a_device_above_enrols_below(network: Network) -> None:
    township = network[TOWNSHIP]
    certificate = certify(township.signer, enrolment(network, VILLAGE, TOWNSHIP))
    grown = admit_certificate(keyring_of(network, TOWNSHIP), network.root, certificate)
    assert grown.get(certificate.enrolment.node).office == VILLAGE


def test_the_county_may_enrol_anywhere(network: Network) -> None:
    certificate = certify(network[COUNTY].signer, enrolment(network, FAR_VILLAGE, COUNTY))
    grown = admit_certificate(keyring_of(network, COUNTY), network.root, certificate)
    assert grown.get(certificate.enrolment.node).office == FAR_VILLAGE


@pytest.mark.parametrize(
    ("office", "issuer", "code"),
    [
        (FAR_VILLAGE, TOWNSHIP, "wrong_issuer"),
        (TOWNSHIP, TOWNSHIP, "wrong_issuer"),
        (COUNTY, TOWNSHIP, "wrong_issuer"),
        (VILLAGE, VILLAGE, "wrong_issuer"),
        (OfficeId("51082410020x"), TOWNSHIP, "wrong_office"),
        (OfficeId("510824100201.desk"), TOWNSHIP, "wrong_office"),
        (OfficeId("٥١٠٨٢٤"), COUNTY, "wrong_office"),
        (OfficeId(""), COUNTY, "wrong_office"),
    ],
)
def test_nobody_enrols_beside_or_above_himself(network: Network, office: OfficeId, issuer: OfficeId, code: str) -> None:
    certificate = certify(network[issuer].signer, enrolment(network, office, issuer))
    with refused(RemoteFault, code):
        admit_certificate(keyring_of(network, VILLAGE), network.root, certificate)


def test_the_root_enrols_the_county_alone(network: Network) -> None:
    certificate = network.certify(TOWNSHIP, network.new_signer(), None)
    with refused(RemoteFault, "bad_signature"):
        admit_certificate(Keyring(), network.root, certificate)


def test_another_countys_certificate_is_foreign(network: Network) -> None:
    certificate = network[COUNTY].chain[0]
    with refused(RemoteFault, "foreign_county"):
        admit_certificate(Keyring(), Root("elsewhere", network.root.public_key), certificate)


def test_another_root_signs_nothing_here(network: Network) -> None:
    other = Network(seed=9, real=True)
    with refused(RemoteFault, "bad_signature"):
        admit_chain(Keyring(), network.root, other[COUNTY].chain)


def test_a_chain_without_its_beginning_is_not_known(network: Network) -> None:
    with refused(RemoteFault, "unknown_issuer"):
        admit_chain(Keyring(), network.root, network[VILLAGE].chain[1:])


@pytest.mark.parametrize("field", ["node", "log_key", "cosigner_key", "at", "replaces", "issuer"])
def test_nothing_in_a_certificate_can_be_changed(network: Network, field: str) -> None:
    good = network[VILLAGE].chain[-1]
    other = enrolment(network, VILLAGE, TOWNSHIP)
    changes: dict[str, object] = {
        "node": other.node,
        "log_key": other.log_key,
        "cosigner_key": other.cosigner_key,
        "at": 5,
        "replaces": other.node,
        "issuer": network[COUNTY].id,
    }
    forged = Certificate(replace(good.enrolment, **{field: changes[field]}), good.signature)
    with pytest.raises(RemoteFault):
        admit_certificate(keyring_of(network, TOWNSHIP), network.root, forged)


def test_a_device_cannot_be_enrolled_under_another_devices_name(network: Network) -> None:
    stranger = enrolment(network, VILLAGE, TOWNSHIP)
    forged = certify(network[TOWNSHIP].signer, replace(stranger, node=network[VILLAGE].id))
    with refused(RemoteFault, "foreign_name"):
        admit_certificate(keyring_of(network, TOWNSHIP), network.root, forged)


@pytest.mark.parametrize("victim", [COUNTY, SECOND_TOWNSHIP, FAR_VILLAGE])
def test_a_township_cannot_take_anothers_device_into_its_own_village(network: Network, victim: OfficeId) -> None:
    """Public keys are public: whoever could certify them for a seat of his own would move the device there."""
    if victim == FAR_VILLAGE:
        taken = enrolment(network, FAR_VILLAGE, SECOND_TOWNSHIP)
        keyring = admit_certificate(
            admit_chain(Keyring(), network.root, network[SECOND_TOWNSHIP].chain),
            network.root,
            certify(network[SECOND_TOWNSHIP].signer, taken),
        )
    else:
        taken = network[victim].chain[-1].enrolment
        keyring = admit_chain(Keyring(), network.root, network[victim].chain)
    keyring = admit_chain(keyring, network.root, network[TOWNSHIP].chain)
    stolen = certify(network[TOWNSHIP].signer, replace(taken, office=VILLAGE, issuer=network[TOWNSHIP].id))
    with refused(RemoteFault, "seat_changed"):
        admit_certificate(keyring, network.root, stolen)


def test_nobody_moves_a_device_to_another_seat(network: Network) -> None:
    known = enrolment(network, VILLAGE, TOWNSHIP)
    keyring = admit_certificate(keyring_of(network, TOWNSHIP), network.root, certify(network[TOWNSHIP].signer, known))
    other = OfficeId("510824100206")
    moved = certify(network[TOWNSHIP].signer, replace(known, office=other))
    far = certify(network[COUNTY].signer, replace(known, office=FAR_VILLAGE, issuer=network[COUNTY].id))
    for certificate in (moved, far):
        with refused(RemoteFault, "seat_changed"):
            admit_certificate(keyring, network.root, certificate)
    confirmed = certify(network[COUNTY].signer, replace(known, issuer=network[COUNTY].id))
    assert admit_certificate(keyring, network.root, confirmed).get(known.node).office == VILLAGE
