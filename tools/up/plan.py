"""The programs of `matinee up` as data: their arguments, ports and start order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PORTS_ABOVE = 1002
"""The highest port used is this much above the chosen one."""

KID = "matinee-1"
REGION = "local"
REGIONS = (REGION, "east", "north", "west")
"""Names of the regions, in order; the viewers of this machine are in the first."""
EDGES_PER_REGION = 2


@dataclass(frozen=True, slots=True)
class PlannedProgram:
    """One program: its `matinee` arguments, (host, port) pairs, health URL and purpose."""

    name: str
    arguments: tuple[str, ...]
    listens: tuple[tuple[str, int], ...]
    health: str
    purpose: str
    region: str = ""
    """Where an edge stands; others have none."""


@dataclass(frozen=True, slots=True)
class Member:
    """A node of the fleet; `folder` holds its identity."""

    id: str
    role: str
    folder: Path
    region: str = REGION

    @property
    def token(self) -> Path:
        """The file of its enrolment token."""
        return self.folder / "enrol.token"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of a platform whose page is on `port`."""

    port: int

    @property
    def page(self) -> str:
        """The URL of the viewers' page."""
        return f"http://127.0.0.1:{self.port}"

    def edge(self, number: int) -> str:
        """An edge's base URL, from 1: one port on several loopback addresses, so that players can clone pathways."""
        return f"http://127.0.0.{number}:{self.port + 1}"

    @property
    def shield(self) -> str:
        """The shield's base URL, the upstream of the edges."""
        return f"http://127.0.0.1:{self.port + 2}"

    @property
    def origin(self) -> str:
        """The origin's base URL, the upstream of the shield."""
        return f"http://127.0.0.1:{self.port + 3}"

    @property
    def control(self) -> str:
        """HOST:PORT of the control plane's gRPC API."""
        return f"127.0.0.1:{self.port + 4}"

    @property
    def enrol(self) -> str:
        """HOST:PORT of the control plane's enrolment listener."""
        return f"127.0.0.1:{self.port + 6}"

    @property
    def control_rest(self) -> str:
        """The base URL of the control plane's REST API."""
        return f"http://127.0.0.1:{self.port + 5}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The operator's plan, and the state folder (an absolute path)."""

    addresses: Addresses
    state: Path
    default_country: str
    geo: Path | None
    drain: float
    regions: int = 1

    @property
    def edge_numbers(self) -> range:
        """The edges of all regions, those of the first region first."""
        return range(1, 1 + EDGES_PER_REGION * self.regions)

    @property
    def key(self) -> Path:
        """The private key that signs viewers' tokens."""
        return self.state / "keys" / "signing.pem"

    @property
    def key_set(self) -> Path:
        """The key set that the edges verify tokens with."""
        return self.state / "keys" / "jwks.json"

    @property
    def authority(self) -> Path:
        """The certificate of the fleet's authority."""
        return self.state / "control" / "ca" / "authority.pem"

    @property
    def control_key(self) -> Path:
        """The file of control's API key."""
        return self.state / "control" / "api-key"

    @property
    def members(self) -> tuple[Member, ...]:
        """All nodes that have a certificate of the fleet."""
        return (
            Member("shield1", "shield", self.state / "shield" / "fleet"),
            *(
                Member(f"edge{number}", "edge", self.state / f"edge{number}" / "fleet", region_of(number))
                for number in self.edge_numbers
            ),
            Member("services", "service", self.state / "services" / "fleet"),
        )

    @property
    def store(self) -> Path:
        """The origin's object store."""
        return self.state / "store"

    @property
    def ingest_folders(self) -> tuple[Path, ...]:
        """The folders whose films may be ingested by path: this user's own, and the system's for temporary files."""
        return (self.state, Path.cwd(), Path(tempfile.gettempdir()))

    @property
    def api_key(self) -> Path:
        """The file of the services' API key."""
        return self.state / "services" / "api.key"


def region_of(number: int) -> str:
    """The region that an edge stands in."""
    return REGIONS[(number - 1) // EDGES_PER_REGION]


def waves(plan: Plan) -> tuple[tuple[PlannedProgram, ...], ...]:
    """The programs in start order; those of a wave start concurrently. Nodes enrol once control runs."""
    return (
        (_origin(plan), _control(plan)),
        (_shield(plan),),
        (*(_edge(plan, number) for number in plan.edge_numbers), _services(plan)),
    )


def all_programs(plan: Plan) -> Iterator[PlannedProgram]:
    """All programs in start order."""
    return (program for wave in waves(plan) for program in wave)


def ingest_arguments(plan: Plan, film: Path, title: str, metadata: Path) -> tuple[str, ...]:
    """The arguments of `matinee ingest` for the film."""
    return (
        *("ingest", str(film), "--store", str(plan.store), "--title", title, "--metadata", str(metadata)),
        *("--steering", plan.addresses.page),
    )


def _drain(plan: Plan) -> tuple[str, str]:
    return "--drain", f"{plan.drain:g}s"


def _joins(plan: Plan, node_id: str) -> tuple[str, ...]:
    (member,) = (one for one in plan.members if one.id == node_id)
    return (
        *("--control", plan.addresses.control, "--fleet-dir", str(member.folder)),
        *("--enrol-at", plan.addresses.enrol, "--enrol-token", str(member.token)),
    )


def _geo(plan: Plan) -> tuple[str, ...]:
    geo = str(plan.geo) if plan.geo else "off"
    return "--geo", geo, "--default-country", plan.default_country


def _origin(plan: Plan) -> PlannedProgram:
    port = plan.addresses.port + 3
    arguments = (
        *("origin", "--listen", f"127.0.0.1:{port}", "--store", str(plan.store), *_drain(plan)),
        *("--ingest-folders", ",".join(str(folder) for folder in plan.ingest_folders)),
        *("--steering", plan.addresses.page, "--key-server", plan.addresses.page),
        *("--key-server-key-file", str(plan.api_key), "--announce-catalogue", plan.addresses.page),
        *("--announce-control", plan.addresses.control_rest, "--announce-control-key-file", str(plan.control_key)),
        *("--push-region", REGION),
    )
    health = f"{plan.addresses.origin}/healthz"
    return PlannedProgram("origin", arguments, (("127.0.0.1", port),), health, "serves the library of packaged titles")


def _control(plan: Plan) -> PlannedProgram:
    grpc, rest = plan.addresses.port + 4, plan.addresses.port + 5
    addresses = (
        "--listen",
        f"127.0.0.1:{grpc}",
        "--admin",
        f"127.0.0.1:{rest}",
        "--enrol-listen",
        plan.addresses.enrol,
    )
    arguments = (
        *("control", *addresses, "--tls", "required", "--data", str(plan.state / "control")),
        *_drain(plan),
    )
    listens = (("127.0.0.1", grpc), ("127.0.0.1", rest), ("127.0.0.1", rest + 1))
    health = f"{plan.addresses.control_rest}/healthz"
    return PlannedProgram("control", arguments, listens, health, "pushes licences, keys and settings to the fleet")


def _shield(plan: Plan) -> PlannedProgram:
    port = plan.addresses.port + 2
    arguments = (
        *("shield", "--id", "shield1", "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{port + 1000}"),
        *("--upstream", plan.addresses.origin, "--cache-dir", str(plan.state / "shield" / "cache")),
        *("--ram", "128MiB", "--disk", "4GiB", *_joins(plan, "shield1"), *_drain(plan)),
    )
    listens = (("127.0.0.1", port), ("127.0.0.1", port + 1000))
    health = f"http://127.0.0.1:{port + 1000}/healthz"
    return PlannedProgram("shield", arguments, listens, health, "cache between the edges and the origin")


def _edge(plan: Plan, number: int) -> PlannedProgram:
    name, host, port = f"edge{number}", f"127.0.0.{number}", plan.addresses.port + 1
    folder = plan.state / name
    arguments = (
        *("edge", "--id", name, "--listen", f"{host}:{port}", "--admin", f"{host}:{port + 1000}"),
        *("--upstream", plan.addresses.shield, "--cache-dir", str(folder / "cache")),
        *("--ram", "256MiB", "--disk", "2GiB", "--tokens", "required", "--keys", str(plan.key_set)),
        *_geo(plan),
        *_joins(plan, name),
        # Control knows the others' region from their enrolment. They serve the paths of any region, since viewers of
        # the first one come to them when its edges are down.
        *(("--region", REGION) if region_of(number) == REGION else ()),
        *("--access-log", str(plan.state / "logs" / f"{name}-access.log"), *_drain(plan)),
    )
    health = f"http://{host}:{port + 1000}/healthz"
    region = region_of(number)
    purpose = "serves viewers from its cache" + (f", in region {region}" if plan.regions > 1 else "")
    return PlannedProgram(name, arguments, ((host, port), (host, port + 1000)), health, purpose, region)


def _services(plan: Plan) -> PlannedProgram:
    addresses = plan.addresses
    arguments = (
        *("services", "--listen", f"127.0.0.1:{addresses.port}", "--data", str(plan.state / "services")),
        *(
            "--origin",
            addresses.origin,
            *_joins(plan, "services"),
            "--edges",
            ",".join(map(addresses.edge, plan.edge_numbers)),
        ),
        *("--region", REGION, "--signing-key", str(plan.key), "--kid", KID, "--insecure-dev", "on"),
        *("--guest-tier", "uhd", "--guest-streams", "4"),
        *_geo(plan),
        *_drain(plan),
    )
    purpose = "page, titles, playback, search, recommendations"
    return PlannedProgram("services", arguments, (("127.0.0.1", addresses.port),), f"{addresses.page}/healthz", purpose)
