from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FromEdge(_message.Message):
    __slots__ = ("hello", "ack", "nack", "applied", "report", "receipt")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    NACK_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    ack: Ack
    nack: Nack
    applied: Applied
    report: Report
    receipt: Receipt
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., nack: _Optional[_Union[Nack, _Mapping]] = ..., applied: _Optional[_Union[Applied, _Mapping]] = ..., report: _Optional[_Union[Report, _Mapping]] = ..., receipt: _Optional[_Union[Receipt, _Mapping]] = ...) -> None: ...

class FromControl(_message.Message):
    __slots__ = ("update", "jobs")
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    update: Update
    jobs: Jobs
    def __init__(self, update: _Optional[_Union[Update, _Mapping]] = ..., jobs: _Optional[_Union[Jobs, _Mapping]] = ...) -> None: ...

class Version(_message.Message):
    __slots__ = ("epoch", "number")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    epoch: str
    number: int
    def __init__(self, epoch: _Optional[str] = ..., number: _Optional[int] = ...) -> None: ...

class Known(_message.Message):
    __slots__ = ("type", "version", "refused")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    type: str
    version: Version
    refused: Version
    def __init__(self, type: _Optional[str] = ..., version: _Optional[_Union[Version, _Mapping]] = ..., refused: _Optional[_Union[Version, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("id", "role", "region", "address", "admin", "known", "pop", "capacity", "release", "mark")
    ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    ADMIN_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    POP_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    id: str
    role: str
    region: str
    address: str
    admin: str
    known: _containers.RepeatedCompositeFieldContainer[Known]
    pop: str
    capacity: int
    release: str
    mark: Version
    def __init__(self, id: _Optional[str] = ..., role: _Optional[str] = ..., region: _Optional[str] = ..., address: _Optional[str] = ..., admin: _Optional[str] = ..., known: _Optional[_Iterable[_Union[Known, _Mapping]]] = ..., pop: _Optional[str] = ..., capacity: _Optional[int] = ..., release: _Optional[str] = ..., mark: _Optional[_Union[Version, _Mapping]] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("type", "version", "nonce")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    type: str
    version: Version
    nonce: str
    def __init__(self, type: _Optional[str] = ..., version: _Optional[_Union[Version, _Mapping]] = ..., nonce: _Optional[str] = ...) -> None: ...

class Nack(_message.Message):
    __slots__ = ("type", "version", "nonce", "error", "resync")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RESYNC_FIELD_NUMBER: _ClassVar[int]
    type: str
    version: Version
    nonce: str
    error: str
    resync: bool
    def __init__(self, type: _Optional[str] = ..., version: _Optional[_Union[Version, _Mapping]] = ..., nonce: _Optional[str] = ..., error: _Optional[str] = ..., resync: _Optional[bool] = ...) -> None: ...

class Applied(_message.Message):
    __slots__ = ("resource", "version", "status")
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    resource: str
    version: Version
    status: str
    def __init__(self, resource: _Optional[str] = ..., version: _Optional[_Union[Version, _Mapping]] = ..., status: _Optional[str] = ...) -> None: ...

class Resource(_message.Message):
    __slots__ = ("name", "number", "content")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    number: int
    content: bytes
    def __init__(self, name: _Optional[str] = ..., number: _Optional[int] = ..., content: _Optional[bytes] = ...) -> None: ...

class Update(_message.Message):
    __slots__ = ("type", "version", "base", "nonce", "snapshot", "resources", "removed", "more", "signature")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    type: str
    version: Version
    base: int
    nonce: str
    snapshot: bool
    resources: _containers.RepeatedCompositeFieldContainer[Resource]
    removed: _containers.RepeatedScalarFieldContainer[str]
    more: bool
    signature: bytes
    def __init__(self, type: _Optional[str] = ..., version: _Optional[_Union[Version, _Mapping]] = ..., base: _Optional[int] = ..., nonce: _Optional[str] = ..., snapshot: _Optional[bool] = ..., resources: _Optional[_Iterable[_Union[Resource, _Mapping]]] = ..., removed: _Optional[_Iterable[str]] = ..., more: _Optional[bool] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Jobs(_message.Message):
    __slots__ = ("epoch", "floor", "head", "entries")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    epoch: str
    floor: int
    head: int
    entries: _containers.RepeatedCompositeFieldContainer[Job]
    def __init__(self, epoch: _Optional[str] = ..., floor: _Optional[int] = ..., head: _Optional[int] = ..., entries: _Optional[_Iterable[_Union[Job, _Mapping]]] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("seq", "kind", "content")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    seq: int
    kind: str
    content: bytes
    def __init__(self, seq: _Optional[int] = ..., kind: _Optional[str] = ..., content: _Optional[bytes] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("job", "count", "bytes", "status")
    JOB_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    job: Version
    count: int
    bytes: int
    status: str
    def __init__(self, job: _Optional[_Union[Version, _Mapping]] = ..., count: _Optional[int] = ..., bytes: _Optional[int] = ..., status: _Optional[str] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("seconds", "requests", "hits", "errors", "bytes_sent", "bytes_filled", "connections", "loop_delay", "slow", "ram_bytes", "disk_bytes", "ready", "draining", "popular", "prefetched")
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    BYTES_SENT_FIELD_NUMBER: _ClassVar[int]
    BYTES_FILLED_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    LOOP_DELAY_FIELD_NUMBER: _ClassVar[int]
    SLOW_FIELD_NUMBER: _ClassVar[int]
    RAM_BYTES_FIELD_NUMBER: _ClassVar[int]
    DISK_BYTES_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    POPULAR_FIELD_NUMBER: _ClassVar[int]
    PREFETCHED_FIELD_NUMBER: _ClassVar[int]
    seconds: float
    requests: int
    hits: int
    errors: int
    bytes_sent: int
    bytes_filled: int
    connections: int
    loop_delay: float
    slow: float
    ram_bytes: int
    disk_bytes: int
    ready: bool
    draining: bool
    popular: _containers.RepeatedCompositeFieldContainer[Popular]
    prefetched: _containers.RepeatedCompositeFieldContainer[Prefetched]
    def __init__(self, seconds: _Optional[float] = ..., requests: _Optional[int] = ..., hits: _Optional[int] = ..., errors: _Optional[int] = ..., bytes_sent: _Optional[int] = ..., bytes_filled: _Optional[int] = ..., connections: _Optional[int] = ..., loop_delay: _Optional[float] = ..., slow: _Optional[float] = ..., ram_bytes: _Optional[int] = ..., disk_bytes: _Optional[int] = ..., ready: _Optional[bool] = ..., draining: _Optional[bool] = ..., popular: _Optional[_Iterable[_Union[Popular, _Mapping]]] = ..., prefetched: _Optional[_Iterable[_Union[Prefetched, _Mapping]]] = ...) -> None: ...

class Popular(_message.Message):
    __slots__ = ("content_id", "rendition", "bytes", "requests", "size")
    CONTENT_ID_FIELD_NUMBER: _ClassVar[int]
    RENDITION_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    content_id: str
    rendition: str
    bytes: float
    requests: float
    size: int
    def __init__(self, content_id: _Optional[str] = ..., rendition: _Optional[str] = ..., bytes: _Optional[float] = ..., requests: _Optional[float] = ..., size: _Optional[int] = ...) -> None: ...

class Prefetched(_message.Message):
    __slots__ = ("content_id", "cause", "useful", "late", "wasted")
    CONTENT_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    USEFUL_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    WASTED_FIELD_NUMBER: _ClassVar[int]
    content_id: str
    cause: str
    useful: int
    late: int
    wasted: int
    def __init__(self, content_id: _Optional[str] = ..., cause: _Optional[str] = ..., useful: _Optional[int] = ..., late: _Optional[int] = ..., wasted: _Optional[int] = ...) -> None: ...

class RouteRequest(_message.Message):
    __slots__ = ("content_id", "rendition", "country", "region", "session", "without", "most")
    CONTENT_ID_FIELD_NUMBER: _ClassVar[int]
    RENDITION_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    content_id: str
    rendition: str
    country: str
    region: str
    session: str
    without: _containers.RepeatedScalarFieldContainer[str]
    most: int
    def __init__(self, content_id: _Optional[str] = ..., rendition: _Optional[str] = ..., country: _Optional[str] = ..., region: _Optional[str] = ..., session: _Optional[str] = ..., without: _Optional[_Iterable[str]] = ..., most: _Optional[int] = ...) -> None: ...

class RouteReply(_message.Message):
    __slots__ = ("edges", "ttl")
    EDGES_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    edges: _containers.RepeatedCompositeFieldContainer[Choice]
    ttl: float
    def __init__(self, edges: _Optional[_Iterable[_Union[Choice, _Mapping]]] = ..., ttl: _Optional[float] = ...) -> None: ...

class Choice(_message.Message):
    __slots__ = ("id", "address", "region", "why")
    ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    id: str
    address: str
    region: str
    why: str
    def __init__(self, id: _Optional[str] = ..., address: _Optional[str] = ..., region: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...

class Signal(_message.Message):
    __slots__ = ("edge", "session", "requests", "errors", "stalled")
    EDGE_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    STALLED_FIELD_NUMBER: _ClassVar[int]
    edge: str
    session: str
    requests: int
    errors: int
    stalled: float
    def __init__(self, edge: _Optional[str] = ..., session: _Optional[str] = ..., requests: _Optional[int] = ..., errors: _Optional[int] = ..., stalled: _Optional[float] = ...) -> None: ...

class PutSignalsRequest(_message.Message):
    __slots__ = ("signals",)
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    signals: _containers.RepeatedCompositeFieldContainer[Signal]
    def __init__(self, signals: _Optional[_Iterable[_Union[Signal, _Mapping]]] = ...) -> None: ...

class EnrolRequest(_message.Message):
    __slots__ = ("token", "request")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    token: str
    request: bytes
    def __init__(self, token: _Optional[str] = ..., request: _Optional[bytes] = ...) -> None: ...

class RenewRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: bytes
    def __init__(self, request: _Optional[bytes] = ...) -> None: ...

class Certificate(_message.Message):
    __slots__ = ("chain", "authority")
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    chain: bytes
    authority: bytes
    def __init__(self, chain: _Optional[bytes] = ..., authority: _Optional[bytes] = ...) -> None: ...

class Title(_message.Message):
    __slots__ = ("content_id", "licence")
    CONTENT_ID_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    content_id: str
    licence: bytes
    def __init__(self, content_id: _Optional[str] = ..., licence: _Optional[bytes] = ...) -> None: ...

class PutTitlesRequest(_message.Message):
    __slots__ = ("titles", "removed", "source", "cursor", "more")
    TITLES_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    titles: _containers.RepeatedCompositeFieldContainer[Title]
    removed: _containers.RepeatedScalarFieldContainer[str]
    source: str
    cursor: int
    more: bool
    def __init__(self, titles: _Optional[_Iterable[_Union[Title, _Mapping]]] = ..., removed: _Optional[_Iterable[str]] = ..., source: _Optional[str] = ..., cursor: _Optional[int] = ..., more: _Optional[bool] = ...) -> None: ...

class PutKeysRequest(_message.Message):
    __slots__ = ("jwks", "owner", "lifetime")
    JWKS_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_FIELD_NUMBER: _ClassVar[int]
    jwks: bytes
    owner: str
    lifetime: float
    def __init__(self, jwks: _Optional[bytes] = ..., owner: _Optional[str] = ..., lifetime: _Optional[float] = ...) -> None: ...

class RevokeRequest(_message.Message):
    __slots__ = ("session", "until")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    session: str
    until: str
    def __init__(self, session: _Optional[str] = ..., until: _Optional[str] = ...) -> None: ...

class Accepted(_message.Message):
    __slots__ = ("revision", "cursor")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    revision: int
    cursor: int
    def __init__(self, revision: _Optional[int] = ..., cursor: _Optional[int] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusReply(_message.Message):
    __slots__ = ("epoch", "revision", "titles", "keys", "cursors", "edges")
    class CursorsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    TITLES_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    CURSORS_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    epoch: str
    revision: int
    titles: int
    keys: int
    cursors: _containers.ScalarMap[str, int]
    edges: _containers.RepeatedCompositeFieldContainer[EdgeStatus]
    def __init__(self, epoch: _Optional[str] = ..., revision: _Optional[int] = ..., titles: _Optional[int] = ..., keys: _Optional[int] = ..., cursors: _Optional[_Mapping[str, int]] = ..., edges: _Optional[_Iterable[_Union[EdgeStatus, _Mapping]]] = ...) -> None: ...

class EdgeStatus(_message.Message):
    __slots__ = ("id", "role", "region", "connected", "acked", "applied")
    class AckedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class AppliedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    ACKED_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    id: str
    role: str
    region: str
    connected: bool
    acked: _containers.ScalarMap[str, int]
    applied: _containers.ScalarMap[str, int]
    def __init__(self, id: _Optional[str] = ..., role: _Optional[str] = ..., region: _Optional[str] = ..., connected: _Optional[bool] = ..., acked: _Optional[_Mapping[str, int]] = ..., applied: _Optional[_Mapping[str, int]] = ...) -> None: ...
