"""What a page says of a case, made from what is known of it."""

from datetime import date

from msgspec import structs

from office.sentences import HINT_CHARACTERS_MAX, explained
from office.web.views import detail_of
from office.worklists import Found, Traced
from schemas.casework.events import ActUnconfirmed, CaseEvent
from schemas.casework.fold import fold
from schemas.casework.mandates import UNBOUND, bind
from schemas.casework.values import Mandate, Scope, SignedHow
from schemas.casework.visibility import FieldGroup, Sight
from schemas.names import CaseId, Epoch, Instant, JournalId, NodeId
from sync.ports import Stored
from tests.support.casebook import VILLAGE, filing, officer

MANDATE = Mandate((Scope.FILE,), date(2027, 1, 1), "张三", SignedHow.THUMBPRINT, "已读", UNBOUND)


def stored(event: CaseEvent, number: int) -> Stored:
    journal = JournalId(NodeId("a" * 16), Epoch(number, bytes(6)))
    case = CaseId(b"c" * 16)
    return Stored(journal, 0, number, b"", Instant(0), event.kind, case, b"", b"", bytes([number]) * 32)


def test_a_quarantined_note_marks_nobodys_act() -> None:
    """A hostile device may write «not yet confirmed» in another office's name; it counts for nothing."""
    filed, note = filing(), ActUnconfirmed(1, b"87654321", VILLAGE, officer(VILLAGE))
    entries = stored(filed, 1), stored(note, 2)
    case = fold([(filed, entries[0])])
    assert case is not None
    sights = dict.fromkeys(FieldGroup, Sight.CLEAR)
    for state, marked in (("", True), ("quarantined", False)):
        traced = (
            Traced(entries[0], filed, "", "", frozenset({VILLAGE})),
            Traced(entries[1], note, state, "foreign_office" if state else "", frozenset({VILLAGE})),
        )
        steps = detail_of(Found(case, traced), sights, VILLAGE).steps
        assert [step.is_unconfirmed for step in steps if step.kind == filed.kind] == [marked]


def test_an_authority_given_for_another_case_is_told_of() -> None:
    """A village writes a resident's authority of last year under a case that the resident never heard of."""
    given = bind(MANDATE, CaseId(b"c" * 16), "RS01", filing().applicant)
    for item, is_foreign in (("RS01", False), ("MZ06", True)):
        filed = structs.replace(filing(), item=item, mandate=given)
        entry = stored(filed, 1)
        case = fold([(filed, entry)])
        assert case is not None
        traced = (Traced(entry, filed, "", "", frozenset({VILLAGE})),)
        detail = detail_of(Found(case, traced), dict.fromkeys(FieldGroup, Sight.CLEAR), VILLAGE)
        assert detail.mandate_is_foreign is is_foreign


def test_a_strangers_words_cannot_steer_the_terminal() -> None:
    assert explained("answer_302", "\x1b[2Jcall 110\n" + "x" * 900, "en").strip().startswith("[2Jcall 110")
    assert len(explained("made_up", "x" * 900, "en")) == HINT_CHARACTERS_MAX
