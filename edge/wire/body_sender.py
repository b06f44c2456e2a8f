"""The sending half of a viewer's connection: heads and bodies by the transport, files by `sendfile`, and the end.

A connection ends by a clean end of our side, or by a reset that the viewer cannot mistake for one. Closing at once
would answer what the viewer still sends with a reset, which discards what they have not read yet (RFC 9112 §9.6). So
only our side ends, and theirs is read and discarded until they end it or the listener's sweep does.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct

from cache.body import MIN_FILE_BYTES, Body, FileBody, view
from edge.wire.file_sender import Duplicate, FileSender, duplicate
from kernel.vocabulary import Abort

_VIEWER_ERRNOS = (errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.ENOTCONN)
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: unsent bytes are dropped, and the other side learns of it."""


def why_unsent(error: OSError) -> Abort:
    """Whose fault it is that a file could not be sent: the viewer's socket or the file."""
    gone = isinstance(error, ConnectionError) or error.errno in _VIEWER_ERRNOS
    return Abort.VIEWER_GONE if gone else Abort.BODY_FILE


def reset_connection(transport: asyncio.Transport) -> None:
    """Close by a reset: unsent bytes are dropped."""
    raw = transport.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


class BodySender:
    """Sends a head and a part of a body, and ends the connection. The connection it is part of holds its state in slots
    of its own.

    `paused`: the viewer's socket is full, write nothing for now. `lingering`: our side is ended, the viewer's not yet.
    `_ended`: the viewer ended theirs.
    """

    transport: asyncio.Transport
    paused: bool
    lingering: bool
    ticks: int
    _socket: Duplicate | None
    _sender: FileSender | None
    _current: object
    _closing: bool
    _ended: bool
    _held_back: bool
    _rest: bytearray

    def resume_writing(self) -> None:
        """The viewer's socket has room again."""
        raise NotImplementedError

    def aborted(self, why: Abort, detail: str) -> None:
        """Count and log that the connection is being cut."""
        raise NotImplementedError

    # -- sending -----------------------------------------------------------------------------------------------

    @property
    def unsent(self) -> int:
        """Bytes that the viewer's socket has not taken yet."""
        return self.transport.get_write_buffer_size() + (self._sender.left if self._sender is not None else 0)

    @property
    def parted(self) -> bool:
        """Whether everything is sent and only the viewer's end of the connection is awaited."""
        return self.lingering and not self.unsent

    def send(self, head: bytes, body: Body, first: int, stop: int) -> None:
        """Write a head and a part of a body; a file goes by `sendfile` where socket and moment allow it.

        What the socket does not take at once follows when it has room; until then the connection is paused.
        """
        if isinstance(body, FileBody) and stop - first >= MIN_FILE_BYTES and not self.transport.get_write_buffer_size():
            if self._socket is None:
                self._socket = duplicate(self.transport)
            if self._socket is not None and self._send_file(self._socket, head, body, first, stop):
                return
        try:
            part = view(body, first, stop)
        except OSError as error:
            self.abort(Abort.BODY_FILE, str(error))
            return
        self.transport.writelines((head, part))

    def _send_file(self, raw: Duplicate, head: bytes, body: FileBody, first: int, stop: int) -> bool:
        """Whether sending has begun; False leaves everything to the transport."""
        try:
            sent = raw.send(head, socket.MSG_MORE)
        except OSError:
            return False
        if sent < len(head):
            self.transport.write(head[sent:])
            self.transport.write(body.view(first, stop))
            return True
        at = first
        try:
            at += os.sendfile(raw.fd, body.fd, first, stop - first)
        except BlockingIOError:
            pass  # the head has filled the socket
        except OSError as error:
            self.abort(why_unsent(error), str(error))
            return True
        if at < stop:
            self._send_rest(FileSender(raw, body, at, stop))
        return True

    def _send_rest(self, sender: FileSender) -> None:
        try:
            whole = sender.send()
        except OSError as error:
            self.abort(why_unsent(error), str(error))
            return
        if not whole:
            self._sender = sender
            self.paused = True
            sender.watch(self._on_file_sent)

    def _on_file_sent(self, whole: bool) -> None:
        sender, self._sender = self._sender, None
        if not whole:
            error = (sender.error if sender is not None else None) or OSError()
            self.abort(why_unsent(error), str(error))
        elif self._closing and self._current is None:  # else more of the response follows
            self._end_connection()
        else:
            self.resume_writing()

    def _stop_sending(self) -> None:
        """Release the socket: the connection is gone."""
        if self._sender is not None:
            self._sender.stop()
            self._sender = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # -- the end -----------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Write nothing more and end our side, but read on for a while. TLS cannot end one side alone: there, linger
        before closing both."""
        self._closing = True
        self._rest.clear()
        if self._ended or self.transport.is_closing() or self.transport.can_write_eof():
            self._end_connection()
        else:
            self._linger()

    def _close(self) -> None:
        """Close once the file that is being sent is sent."""
        self._closing = True
        if self._sender is None:
            self._end_connection()

    def _end_connection(self) -> None:
        """End our side behind the last response."""
        if self._ended or self.transport.is_closing() or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        self._linger()

    def _linger(self) -> None:
        self.ticks = 0
        self.lingering = True
        if self._held_back:
            self._held_back = False
            self.transport.resume_reading()

    def abort(self, why: Abort, detail: str = "") -> None:
        """Reset the connection because its response cannot be completed. `detail` says more of why, for the log.

        A clean end would tell a viewer of HTTP/1.0, where it ends the body, that they have the whole.
        """
        self.aborted(why, detail)
        self._closing = True
        reset_connection(self.transport)
