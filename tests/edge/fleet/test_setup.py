"""Whether an edge is a member of a fleet, by its settings."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edge.fleet.control_link import ControlCallbacks
from edge.fleet.jobs import CONTACT_SECONDS, Checkpoint
from edge.fleet.setup import (
    catch_up_on_purges,
    connect_receipts,
    identity_of,
    job_runner_of,
    read_keys,
    read_rules,
    subscriber_of,
    with_job_callbacks,
)
from edge.policy.rules import Rules
from edge.settings import EdgeSettings
from kernel.auth.signing_keys import generate_ed25519_pem, public_jwks
from kernel.errors import BadSettings
from kernel.settings.table import resolve
from rpc.identity_file import IdentityFile
from system.clock import SystemClock
from tests.certificates import credentials, fleet_authority
from tests.doubles.clock import FakeClock

MADE = credentials(fleet_authority())


def settings_of(folder: Path, **texts: str) -> EdgeSettings:
    given = {"id": "e1", "upstream": "http://127.0.0.1:9", "control": "127.0.0.1:1", "fleet_dir": str(folder)} | texts
    return resolve(EdgeSettings, flags={name: [text] for name, text in given.items()})


def test_on_one_machine_control_is_followed_in_plain_text(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    assert identity_of(settings, SystemClock()) is None
    assert subscriber_of(settings, SystemClock(), print, ControlCallbacks(), None, None) is not None


def test_a_control_elsewhere_asks_for_an_identity(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"control.*no identity"):
        identity_of(settings_of(tmp_path, control="192.0.2.1:1"), SystemClock())


async def test_a_member_knows_itself(tmp_path: Path) -> None:
    IdentityFile(tmp_path).save(MADE)
    settings = settings_of(tmp_path, control="192.0.2.1:1")
    who = identity_of(settings, SystemClock())
    assert who is not None
    assert who.current == MADE
    assert subscriber_of(settings, SystemClock(), print, ControlCallbacks(), who, None) is not None


async def test_a_folder_of_another_node_is_refused(tmp_path: Path) -> None:
    IdentityFile(tmp_path).save(MADE)
    with pytest.raises(BadSettings, match="identity of edge e1, not of edge e2"):
        identity_of(settings_of(tmp_path, id="e2"), SystemClock())


def test_without_control_there_are_no_jobs(tmp_path: Path) -> None:
    settings = resolve(EdgeSettings, flags={"upstream": ["http://127.0.0.1:9"], "tokens": ["off"]})
    unused: Any = None
    assert job_runner_of(settings, unused, unused, unused, SystemClock(), unused) is None
    callbacks = ControlCallbacks()
    assert with_job_callbacks(callbacks, None) is callbacks
    connect_receipts(None, None)


@pytest.mark.parametrize(("contact", "before"), [(0.0, float("inf")), (100.0, -100.0 + CONTACT_SECONDS)])
async def test_objects_older_than_the_last_contact_are_marked_stale(monkeypatch, contact: float, before: float):
    async def settled() -> bool:
        return False

    calls = []

    async def mark(tiers: object, moment: float) -> int:
        calls.append((tiers, moment))
        return 3

    monkeypatch.setattr("edge.fleet.setup.mark_stale_before", mark)
    clock, cache = FakeClock(), SimpleNamespace(tiers="tiers")
    checkpoint = Checkpoint(contact=contact and clock.wall() - contact)
    jobs = SimpleNamespace(wait_until_caught_up=settled, checkpoint=checkpoint)
    assert await catch_up_on_purges(jobs, cache, clock) == 3  # type: ignore[arg-type]
    assert calls == [("tiers", clock.mono() + before if contact else before)]


def test_without_files_everything_is_allowed_and_no_key_verifies() -> None:
    """The edge alone."""
    assert read_rules(None) == Rules()
    assert len(read_keys(None)) == 0


def test_good_files_are_read(tmp_path: Path) -> None:
    """RULES.json and a JWKS."""
    (tmp_path / "rules.json").write_text(json.dumps({"default": "deny"}))
    (tmp_path / "keys.json").write_text(json.dumps(public_jwks(generate_ed25519_pem(), "k1")))
    assert read_rules(tmp_path / "rules.json").unlisted is not None
    assert read_keys(tmp_path / "keys.json").find("k1") is not None


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"titles": 5}', '{"keys": [{"kty": "oct"}]}', "\0"])
@pytest.mark.parametrize("read", [read_rules, read_keys])
def test_bad_files_name_the_setting_and_the_file(tmp_path: Path, content: str | None, read) -> None:
    """One sentence for the operator, whatever is wrong."""
    file = tmp_path / "file.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BadSettings) as caught:
        read(file)
    assert "file.json" in str(caught.value)
    assert caught.value.setting in ("rules", "keys")
