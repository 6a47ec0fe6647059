"""What the web needs of a node: the few parts of `office.node.Node` that pages touch, and nothing that opens or writes.

Never imported by the node: the node does not know that it has a face.
"""

from collections.abc import Sequence
from typing import Protocol

from office.catalogue import Catalogue
from office.database import Engines
from office.desk import Desk
from office.settings import Settings
from office.storage import Storage
from office.worklists import Worklists
from schemas.names import OfficeId
from sync.books import Books
from sync.ports import Clock, Salts, Store


class Node(Protocol):
    """An open node."""

    @property
    def seat(self) -> OfficeId:
        """The office whose pen this node holds."""
        ...

    @property
    def data_key(self) -> bytes:
        """32 secret bytes of this node; keys for single purposes are derived from it."""
        ...

    @property
    def settings(self) -> Settings:
        """What the operator set."""
        ...

    @property
    def engines(self) -> Engines:
        """The node's database, for accounts and the access log."""
        ...

    @property
    def storage(self) -> Storage:
        """The room on the disk."""
        ...

    @property
    def clock(self) -> Clock:
        """The device's clock."""
        ...

    @property
    def salts(self) -> Salts:
        """Unpredictable bytes."""
        ...

    @property
    def books(self) -> Books:
        """Neighbours and links, as they are in memory."""
        ...

    @property
    def store(self) -> Store:
        """Entries, receipts, findings."""
        ...

    @property
    def catalogue(self) -> Catalogue:
        """The county's service items."""
        ...

    @property
    def desk(self) -> Desk:
        """Our own pen."""
        ...

    @property
    def worklists(self) -> Worklists:
        """The read side."""
        ...

    def office_name(self, office: OfficeId) -> str:
        """What an office is called; its code where this node has no name for it."""
        ...

    def known_offices(self) -> Sequence[OfficeId]:
        """Offices of the county that a case may be sent to, as far as this node knows them."""
        ...
