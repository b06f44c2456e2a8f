"""Enrolment: an operator makes a token for one node, and the node exchanges it once for a certificate.

Only the hash of a token's secret is stored. A token is used under the lock of all changes, so of two nodes that present
it at the same time, to any replicas, one gets a certificate. A node whose answer was lost may repeat its request with
the same key until the token expires.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import structlog
from cryptography import x509
from sqlalchemy import delete, func, insert, select, update

from control.audit.entry import Action, AuditEntry, Author, Call
from control.db.schema import tokens
from control.db.store import Store, Tx
from control.desired.changes import canonical
from control.fleet import nodes
from control.trust.authority import Authority
from kernel.clock import Clock
from kernel.documents import BadDocument, parse_object
from kernel.fleet.identity import (
    CONTROL_NAME,
    ENROLLED,
    SECRET_BYTES,
    BadIdentity,
    Identity,
    enrolment_token,
    identity,
    key_hash,
    read_token,
    request_name,
)
from kernel.fleet.messages import NODE_ID
from kernel.settings.setting_types import parse_duration

TTL = 3_600.0
MAX_TTL = 30 * 86_400.0
MAX_TOKENS = 10_000
DELETE_AFTER = 7 * 86_400.0
"""Seconds for which an expired token is remembered, so that a late node learns the reason."""
MAX_TOKEN_LENGTH = 64

log = structlog.get_logger("control")


class EnrolmentRejected(Exception):
    """No certificate is issued; the text tells the caller why."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """An operator's request for a token: the node, its role and region, and the token's validity in seconds."""

    id: str
    role: str = "edge"
    region: str = ""
    ttl: float = TTL


@dataclass(frozen=True, slots=True)
class EnrolmentToken:
    """An enrolment token, shown once. `expires` in Unix seconds."""

    text: str
    expires: float


def parse_invitation(value: object) -> Invitation:
    """Parse an invitation: `{"id", "role", "region", "ttl": seconds or "1h"}`. Raises BadDocument."""
    members = parse_object(value, "", ("id", "role", "region", "ttl"))
    node_id, role, region = members.get("id"), members.get("role", "edge"), members.get("region", "")
    if not isinstance(node_id, str) or not NODE_ID.fullmatch(node_id) or node_id.lower() == CONTROL_NAME:
        raise BadDocument("id", "must be a node's id: letters, digits, dots, hyphens, at most 64")
    if role not in ENROLLED:
        raise BadDocument("role", f"must be one of {', '.join(ENROLLED)}")
    if not isinstance(region, str) or len(region) > MAX_TOKEN_LENGTH or not region.isprintable():
        raise BadDocument("region", f"must be at most {MAX_TOKEN_LENGTH} printable characters")
    return Invitation(node_id, str(role), region, _ttl(members.get("ttl", TTL)))


def _ttl(value: object) -> float:
    try:
        seconds = parse_duration(value) if isinstance(value, str) else value
    except ValueError as error:
        raise BadDocument("ttl", str(error)) from None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 1 <= seconds <= MAX_TTL:
        raise BadDocument("ttl", "must be from 1 second to 30 days")
    return float(seconds)


class Enrolment:
    """Makes tokens and certificates. `life`: validity of a certificate in seconds."""

    def __init__(self, store: Store, authority: Authority, clock: Clock, life: float) -> None:
        self._store = store
        self._authority = authority
        self._clock = clock
        self._life = life

    @property
    def authority(self) -> bytes:
        """The authority's certificate (PEM), which nodes trust."""
        return self._authority.pem

    async def invite(
        self, asked: Invitation, *, author: str, reason: str = "", call: Call | None = None
    ) -> EnrolmentToken:
        """Make a token for one node. Raises BadDocument, Overloaded, StorageFailed."""
        now = self._clock.wall()
        text = enrolment_token(self._authority.fingerprint, secrets.token_bytes(SECRET_BYTES))
        _, kept = read_token(text)
        token = EnrolmentToken(text, now + asked.ttl)

        async def work(tx: Tx) -> None:
            await tx.connection.execute(delete(tokens).where(tokens.c.expires < now - DELETE_AFTER))
            if (await tx.connection.execute(select(func.count()).select_from(tokens))).scalar_one() >= MAX_TOKENS:
                raise BadDocument("id", f"there are {MAX_TOKENS} enrolment tokens already")
            row = {"hash": kept, "id": asked.id, "role": asked.role, "region": asked.region}
            await tx.connection.execute(
                insert(tokens).values(**row, author=author[:200], at=now, expires=token.expires)
            )
            said = {"role": asked.role, "region": asked.region, "ttl": asked.ttl}
            tx.touch("token", asked.id, None, canonical(said))
            tx.add_audit_entry(AuditEntry(Action.ENROLMENT_MAKE, asked.id, None, said))
            tx.announce("tokens")

        await self._store.transact(work, Author(author, now, reason or f"{asked.role} {asked.id} may join", call))
        return token

    async def enrol(self, token: str, request: bytes, call: Call | None = None) -> bytes:
        """Exchange a token for a certificate (PEM). Raises EnrolmentRejected, Overloaded, StorageFailed."""
        now = self._clock.wall()
        try:
            _, kept = read_token(token)
            key, name = key_hash(request), request_name(request)
        except BadIdentity as error:
            raise EnrolmentRejected(str(error)) from None

        async def work(tx: Tx) -> bytes:
            row = (await tx.connection.execute(select(tokens).where(tokens.c.hash == kept))).mappings().first()
            if row is None:
                raise EnrolmentRejected("this enrolment token is unknown, or it expired long ago")
            if row["expires"] <= now:
                raise EnrolmentRejected("this enrolment token has expired")
            if row["used"] is not None and row["node_key"] != key:
                raise EnrolmentRejected("this enrolment token has been used")
            if name != row["id"]:
                raise EnrolmentRejected(f"this enrolment token is for {row['id']}, not for {name[:MAX_TOKEN_LENGTH]}")
            made = self._issue(request, row["id"], row["role"], now)
            if row["used"] is None:
                await tx.connection.execute(update(tokens).where(tokens.c.hash == kept).values(used=now, node_key=key))
                await nodes.enrol(tx, row["id"], row["role"], row["region"], identity(made).ends)
                tx.announce("tokens")
            tx.add_audit_entry(AuditEntry(Action.NODE_ENROL, row["id"], None, _audit_value(made, row["role"])))
            return made

        by = Author(name[:MAX_TOKEN_LENGTH], now, f"{name[:MAX_TOKEN_LENGTH]} joins with a token", call)
        try:
            made: bytes = await self._store.transact(work, by)
        except EnrolmentRejected as error:
            log.warning("enrolment-rejected", id=name[:MAX_TOKEN_LENGTH], why=str(error))
            raise
        log.info("node-enrolled", id=name)
        return made

    async def renew(self, who: Identity, request: bytes, call: Call | None = None) -> bytes:
        """Issue a new certificate (PEM) to the same node. Raises EnrolmentRejected, Overloaded, StorageFailed."""
        now = self._clock.wall()
        made = self._issue(request, who.id, who.role, now)

        async def work(tx: Tx) -> None:
            await nodes.record_renewal(tx.connection, who.id, identity(made).ends)
            tx.add_audit_entry(AuditEntry(Action.NODE_RENEW, who.id, {"ends": who.ends}, _audit_value(made, who.role)))
            tx.announce("nodes")

        await self._store.transact(work, Author(who.id, now, "its certificate is renewed", call))
        return made

    def _issue(self, request: bytes, node_id: str, role: str, now: float) -> bytes:
        try:
            return self._authority.issue(request, node_id, role, now, self._life)
        except BadIdentity as error:
            raise EnrolmentRejected(str(error)) from None


def _audit_value(certificate: bytes, role: str) -> dict[str, object]:
    """A certificate as the audit log holds it."""
    made = x509.load_pem_x509_certificates(certificate)[0]
    return {"role": role, "serial": f"{made.serial_number:x}", "ends": identity(certificate).ends}
