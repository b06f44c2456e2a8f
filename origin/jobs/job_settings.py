"""The settings of the ingest service, and what of them its worker processes are told."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import msgspec

from kernel.errors import BadSettings
from kernel.settings.table import CIDR, DURATION, INTEGER, PATH, SIZE, SWITCH, TEXT, URL, setting
from origin.ingest.limit_settings import limit_setting
from origin.ingest.limits import Limits
from system.database.engine import DatabaseAddress, read_address

DATABASE = "jobs.sqlite3"


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """The ingest service's part of `matinee origin`."""

    data: Path | None = setting(
        PATH,
        None,
        "Folder of the job queue, of uploads and of jobs' files. "
        "Not set: next to the store, its name with `-jobs`; .matinee/jobs for a bucket.",
    )
    database: str | None = setting(
        TEXT, None, "postgresql://[user@]host/name of the job queue. Not set: an SQLite file in `data`."
    )
    database_password_file: Path | None = setting(PATH, None, "File that holds the password of `database`.")
    workers: int = setting(
        INTEGER,
        "1",
        "Worker processes for ingest jobs, started when there is work; 0: only workers elsewhere (`origin worker`).",
        least=0,
        most=256,
    )
    encoder_threads: int = setting(
        INTEGER, "0", "Threads of one encoder; 0: as many as there are CPUs.", least=0, most=256
    )
    lease: float = setting(
        DURATION, "30s", "How long a worker may be silent before its step is given to another.", least=1, most=3600
    )
    adopt_after: float = setting(
        DURATION,
        "2m",
        "How long another origin on the same `database` may be silent before its jobs are done here; 0: never.",
        least=0,
    )
    stuck_after: float = setting(
        DURATION, "10m", "How long a step may stand still, or wait for a worker, before an alert.", least=1
    )
    jobs_keep: float = setting(DURATION, "30d", "How long the records of ended jobs and alerts are kept.", least=60)
    failed_keep: float = setting(DURATION, "1d", "How long the files of failed jobs are kept for a retry.", least=0)
    api_key_file: Path | None = setting(
        PATH, None, "File with the API key that /content/* needs. Not set: only this machine may use it, without a key."
    )
    ingest_folders: tuple[Path, ...] = setting(PATH, None, "Folders whose files `fileLocation` may name.", many=True)
    ingest_hosts: tuple[str, ...] = setting(
        TEXT, None, "Hosts of https URLs in `fileLocation`: name[:port], or *.name for all below it.", many=True
    )
    ingest_buckets: tuple[str, ...] = setting(
        TEXT, None, "Buckets of s3:// URLs in `fileLocation`: bucket[/prefix].", many=True
    )
    ingest_networks: tuple[IPv4Network | IPv6Network, ...] = setting(
        CIDR, None, "Networks that are not public and where `ingest_hosts` may be all the same.", many=True
    )
    ingest_max_size: int = setting(SIZE, "128GiB", "The largest film that is taken in.", least=1)
    ingest_max_length: float = limit_setting("ingest_max_length")
    ingest_max_frames: int = limit_setting("ingest_max_frames")
    ingest_max_streams: int = limit_setting("ingest_max_streams")
    ingest_max_pixels: int = limit_setting("ingest_max_pixels")
    ingest_max_output: int = limit_setting("ingest_max_output")
    max_uploads: int = setting(INTEGER, "200", "Unfinished uploads at a time.", least=1, most=1_000_000)
    upload_ttl: float = setting(DURATION, "1d", "How long an unfinished upload may be idle.", least=1)
    masters: bool = setting(SWITCH, "on", "Keep the films as masters in the store, so that they can be encoded again.")
    ingest_preset: str | None = setting(TEXT, None, "x264's preset for all jobs. Not set: the profile's.")
    ingest_rungs: int = setting(
        INTEGER, "0", "The most renditions of a ladder; 0: as the profile says.", least=0, most=10
    )
    steering: str | None = setting(
        URL, None, "Gateway for content steering, which tells players the edge to use; not set: none."
    )
    key_server: str = setting(
        URL, "http://127.0.0.1:8080", "The services, whose key server makes the keys of an encrypted title."
    )
    key_server_key_file: Path = setting(
        PATH, ".matinee/services/api.key", "File with the services' API key; absent: none is sent."
    )
    announce_catalogue: str | None = setting(
        URL, None, "The services, which are told of new publications at once; not set: they find out by polling."
    )
    announce_control: str | None = setting(
        URL, None, "Control's REST API, which pushes new publications to the edges; not set: none is pushed."
    )
    announce_control_key_file: Path | None = setting(PATH, None, "File with an API key of control.")
    push_region: str = setting(TEXT, "local", "The region in the paths that control pushes, /cdn/<region>/.")
    push_segments: int = setting(
        INTEGER, "3", "First segments of each rendition that control pushes.", least=0, most=1000
    )
    ffmpeg: str | None = setting(TEXT, None, "The ffmpeg to run; not set: the packaged one, otherwise that on PATH.")
    ffprobe: str | None = setting(TEXT, None, "The ffprobe to run; not set: the packaged one, otherwise that on PATH.")
    packager: str | None = setting(
        TEXT, None, "The Shaka packager to run; not set: the packaged one, otherwise that on PATH."
    )


class WorkerOptions(msgspec.Struct, frozen=True):
    """What a worker process is told, as JSON on its standard input. No secrets: files hold those."""

    parent: int
    worker: str
    home: str
    data: str
    stores: dict[str, str]
    """Of `StoreLocations.to_texts`."""
    database: str | None
    database_password_file: str | None
    threads: int
    lease: float
    idle_exit: float
    folders: tuple[str, ...]
    hosts: tuple[str, ...]
    buckets: tuple[str, ...]
    networks: tuple[str, ...]
    max_size: int
    masters: bool
    preset: str | None
    rungs: int
    limits: Limits
    key_server: str
    key_server_key_file: str
    announce_catalogue: str | None
    announce_control: str | None
    announce_control_key_file: str | None
    push_region: str
    push_segments: int
    ffmpeg: str | None
    ffprobe: str | None
    packager: str | None


def job_database(database: str | None, password_file: Path | None, data: Path) -> DatabaseAddress:
    """Where the queue is. Raises BadSettings."""
    if database is not None and "://" not in database:
        raise BadSettings("database", "is a postgresql:// URL; the SQLite file is in the folder that `data` names")
    return read_address(database, data / DATABASE, password_file)
