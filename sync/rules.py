"""The protocol rules that a simulation may switch off, one by one.

Real nodes never do: the rules are here so that the simulator can prove that it would notice (RELIABILITY 2).
Next: `tests.simulation.switched_off`, which knows a schedule or a story for each.
"""

from msgspec import Struct


class Rules(Struct, frozen=True):
    """Protocol rules that a simulation may switch off, one at a time, to prove that it notices. Real nodes never do.

    True = as ruled; beside each what happens when it is False.
    """

    receiver_cursor: bool = True
    """DESIGN 4. Off: a sender never goes back behind what it once heard acknowledged."""
    outbox_epochs: bool = True
    """A1. Off: one stream for ever, its numbers used again after a restore."""
    refuse_gaps: bool = True
    """A3. Off: a page that starts above the cursor is taken."""
    epoch_per_start: bool = True
    """A5. Off: a start goes on writing the newest epoch it finds."""
    flag_only: bool = True
    """A5. Off: entries past the size that an opening names are suspended."""
    wants: bool = True
    """A7. Off: nobody asks."""
    stated_heads: bool = True
    """A7. Off: nobody says what it holds."""
    give_back: bool = True
    """A7. Off: single entries of a neighbour's own seat are kept to ourselves."""
    close_lost: bool = True
    """A7. Off: a want that nobody can answer stays open."""
    quiet_house_keeping: bool = True
    """A9. Off: house-keeping is receipted and pinned like work."""
    proofs_for_unattested: bool = True
    """A11. Off: an entry travels outside its run without proof."""
    highest_revocation: bool = True
    """A14. Off: the first revocation heard of a device decides, whatever another names."""
    first_load: bool = True
    """A15. Off: a replaced device starts with what is written from now on."""
    rollback_once: bool = True
    """A1. Off: one shown rollback quarantines at every page."""
    quarantine: bool = True
    """B5. Off: a restored device acts at once."""
    echo_nonce: bool = True
    """B5. Off: a reply made before the restore lifts the quarantine."""
    share_on_offer: bool = True
    """B4. Off: a new reader of a case gets only what is written from now on."""
    check_chain: bool = True
    """DESIGN 1.6. Off: a run is taken as it comes."""
    atomic_page: bool = True
    """DESIGN 4. Off: the cursor is durable before the entries are."""
    unknown_kinds: bool = True
    """DESIGN 4. Off: what cannot be read here is not passed on either."""
    positions: bool = True
    """A14. Off: whatever a revoked device wrote counts."""
    erased_set: bool = True
    """B6. Off: a body that comes after its erasure is kept."""
    watermarks: bool = True
    """A12. Off: nobody is told what the county holds of it, or hears it."""
    no_quarantine_beside: bool = True
    """Second path. Off: it puts in quarantine like any line, and when it ends nobody is left to lift it."""
    bodiless_refused: bool = True
    """B6. Off: a line without its body is taken, whether it was erased by law or on the way."""
    head_of_before: bool = True
    """A14. Off: who confirms a revocation confirms all that it holds by now."""
    paper_offset_stated: bool = True
    """DESIGN 4. Off: a paper is gone on with from where its sender believes to be, whatever the receiver holds."""
    paper_digest_checked: bool = True
    """Papers. Off: what comes under a paper's name is kept unread. (`MemoryShelf`; a real shelf always looks.)"""
