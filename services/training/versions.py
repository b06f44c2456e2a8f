"""`matinee recommend versions` and `matinee recommend use`: the trained models, and the way back to an earlier one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.storage.location import data_setting


@dataclass(frozen=True)
class VersionsSettings:
    """`matinee recommend versions`, `matinee recommend use`."""

    data: Path = data_setting()


class VERSIONS:
    """`matinee recommend versions`."""

    SETTINGS = VersionsSettings

    @staticmethod
    def run(settings: VersionsSettings) -> int:
        """Print the table of trainings; `*` marks the served model, `-` one that was not published."""
        from services.recommend.training.versions import MODELS_FOLDER, ModelVersions

        versions = ModelVersions(settings.data / MODELS_FOLDER)
        current = versions.current()
        stored = {one.version for one in versions.stored()}
        print(f"  {'version':<25} {'trained':<17} {'interactions':>12} {'seconds':>8} {'recall':>7} {'ndcg':>7}")
        for row in versions.rows():
            mark = "*" if row.version == current else "-" if not row.published else " "
            blend = row.metrics.get("blend", {})
            when = datetime.fromtimestamp(row.made, UTC)
            note = ("" if row.version in stored else "  (deleted)") + (f"  {row.why}" if row.why else "")
            print(
                f"{mark} {row.version:<25} {when:%Y-%m-%d %H:%M} {row.interactions:>13} {row.seconds:>8.1f} "
                f"{blend.get('recall', 0.0):>7.4f} {blend.get('ndcg', 0.0):>7.4f}{note}"
            )
        return 0


class USE:
    """`matinee recommend use`."""

    SETTINGS = VersionsSettings

    @staticmethod
    def run(settings: VersionsSettings, version: str) -> int:
        """Let the running service use a stored model. Raises MatineeError if there is none of that name."""
        from services.recommend.training.artefact import load_artefact
        from services.recommend.training.versions import MODELS_FOLDER, ModelVersions

        versions = ModelVersions(settings.data / MODELS_FOLDER)
        load_artefact(versions.path_of(version))
        versions.publish(version)
        print(f"the service uses {version} from now on")
        return 0
