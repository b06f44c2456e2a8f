"""What `matinee up` runs, as data: which programs, with which flags, on which ports, in which order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PORTS_ABOVE = 1002
"""The highest port used is this much above the chosen one."""

KID = "matinee-1"
REGION = "local"


@dataclass(frozen=True, slots=True)
class Part:
    """One program: the `matinee` arguments, where it listens, and the URL that says whether it is well."""

    name: str
    arguments: tuple[str, ...]
    listens: tuple[tuple[str, int], ...]
    health: str
    does: str


@dataclass(frozen=True, slots=True)
class Member:
    """A node of the fleet; `folder` is where its identity lies."""

    id: str
    role: str
    folder: Path

    @property
    def token(self) -> Path:
        """Where it finds the token to join with."""
        return self.folder / "enrol.token"


@dataclass(frozen=True, slots=True)
class Places:
    """The addresses of a platform whose pages are on `port`."""

    port: int

    @property
    def page(self) -> str:
        """The address that people open."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def edges(self) -> tuple[str, str]:
        """The two edges' public addresses: one port, two loopback addresses."""
        return f"http://127.0.0.1:{self.port + 1}", f"http://127.0.0.2:{self.port + 1}"

    @property
    def shield(self) -> str:
        """The shield, asked by the edges."""
        return f"http://127.0.0.1:{self.port + 2}"

    @property
    def origin(self) -> str:
        """The origin, asked by the shield."""
        return f"http://127.0.0.1:{self.port + 3}"

    @property
    def control(self) -> str:
        """HOST:PORT of the control plane's gRPC."""
        return f"127.0.0.1:{self.port + 4}"

    @property
    def enrol(self) -> str:
        """HOST:PORT where nodes join the fleet."""
        return f"127.0.0.1:{self.port + 6}"

    @property
    def control_rest(self) -> str:
        """The control plane's REST, for operators."""
        return f"http://127.0.0.1:{self.port + 5}"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the operator chose, and where the state lies (absolute)."""

    places: Places
    state: Path
    default_country: str
    geo: Path | None
    drain: float

    @property
    def key(self) -> Path:
        """The private key that signs viewers' tokens."""
        return self.state / "keys" / "signing.pem"

    @property
    def key_set(self) -> Path:
        """The public keys that the edges verify with."""
        return self.state / "keys" / "jwks.json"

    @property
    def authority(self) -> Path:
        """The certificate that the fleet trusts."""
        return self.state / "control" / "ca" / "authority.pem"

    @property
    def control_key(self) -> Path:
        """The operators' API key."""
        return self.state / "control" / "api-key"

    @property
    def members(self) -> tuple[Member, ...]:
        """Everybody that control knows by certificate."""
        return (
            Member("shield1", "shield", self.state / "shield" / "fleet"),
            Member("edge1", "edge", self.state / "edge1" / "fleet"),
            Member("edge2", "edge", self.state / "edge2" / "fleet"),
            Member("services", "service", self.state / "services" / "fleet"),
        )

    @property
    def store(self) -> Path:
        """The origin's object store."""
        return self.state / "store"

    @property
    def api_key(self) -> Path:
        """The services' API key."""
        return self.state / "services" / "api.key"


def waves(choices: Choices) -> tuple[tuple[Part, ...], ...]:
    """The programs in the order of their start; those of one wave start side by side. Nodes join once control is up."""
    return (
        (_origin(choices), _control(choices)),
        (_shield(choices),),
        (*(_edge(choices, number) for number in (1, 2)), _services(choices)),
    )


def parts(choices: Choices) -> Iterator[Part]:
    """All programs, in order."""
    return (part for wave in waves(choices) for part in wave)


def ingest_arguments(choices: Choices, film: Path, title: str, metadata: Path) -> tuple[str, ...]:
    """The `matinee` arguments that put the sample film into the store."""
    return (
        *("ingest", str(film), "--store", str(choices.store), "--title", title, "--metadata", str(metadata)),
        *("--steering", choices.places.page),
    )


def _drain(choices: Choices) -> tuple[str, str]:
    return "--drain", f"{choices.drain:g}s"


def _joins(choices: Choices, node_id: str) -> tuple[str, ...]:
    (member,) = (one for one in choices.members if one.id == node_id)
    return (
        *("--control", choices.places.control, "--fleet-dir", str(member.folder)),
        *("--enrol-at", choices.places.enrol, "--enrol-token", str(member.token)),
    )


def _geo(choices: Choices) -> tuple[str, ...]:
    geo = str(choices.geo) if choices.geo else "off"
    return "--geo", geo, "--default-country", choices.default_country


def _origin(choices: Choices) -> Part:
    port = choices.places.port + 3
    arguments = ("origin", "--listen", f"127.0.0.1:{port}", "--store", str(choices.store), *_drain(choices))
    health = f"{choices.places.origin}/healthz"
    return Part("origin", arguments, (("127.0.0.1", port),), health, "serves the library of packaged titles")


def _control(choices: Choices) -> Part:
    grpc, rest = choices.places.port + 4, choices.places.port + 5
    addresses = (
        "--listen",
        f"127.0.0.1:{grpc}",
        "--admin",
        f"127.0.0.1:{rest}",
        "--enrol-listen",
        choices.places.enrol,
    )
    arguments = (
        *("control", *addresses, "--tls", "required", "--data", str(choices.state / "control")),
        *_drain(choices),
    )
    listens = (("127.0.0.1", grpc), ("127.0.0.1", rest), ("127.0.0.1", rest + 1))
    health = f"{choices.places.control_rest}/healthz"
    return Part("control", arguments, listens, health, "keeps rules, keys and edges, and pushes what changes")


def _shield(choices: Choices) -> Part:
    port = choices.places.port + 2
    arguments = (
        *("shield", "--id", "shield1", "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{port + 1000}"),
        *("--upstream", choices.places.origin, "--cache-dir", str(choices.state / "shield" / "cache")),
        *("--ram", "128MiB", "--disk", "4GiB", *_joins(choices, "shield1"), *_drain(choices)),
    )
    listens = (("127.0.0.1", port), ("127.0.0.1", port + 1000))
    health = f"http://127.0.0.1:{port + 1000}/healthz"
    return Part("shield", arguments, listens, health, "asks the origin once for all edges")


def _edge(choices: Choices, number: int) -> Part:
    name, host, port = f"edge{number}", f"127.0.0.{number}", choices.places.port + 1
    folder = choices.state / name
    arguments = (
        *("edge", "--id", name, "--listen", f"{host}:{port}", "--admin", f"{host}:{port + 1000}"),
        *("--upstream", choices.places.shield, "--cache-dir", str(folder / "cache")),
        *("--ram", "256MiB", "--disk", "2GiB", "--tokens", "required", "--keys", str(choices.key_set)),
        *_geo(choices),
        *_joins(choices, name),
        *("--region", REGION),
        *("--access-log", str(choices.state / "logs" / f"{name}-access.log"), *_drain(choices)),
    )
    health = f"http://{host}:{port + 1000}/healthz"
    return Part(name, arguments, ((host, port), (host, port + 1000)), health, "answers viewers from its cache")


def _services(choices: Choices) -> Part:
    places = choices.places
    arguments = (
        *("services", "--listen", f"127.0.0.1:{places.port}", "--data", str(choices.state / "services")),
        *("--origin", places.origin, *_joins(choices, "services"), "--edges", ",".join(places.edges)),
        *("--region", REGION, "--signing-key", str(choices.key), "--kid", KID, "--insecure-dev", "on"),
        *_geo(choices),
        *_drain(choices),
    )
    does = "page, titles, playback, search, recommendations"
    return Part("services", arguments, (("127.0.0.1", places.port),), f"{places.page}/healthz", does)
