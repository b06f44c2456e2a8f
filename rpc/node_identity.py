"""A node's identity while its process runs: it enrols the node once and renews its certificate.

`connect` is for the subscriber of an edge. New connections use a renewed certificate; nothing is restarted.
docs/operating.md describes how a node joins the fleet.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from kernel.clock import Clock
from kernel.errors import BadRequest, BadSettings, MatineeError, StorageFailed, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.fleet.identity import BadIdentity, fingerprint, make_key, read_token, request
from kernel.http.door_rules import is_loopback
from kernel.settings.setting_types import Address
from rpc.edge_stream import EdgeStream
from rpc.enrol import enrol, renew
from rpc.identity_file import Credentials, IdentityFile

MIN_RETRY = 1.0
MAX_RETRY = 600.0
ERROR_SHARE = 1 / 6
"""The share of its lifetime below which a failed renewal is logged as an error instead of a warning."""
MAX_TOKEN = 4_096

log = structlog.get_logger("identity")


class NodeIdentity:
    """The identity in `folder` of node `node_id` with `role`; it enrols with the token in `token_file` if needed.

    `enrol_at`: the enrolment listeners of control; `control`: where it renews. Raises BadSettings if the identity or
    token is not of this node.
    """

    def __init__(
        self,
        folder: Path,
        node_id: str,
        role: str,
        control: Sequence[str],
        clock: Clock,
        *,
        token_file: Path | None = None,
        enrol_at: Sequence[str] = (),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._file = IdentityFile(folder)
        self._id, self._role = node_id, role
        self._control = list(control)
        self._clock = clock
        self._token_file = token_file
        self._enrol_at = list(enrol_at)
        self._jitter = jitter
        self._joining = asyncio.Lock()
        self._changed = asyncio.Event()
        self.current: Credentials | None = self._load()
        """The current credentials; None before the enrolment."""
        if self.current is None and self._token() is None:
            raise BadSettings("enrol_token", f"{token_file} does not exist, and {folder} has no identity yet")

    def _load(self) -> Credentials | None:
        try:
            held = self._file.load()
        except BadIdentity as error:
            if self._token_file is None or not self._token_file.exists():
                raise BadSettings("fleet_dir", f"{error}; enrol this node again, with --enrol-token") from None
            log.warning("identity-unusable", error=str(error))
            return None
        except StorageFailed as error:
            raise BadSettings("fleet_dir", str(error)) from None
        if held is not None and (held.identity.id, held.identity.role) != (self._id, self._role):
            raise BadSettings(
                "fleet_dir",
                f"{self._file.path} is the identity of {held.identity.role} {held.identity.id}, "
                f"not of {self._role} {self._id}",
            )
        return held

    # -- joining

    async def credentials(self) -> Credentials:
        """The credentials for a connection; enrols first if needed. Raises UpstreamFailed."""
        async with self._joining:
            try:
                token = self._token()
            except BadSettings as error:
                log.warning("enrolment-token-unreadable", error=str(error))
                token = None
            if token is not None:
                await self._join(token)
        held = self.current
        if held is None:
            raise UpstreamFailed(UpstreamReason.NOT_ENROLLED, detail="this node has no identity and no enrolment token")
        if held.identity.ends <= self._clock.wall():
            raise UpstreamFailed(
                UpstreamReason.IDENTITY_ENDED,
                detail="this node's certificate has expired: enrol it again, with --enrol-token",
            )
        return held

    async def connect(self, address: str) -> EdgeStream:
        """Connect to control at HOST:PORT. Raises UpstreamFailed."""
        return await EdgeStream.connect(address, await self.credentials())

    async def _join(self, token: str) -> None:
        """Enrol with the token. If that fails while the node has a valid identity, only log a warning."""
        try:
            _, used = read_token(token)
            if self.current is None or self.current.token != used:
                await self._enrol(token, used)
            self._forget_token()
        except (MatineeError, BadIdentity) as error:
            why = f"joining the fleet: {error}"
            if self.current is None or self.current.identity.ends <= self._clock.wall():
                raise UpstreamFailed(UpstreamReason.NOT_ENROLLED, retry=True, detail=why) from None
            log.warning("enrolment-token-unusable", error=why)

    async def _enrol(self, token: str, used: str) -> None:
        key = await asyncio.to_thread(self._file.pending_key)
        failed: MatineeError | None = None
        for address in self._enrol_at:
            try:
                chain, authority = await enrol(address, token, request(key, self._id))
                break
            except UpstreamFailed as error:
                failed = error
        else:
            raise failed or BadRequest(400, "no-address", "no address to enrol at: set --enrol-at HOST:PORT")
        made = Credentials.from_parts(key, chain, authority, used)
        if (made.identity.id, made.identity.role) != (self._id, self._role):
            raise BadIdentity(
                f"the token is for {made.identity.role} {made.identity.id}, this node is {self._role} {self._id}"
            )
        await asyncio.to_thread(self._file.save, made)
        self._file.delete_pending_key()
        self._use(made)
        log.info("node-enrolled", id=self._id, role=self._role)

    def _token(self) -> str | None:
        if self._token_file is None:
            return None
        try:
            with self._token_file.open(encoding="utf-8") as file:
                return file.read(MAX_TOKEN).strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise BadSettings("enrol_token", f"{self._token_file} cannot be read: {error}") from None

    def _forget_token(self) -> None:
        """Delete the used token: it is worthless now, but looks like a secret."""
        if self._token_file is None:
            return
        try:
            self._token_file.unlink(missing_ok=True)
        except OSError:
            with contextlib.suppress(OSError):
                self._token_file.write_bytes(b"")

    # -- renewing

    async def run(self) -> None:
        """Renew the certificate at two thirds of its lifetime, for ever."""
        failures = 0
        while True:
            self._changed.clear()
            held = self.current
            await self._until(None if held is None else self._due(held, failures))
            if held is None or held is not self.current:
                failures = 0
                continue
            failures = 0 if await self._renew(held) else failures + 1

    def _due(self, held: Credentials, failures: int) -> float:
        """Seconds until the next attempt, with jitter so that nodes enrolled together do not renew at once."""
        now, who = self._clock.wall(), held.identity
        if failures:
            wait = max(MIN_RETRY, min(MAX_RETRY, who.life / 60, 2.0 ** min(failures, 16)))
            return wait * (0.5 + self._jitter() / 2)
        return max(0.0, who.renew_at() - now) + self._jitter() * who.life / 60

    async def _renew(self, held: Credentials) -> bool:
        key = make_key()
        address = self._control[0]
        self._control.append(self._control.pop(0))  # the next attempt uses another replica
        try:
            chain, authority = await renew(address, held, request(key, self._id))
            made = Credentials.from_parts(key, chain, authority, held.token)
            await asyncio.to_thread(self._file.save, made)
        except (MatineeError, BadIdentity) as error:
            left = held.identity.ends - self._clock.wall()
            loud = left < held.identity.life * ERROR_SHARE
            (log.error if loud else log.warning)(
                "certificate-renewal-failed", error=str(error), ends_in=round(left), id=self._id
            )
            return False
        self._use(made)
        log.info("certificate-renewed", id=self._id, ends=round(made.identity.ends))
        return True

    def _use(self, made: Credentials) -> None:
        self.current = made
        self._changed.set()

    async def _until(self, seconds: float | None) -> None:
        """Wait until `seconds` have passed (None: for ever) or the identity changed."""
        timer = None if seconds is None else self._clock.call_later(seconds, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            if timer is not None:
                timer.cancel()


def authority_fingerprint(held: Credentials) -> bytes:
    """The fingerprint of the authority that a node trusts."""
    return fingerprint(held.authority)


def needs_identity(
    folder: Path | None, control: Sequence[Address], token_file: Path | None, enrol_at: Sequence[Address]
) -> bool:
    """Whether a node has or needs an identity; without one it uses plain text, to control on loopback only.

    Raises BadSettings.
    """
    if token_file is not None and folder is None:
        raise BadSettings("fleet_dir", "enrolment needs a folder for the node's identity")
    if token_file is not None and not enrol_at:
        raise BadSettings("enrol_at", "enrolment needs the address of control's enrolment listener, HOST:PORT")
    if token_file is not None or (folder is not None and IdentityFile(folder).path.exists()):
        return True
    for address in control:
        if not is_loopback(address.host):
            raise BadSettings(
                "control",
                f"{address} is not a loopback address and this node has no identity: `matinee fleet enrol` creates a "
                "token, --enrol-token FILE uses it",
            )
    return False
