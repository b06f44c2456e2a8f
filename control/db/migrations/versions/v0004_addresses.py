"""Where viewers reach a node, by an operator's word; what enrolled nodes have said so far counts as that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Loopback addresses stay the nodes' own word: their ports change from start to start."""
    op.add_column("nodes", sa.Column("address", sa.String(300), nullable=False, server_default=""))
    op.execute(
        "UPDATE nodes SET address = (SELECT edges.address FROM edges WHERE edges.id = nodes.id) "
        "WHERE enrolled IS NOT NULL AND EXISTS (SELECT 1 FROM edges WHERE edges.id = nodes.id "
        "AND edges.address NOT LIKE '127.%' AND edges.address NOT LIKE 'localhost%' AND edges.address NOT LIKE '[::%' "
        "AND edges.address NOT LIKE '0.0.0.0%')"
    )
