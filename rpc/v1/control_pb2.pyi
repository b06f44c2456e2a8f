from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FromEdge(_message.Message):
    __slots__ = ("hello", "ack", "nack", "applied")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    NACK_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    ack: Ack
    nack: Nack
    applied: Applied
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., nack: _Optional[_Union[Nack, _Mapping]] = ..., applied: _Optional[_Union[Applied, _Mapping]] = ...) -> None: ...

class FromControl(_message.Message):
    __slots__ = ("update",)
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    update: Update
    def __init__(self, update: _Optional[_Union[Update, _Mapping]] = ...) -> None: ...

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
    __slots__ = ("id", "role", "region", "address", "admin", "known")
    ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    ADMIN_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    id: str
    role: str
    region: str
    address: str
    admin: str
    known: _containers.RepeatedCompositeFieldContainer[Known]
    def __init__(self, id: _Optional[str] = ..., role: _Optional[str] = ..., region: _Optional[str] = ..., address: _Optional[str] = ..., admin: _Optional[str] = ..., known: _Optional[_Iterable[_Union[Known, _Mapping]]] = ...) -> None: ...

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
    __slots__ = ("type", "version", "base", "nonce", "snapshot", "resources", "removed", "more")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    type: str
    version: Version
    base: int
    nonce: str
    snapshot: bool
    resources: _containers.RepeatedCompositeFieldContainer[Resource]
    removed: _containers.RepeatedScalarFieldContainer[str]
    more: bool
    def __init__(self, type: _Optional[str] = ..., version: _Optional[_Union[Version, _Mapping]] = ..., base: _Optional[int] = ..., nonce: _Optional[str] = ..., snapshot: _Optional[bool] = ..., resources: _Optional[_Iterable[_Union[Resource, _Mapping]]] = ..., removed: _Optional[_Iterable[str]] = ..., more: _Optional[bool] = ...) -> None: ...

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
    __slots__ = ("jwks",)
    JWKS_FIELD_NUMBER: _ClassVar[int]
    jwks: bytes
    def __init__(self, jwks: _Optional[bytes] = ...) -> None: ...

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
