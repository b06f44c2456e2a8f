"""What OpenSSL does and the `ssl` module of Python 3.11 does not offer: the keys of session tickets, and certificates
by the name that a client asks for (SNI).

`SSLContext.sni_callback` exists, but crashes the process with aiofastnet, whose connections are no Python objects. So
both are set in the `SSL_CTX` itself, the first member of CPython's object; aiofastnet reads it there, too. Each use
first compares the options that both sides have, and what was set is read back.
"""

from __future__ import annotations

import _ssl
import ctypes
import ssl
from collections.abc import Callable
from functools import cache
from typing import Any

TICKET_KEY_BYTES = 80
"""Of a name, a key for HMAC and one for AES: what OpenSSL 3 asks for."""
_GET_TICKET_KEYS, _SET_TICKET_KEYS, _SET_SERVER_NAME_CALLBACK = 58, 59, 53
_SUITES = b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
_PRIORITIZE_CHACHA = 1 << 21
"""SSL_OP_PRIORITIZE_CHACHA, which counts together with the server's preference (Python's default)."""
_HOST_NAME = 0
_TLS_OK = 0
_OPTION_BITS = (1 << 32) - 1

_ServerNameCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
_kept: list[object] = []
"""Callbacks and contexts that OpenSSL may still use."""


@cache
def _library() -> Any:
    """The OpenSSL that Python's `ssl` is linked with."""
    library = ctypes.CDLL(_ssl.__file__)
    pointer, number = ctypes.c_void_p, ctypes.c_int
    library.SSL_CTX_get_options.restype = ctypes.c_uint64
    library.SSL_CTX_get_options.argtypes = [pointer]
    library.SSL_CTX_ctrl.restype = ctypes.c_long
    library.SSL_CTX_ctrl.argtypes = [pointer, number, ctypes.c_long, pointer]
    library.SSL_CTX_callback_ctrl.restype = ctypes.c_long
    library.SSL_CTX_callback_ctrl.argtypes = [pointer, number, _ServerNameCallback]
    library.SSL_CTX_set_ciphersuites.restype = number
    library.SSL_CTX_set_ciphersuites.argtypes = [pointer, ctypes.c_char_p]
    library.SSL_get_servername.restype = ctypes.c_char_p
    library.SSL_get_servername.argtypes = [pointer, number]
    library.SSL_set_SSL_CTX.restype = pointer
    library.SSL_set_SSL_CTX.argtypes = [pointer, pointer]
    return library


def _pointer(context: ssl.SSLContext) -> int:
    """The context's `SSL_CTX`. OSError if it is not where it was found when this was written."""
    found = ctypes.c_void_p.from_address(id(context) + object.__basicsize__).value
    if not found or _library().SSL_CTX_get_options(found) & _OPTION_BITS != int(context.options) & _OPTION_BITS:
        raise OSError("this Python's ssl module is another than the one that this was written for")
    return found


def set_ticket_keys(context: ssl.SSLContext, keys: bytes) -> None:
    """Encrypt session tickets with these keys from now on; tickets under other keys mean a full handshake. OSError if
    OpenSSL does not have them afterwards."""
    library, pointer = _library(), _pointer(context)
    back = ctypes.create_string_buffer(TICKET_KEY_BYTES)
    done = len(keys) == TICKET_KEY_BYTES and (
        library.SSL_CTX_ctrl(pointer, _SET_TICKET_KEYS, TICKET_KEY_BYTES, keys) == 1
        and library.SSL_CTX_ctrl(pointer, _GET_TICKET_KEYS, TICKET_KEY_BYTES, back) == 1
        and back.raw == keys
    )
    if not done:
        raise OSError("OpenSSL did not take the keys of session tickets")


def prefer_short_keys(context: ssl.SSLContext) -> None:
    """Prefer AES-128 to AES-256 in TLS 1.3: as safe for what is streamed, and a fifth less CPU for each byte. A client
    that prefers ChaCha20, since it has no AES in hardware, gets that. OSError if OpenSSL does not do so."""
    if _library().SSL_CTX_set_ciphersuites(_pointer(context), _SUITES) != 1:
        raise OSError("OpenSSL did not take the order of TLS 1.3's ciphers")
    context.options |= _PRIORITIZE_CHACHA


def choose_by_name(context: ssl.SSLContext, choose: Callable[[str], ssl.SSLContext | None]) -> None:
    """Let `choose` say for each handshake whose certificate is shown, by the client's name for the server; None: the
    context's own. OSError if that cannot be set."""
    library = _library()

    def on_name(connection: int, alert: int, argument: int) -> int:
        del alert, argument
        name = library.SSL_get_servername(connection, _HOST_NAME)
        chosen = choose(name.decode("ascii", "replace").lower()) if name else None
        if chosen is not None:
            library.SSL_set_SSL_CTX(connection, _pointer(chosen))
        return _TLS_OK

    callback = _ServerNameCallback(on_name)
    _kept.append((context, callback))
    if library.SSL_CTX_callback_ctrl(_pointer(context), _SET_SERVER_NAME_CALLBACK, callback) != 1:
        raise OSError("OpenSSL did not take the callback for server names")
