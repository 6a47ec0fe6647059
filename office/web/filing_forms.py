"""The fields of a filing: who applies, what was brought, who was there, what the authority of an agent covers.

Reads shape only, like `office.web.forms`; what is lawful the intake asks. A date stands beside each material that may
come later. The words of an authority are not typed: they are made from item, person, scopes and term, read aloud, and
sent back with the form, so that what is recorded is what was read. Next: `office.web.pages.filing`.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from office.web import labels
from office.web.forms import Field, FormRefused, Problem, Shape, Values, find_day, read_fields
from office.web.i18n import n_
from schemas.casework.intake_rules import statuses_of
from schemas.casework.mandates import SCOPES_OF, UNBOUND, words_of
from schemas.casework.values import (
    Applicant,
    Channel,
    Consent,
    Mandate,
    Material,
    MaterialStatus,
    Scope,
    SignedHow,
)
from schemas.catalogue import Delegation, ServiceItem

NOT_BROUGHT: Final = "none"

IN_PERSON: Final = "person"
BY_AGENT: Final = "agent"

ATTENDS: Final = {
    IN_PERSON: n_("The applicant is here in person"),
    BY_AGENT: n_("The agent acts for the applicant"),
}

SCOPES: Final[dict[Scope, str]] = {
    Scope.FILE: n_("File the application"),
    Scope.SUPPLEMENT: n_("Bring papers later"),
    Scope.WITHDRAW: n_("Withdraw the application"),
    Scope.COLLECT: n_("Receive the result"),
}

SIGNED_HOW: Final[dict[str, str]] = {
    SignedHow.SIGNATURE.value: n_("Signature"),
    SignedHow.THUMBPRINT.value: n_("Thumbprint"),
    SignedHow.WITNESSED.value: n_("A witness signed in the resident's presence"),
}

CONSENTS: Final[dict[str, str]] = {
    Consent.REUSE.value: n_("Papers handed in earlier may be used again"),
    Consent.SENSITIVE.value: n_("Health, income or family matters may be recorded for this matter"),
    Consent.VISITS.value: n_("The agent may come by with notices of benefits"),
}

CHANNELS: Final = {channel.value: label for channel, label in labels.CHANNELS.items() if channel is not Channel.LIST}
"""A list of persons has a page of its own."""

MANDATE_DAYS: Final = 92
"""Preset term of an authority: three months, as long as the longest ordinary matter takes."""

FIELDS: Final = (
    Field("name", n_("Name"), Shape.LINE, required=True),
    Field("document_type", n_("Kind of document"), Shape.CHOICE, required=True, choices=labels.DOCUMENT_TYPES),
    Field("document_number", n_("Number of the document"), Shape.LINE, required=True),
    Field("phone", n_("Telephone"), Shape.LINE),
    Field("channel", n_("How it reached us"), Shape.CHOICE, required=True, choices=CHANNELS),
    Field("consents", n_("The applicant agrees"), Shape.LIST),
    Field("statement", n_("What the applicant asks for"), Shape.TEXT),
)
"""What every filing asks for beside the item's own materials and the authority."""

ATTENDS_FIELD: Final = Field("attends", n_("Who is here?"), Shape.CHOICE, required=True, choices=ATTENDS)

MANDATE_FIELDS: Final = (
    Field("scopes", n_("What the agent may do"), Shape.LIST, required=True),
    Field("mandate_until", n_("Until"), Shape.DATE, required=True),
    Field("signed_by", n_("Who signed"), Shape.LINE, required=True),
    Field("relation", n_("What they are to the applicant"), Shape.LINE),
    Field("signed_how", n_("How it was signed"), Shape.CHOICE, required=True, choices=SIGNED_HOW),
)

LISTS: Final = frozenset({"consents", "scopes"})
"""Fields of several values."""

NEEDS_DATE: Final = n_("Write the day until which it is promised.")


class MaterialField(Struct, frozen=True):
    """One material of the item, as drawn: was it brought?"""

    field: Field
    name: str
    note: str
    preset: str
    may_come_later: bool

    @property
    def until(self) -> str:
        """The name of the field for its day."""
        return f"{self.field.name}-until"


def material_fields(item: ServiceItem) -> tuple[MaterialField, ...]:
    """One question for each material of an item: its class says which answers there are."""
    listed = item.materials
    notes = (
        (listed.required, ""),
        (listed.deferrable, n_("May come later, with a signed promise and a day.")),
        (listed.verified, n_("Need not be brought: it is checked against data.")),
        (listed.pledged, n_("A signed pledge may stand in for it.")),
    )
    fields: list[MaterialField] = []
    for name, note in ((name, note) for names, note in notes for name in names):
        statuses = statuses_of(listed, name)
        choices = {one.value: labels.MATERIALS[one] for one in statuses} | {NOT_BROUGHT: n_("Not brought")}
        field = Field(f"material-{len(fields)}", name, Shape.CHOICE, required=True, choices=choices)
        presets = [one.value for one in statuses if one in (MaterialStatus.VERIFIED, MaterialStatus.PLEDGED)]
        later = MaterialStatus.DEFERRED in statuses
        fields.append(MaterialField(field, name, note, presets[0] if presets else "", later))
    return tuple(fields)


def read_filing(item: ServiceItem, source: Mapping[str, object]) -> Values:
    """Every field of the form. Raises `FormRefused` naming all at fault."""
    materials = material_fields(item)
    fields = [*FIELDS, *(material.field for material in materials)]
    fields += [Field(one.until, one.name, Shape.DATE) for one in materials if one.may_come_later]
    if SCOPES_OF[item.delegation]:
        fields.append(ATTENDS_FIELD)
        if source.get("attends") == BY_AGENT:
            fields += MANDATE_FIELDS
    problems: list[Problem] = []
    try:
        values = read_fields(fields, source)
    except FormRefused as refusal:
        values, problems = refusal.values, [*refusal.problems]
    at_fault = {problem.field for problem in problems}
    problems += [
        Problem(one.until, NEEDS_DATE, one.name)
        for one in materials
        if values[one.field.name] == MaterialStatus.DEFERRED.value
        and not values.get(one.until)
        and one.until not in at_fault
    ]
    if problems:
        raise FormRefused(problems, values)
    return values


def applicant_of(values: Values) -> Applicant:
    """The applicant as typed; the intake checks the number."""
    return Applicant(
        str(values["name"]), str(values["document_type"]), str(values["document_number"]), str(values["phone"])
    )


def consents_of(values: Values) -> tuple[Consent, ...]:
    """What the applicant agreed to."""
    return tuple(consent for consent in Consent if consent.value in values["consents"])


def brought(item: ServiceItem, values: Values, reusable: Sequence[Material]) -> list[Material]:
    """The materials that were taken in, in the catalogue's order. `reusable`: what lies here of this person."""
    here = {material.name: material for material in reusable}
    found: list[Material] = []
    for material in material_fields(item):
        answer = str(values[material.field.name])
        if answer == NOT_BROUGHT:
            continue
        status = MaterialStatus(answer)
        if status is MaterialStatus.REUSED:
            # Without one here the intake refuses it in words.
            found.append(here.get(material.name, Material(material.name, status)))
        else:
            until = find_day(str(values.get(material.until, ""))) if status is MaterialStatus.DEFERRED else None
            found.append(Material(material.name, status, until))
    return found


def words_for(item: ServiceItem, values: Values, office: str) -> str:
    """The words to read aloud; empty when nobody acts for the applicant."""
    if values.get("attends") != BY_AGENT:
        return ""
    until = find_day(str(values["mandate_until"]))
    assert until is not None, "checked by `read_filing`"
    return words_of(item, str(values["name"]), office, _scopes(values), until)


def mandate_of(values: Values, words: str) -> Mandate | None:
    """The authority as typed; the intake checks it. None: the applicant is here."""
    if not words:
        return None
    return Mandate(
        _scopes(values),
        find_day(str(values["mandate_until"])) or date.min,
        str(values["signed_by"]),
        SignedHow(str(values["signed_how"])),
        words,
        UNBOUND,
        str(values["relation"]),
    )


def presets(item: ServiceItem, at_village: bool, today: date) -> dict[str, str | tuple[str, ...]]:
    """What an empty form shows."""
    scopes = [scope for scope in SCOPES_OF[item.delegation] if scope is not Scope.WITHDRAW]
    # In a village either is usual: the agent says which, every time.
    is_open = at_village and item.delegation is Delegation.YES
    return {
        "document_type": "111",
        "channel": Channel.COUNTER.value,
        "attends": "" if is_open else IN_PERSON,
        "scopes": tuple(scope.value for scope in scopes),
        "mandate_until": (today + timedelta(days=MANDATE_DAYS)).isoformat(),
        "signed_how": SignedHow.SIGNATURE.value,
        "consents": (),
    }


def _scopes(values: Values) -> tuple[Scope, ...]:
    return tuple(scope for scope in Scope if scope.value in values["scopes"])
