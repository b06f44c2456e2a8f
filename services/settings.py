"""The services' settings, and checks of their combinations."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from kernel.errors import BadSettings
from kernel.http.door_rules import DoorRules, is_loopback, rules_for
from kernel.settings.door_settings import door
from kernel.settings.store_address import STORE, StoreAddress
from kernel.settings.table import (
    ADDRESS,
    CIDR,
    COUNTRY,
    DURATION,
    INTEGER,
    PATH,
    PATH_OR_OFF,
    SIZE,
    SWITCH,
    TEXT,
    URL,
    Address,
    choice,
    setting,
)
from kernel.vocabulary import REGION, Tier
from services.storage.location import database_setting, password_file_setting

PARTS = ("catalogue", "users", "playback", "events", "analytics", "search", "recommend", "gateway")
"""What `--only` can name."""

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class ServicesSettings:
    """`matinee services`."""

    listen: Address = setting(ADDRESS, "127.0.0.1:8080", "Where viewers and operators connect.")
    tls_cert: Path | None = setting(PATH, None, "PEM file of the certificate chain; with it callers connect by TLS.")
    tls_key: Path | None = setting(PATH, None, "PEM file of the certificate's private key.")
    data: Path = setting(PATH, ".matinee/services", "Folder of the databases, the search index and the secrets.")
    database: str | None = database_setting()
    database_password_file: Path | None = password_file_setting()
    only: tuple[str, ...] = setting(choice(*PARTS), None, "Run only these parts.", many=True)
    peers: tuple[str, ...] = setting(
        URL,
        None,
        "The other processes of the services, where `only` divides the parts: asked for a person's data, sent events.",
        many=True,
    )
    origin: str | None = setting(URL, None, "The origin, whose library lists what can be played.")
    origin_key_file: Path | None = setting(
        PATH, None, "File with the origin's API key, for /content/*; not set: none is sent."
    )
    origin_poll: float = setting(DURATION, "1s", "How often the origin's library is polled.", least=0.05, most=3600)
    search_cutoff: float = setting(
        DURATION, "50ms", "How long a search may take; then it returns the best found so far.", least=0.001, most=10
    )
    control: Address | None = setting(ADDRESS, None, "The control plane, which gets titles, licences and public keys.")
    id: str = setting(TEXT, "services", "This process's name in the fleet.")
    fleet_dir: Path | None = setting(PATH, None, "Folder of the identity that the fleet's control requires.")
    enrol_token: Path | None = setting(PATH, None, "File with the one-time token to join the fleet; removed after use.")
    enrol_at: tuple[Address, ...] = setting(
        ADDRESS, None, "Control's enrolment listener, HOST:PORT, which accepts the token.", many=True
    )
    edges: tuple[str, ...] = setting(URL, None, "Base URLs of the edges that viewers play from.", many=True)
    region: str = setting(TEXT, "eu", "The region in the viewers' paths, /cdn/<region>/.")
    signing_key: Path | None = setting(
        PATH,
        None,
        "PEM file of the Ed25519 key that signs viewers' tokens; created if absent. Not set: DATA/signing.pem.",
    )
    kid: str = setting(TEXT, "matinee-1", "The signing key's name in tokens and in the key set.")
    geo: Path | None = setting(PATH_OR_OFF, "off", "An .mmdb file that maps viewers' addresses to countries, or off.")
    default_country: str | None = setting(COUNTRY, None, "Country of viewers whose address has no known country.")
    trusted_proxies: tuple[IPNetwork, ...] = setting(
        CIDR, None, "Proxies in front of the services whose X-Forwarded-For is trusted.", many=True
    )
    api_key_file: Path | None = setting(PATH, None, "File with the API key; created if absent. Not set: DATA/api.key.")
    insecure_dev: bool = setting(SWITCH, "off", "Require no API key; on loopback only, for development.")
    token_ttl: float | None = setting(
        DURATION, None, "How long a viewer's token is valid. Not set: 6h, or the film's length and an hour.", least=10
    )
    max_sessions: int = setting(
        INTEGER,
        "100000",
        "Number of playback sessions kept; the least recently seen are deleted first.",
        least=1,
        most=100_000_000,
    )
    heartbeat_interval: float = setting(
        DURATION,
        "10s",
        "How often players report their position; a stream is free after three missed.",
        least=0.1,
        most=300,
    )
    guest_tier: str | None = setting(
        choice(*Tier), None, "Let guests watch, as with a plan of this tier. Not set: guests have to log in."
    )
    guest_streams: int = setting(INTEGER, "1", "Screens at once of a guest.", least=1, most=100)
    valkey: str | None = setting(
        TEXT, None, "valkey://host:6379 that keeps sessions and positions. Not set: `database` does."
    )
    valkey_password_file: Path | None = setting(PATH, None, "File with the password of `valkey`.")
    steering_ttl: float = setting(
        DURATION, "10s", "How long players wait between steering requests.", least=1, most=300
    )
    trend_half_life: float = setting(
        DURATION, "3d", "Time after which an event has half its weight in the trends.", least=60
    )
    train_every: float = setting(
        DURATION, "1h", "How often the recommendations are trained while feedback comes in; 0 never.", least=0
    )
    recommend_deadline: float = setting(
        DURATION, "20ms", "Time after which a list is the country's trend instead.", least=0.001, most=10
    )
    recommend_memory: int = setting(SIZE, "256MiB", "Memory for what viewers watched.", least=1 << 20)
    recommend_diversity: int = setting(
        INTEGER, "30", "How far the titles of a row differ from each other, in percent.", least=0, most=100
    )
    recommend_exploration: int = setting(
        INTEGER, "0", "Lists with one title drawn at random, which is logged, in percent.", least=0, most=20
    )
    recommend_impressions: int = setting(
        INTEGER, "10", "Viewers whose lists without an experiment are recorded, in percent.", least=0, most=100
    )
    experiment_holdout: int = setting(
        INTEGER, "0", "Profiles that see no experiment, to compare all of them with, in percent.", least=0, most=50
    )
    signup_tier: str = setting(choice(*Tier), "hd", "The plan of a new account: the renditions it may watch.")
    signup_streams: int = setting(INTEGER, "2", "The plan of a new account: screens at once.", least=1, most=100)
    login_ttl: float = setting(DURATION, "60d", "How long a device stays logged in while it is not used.", least=60)
    device_ttl: float = setting(DURATION, "365d", "When a device that was not seen is forgotten.", least=60)
    positions_keep: float = setting(
        DURATION, "730d", "How long the positions of a profile are kept after it watched the title last.", least=60
    )
    feedback_keep: float = setting(
        DURATION, "730d", "How long likes, dislikes and views are kept for recommendations.", least=60
    )
    personal_keys: str | None = setting(
        TEXT,
        None,
        "Keys that seal e-mail addresses and device names: a file of lines name:base64, env:NAME, or command:PROGRAM.",
    )
    smtp: Address | None = setting(ADDRESS, None, "The mail server that sends links for new passwords.")
    smtp_tls: bool = setting(SWITCH, "on", "Start TLS with the mail server.")
    smtp_user: str | None = setting(TEXT, None, "The user's name at the mail server. Not set: the sender's address.")
    smtp_password_file: Path | None = setting(PATH, None, "File with the password for the mail server.")
    mail_from: str | None = setting(TEXT, None, "The sender of mails; needed with `smtp`.")
    public_url: str | None = setting(URL, None, "Where viewers reach the page, for links in mails; needed with `smtp`.")
    oidc_issuer: str | None = setting(URL, None, "An OpenID Connect provider through which viewers may log in.")
    oidc_client_id: str | None = setting(
        TEXT, None, "The provider's name for this platform; needed with `oidc_issuer`."
    )
    oidc_client_secret_file: Path | None = setting(PATH, None, "File with the secret that the provider gave out.")
    events_keep: float = setting(
        DURATION, "7d", "How long events are kept after every consumer has read them.", least=60
    )
    events_max_bytes: int = setting(
        SIZE, "20GiB", "Size of the event log at which new events are refused until consumers catch up.", least=1 << 20
    )
    events_per_address: int = setting(
        INTEGER, "20", "Batches of events a second that one address may send; 429 beyond.", least=1, most=1_000_000
    )
    events_rate: int = setting(
        INTEGER, "5000", "Batches of events a second that this process takes; 429 beyond.", least=1, most=1_000_000
    )
    lake: StoreAddress | None = setting(
        STORE, None, "Where events and views are kept as Parquet: a folder, or s3://BUCKET/PREFIX. Not set: DATA/lake."
    )
    lake_credentials: Path | None = setting(
        PATH,
        None,
        "File of S3 credentials for `lake` in AWS's form. Not set: AWS's environment variables or the machine's role.",
    )
    lake_flush: float = setting(
        DURATION, "5m", "How often events and views are written to the lake.", least=1, most=3600
    )
    lake_events_keep: float = setting(DURATION, "30d", "How long events are kept in the lake.", least=3600)
    lake_views_keep: float = setting(DURATION, "400d", "How long views are kept in the lake.", least=3600)
    kafka: str | None = setting(
        TEXT, None, "HOST:PORT,… of Kafka's brokers, to which the event log is forwarded as well. Not set: to none."
    )
    kafka_topic: str = setting(TEXT, "matinee-events", "The topic that events are forwarded to.")
    drm_master_key: str | None = setting(
        TEXT,
        None,
        "Keys that seal the content keys: FILE, env:NAME or command:PROGRAM; the first line seals. "
        "Not set: DATA/drm-master.key, created if absent.",
    )
    widevine_url: str | None = setting(URL, None, "The vendor's Widevine licence server; not set: no Widevine.")
    playready_url: str | None = setting(URL, None, "The vendor's PlayReady licence server; not set: no PlayReady.")
    fairplay_url: str | None = setting(URL, None, "The vendor's FairPlay licence server; not set: no FairPlay.")
    fairplay_certificate: Path | None = setting(PATH, None, "File of FairPlay's application certificate.")
    drm_communication_key_id: str | None = setting(TEXT, None, "The DRM vendor's id (a UUID) of the communication key.")
    drm_communication_key: Path | None = setting(
        PATH, None, "File of the communication key, which signs the vendor's entitlement tokens: 32 bytes in base64."
    )
    drain: float = setting(DURATION, "30s", "How long running responses may take to finish at a stop.", least=0)
    allowed_hosts: tuple[str, ...] = door("allowed_hosts")
    max_connections: int = door("max_connections")
    max_connections_per_address: int | None = door("max_connections_per_address")
    head_timeout: float = door("head_timeout")
    body_timeout: float = door("body_timeout")
    idle_timeout: float = door("idle_timeout")
    stall_timeout: float = door("stall_timeout")

    @property
    def signing_key_file(self) -> Path:
        """The file of the signing key."""
        return self.signing_key or self.data / "signing.pem"

    @property
    def api_key_path(self) -> Path:
        """The file of the API key."""
        return self.api_key_file or self.data / "api.key"

    def runs(self, part: str) -> bool:
        """Whether this process runs that part."""
        return not self.only or part in self.only


def door_rules(settings: ServicesSettings) -> DoorRules:
    """The allowed hosts. If the services are public and `allowed_hosts` is not set, all hosts are allowed."""
    unknown = not settings.allowed_hosts and not settings.insecure_dev
    public = bool(settings.trusted_proxies) or not is_loopback(settings.listen.host)
    return rules_for(settings.listen, settings.allowed_hosts, any_name=unknown and public)


def check_settings(settings: ServicesSettings) -> None:
    """Reject invalid values and combinations. Raises BadSettings naming the setting."""
    if settings.insecure_dev and not is_loopback(settings.listen.host):
        raise BadSettings(
            "insecure_dev",
            f"works on loopback only, but `listen` is {settings.listen}: turn it off, or listen on 127.0.0.1",
        )
    if (settings.tls_cert is None) != (settings.tls_key is None):
        missing = "tls_key" if settings.tls_key is None else "tls_cert"
        raise BadSettings(missing, "is missing: TLS needs both a certificate and its key")
    if not REGION.fullmatch(settings.region):
        raise BadSettings("region", f"{settings.region!r} is not valid: use lower-case letters, digits and hyphens")
    if settings.oidc_issuer is not None:
        for name in ("oidc_client_id", "oidc_client_secret_file", "public_url"):
            if getattr(settings, name) is None:
                raise BadSettings(name, "is needed with `oidc_issuer`")
    if settings.smtp is not None and not (settings.mail_from and settings.public_url):
        missing = "public_url" if settings.mail_from else "mail_from"
        raise BadSettings(missing, "is needed with `smtp`")
    if settings.geo is not None and not settings.geo.is_file():
        raise BadSettings("geo", f"there is no file {settings.geo}")
    if settings.data.exists() and not settings.data.is_dir():
        raise BadSettings("data", f"{settings.data} is not a folder")
    if settings.signing_key is not None and settings.signing_key.is_dir():
        raise BadSettings("signing_key", f"{settings.signing_key} is a folder, not a PEM file")
