"""What each part of a reload reads, and where it puts it in force (`edge.reload`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from edge.fleet.live_settings import LiveSettings
from edge.fleet.setup import read_keys, read_rules
from edge.policy.authorise import Node
from edge.serve.access_log import AccessLog
from edge.serve.viewer_tls import ViewerTls
from edge.settings import EdgeSettings


class ReloadableEdge(Protocol):
    """The parts of an edge that come from files."""

    settings: EdgeSettings
    node: Node
    live: LiveSettings
    log: AccessLog | None
    tls: ViewerTls | None
    read_again: Callable[[], EdgeSettings] | None
    """Reads the configuration again; None where there is nothing to read."""


def reload_steps(edge: ReloadableEdge) -> dict[str, Callable[[], object]]:
    """For each part, what reads it completely and then puts it in force."""
    return {
        "log": lambda: edge.log.reopen() if edge.log is not None else None,
        "certificate": lambda: _reload_certificate(edge),
        "settings": lambda: _reload_settings(edge),
        "rules": lambda: _reload_rules(edge),
        "keys": lambda: _reload_keys(edge),
    }


def _reload_certificate(edge: ReloadableEdge) -> None:
    if edge.tls is not None:
        edge.tls.reload()


def _reload_settings(edge: ReloadableEdge) -> None:
    if edge.read_again is not None:
        memo = edge.node.memo
        edge.live.restart_from(edge.read_again(), memo.keys if memo is not None else read_keys(edge.settings.keys))


def _reload_rules(edge: ReloadableEdge) -> None:
    if not edge.settings.control:
        edge.node.rules = read_rules(edge.settings.rules)


def _reload_keys(edge: ReloadableEdge) -> None:
    if not edge.settings.control and edge.node.memo is not None:
        edge.node.memo.use_keys(read_keys(edge.settings.keys))
