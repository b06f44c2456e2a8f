"""The sending half of a viewer's connection: bytes by the transport, files in memory by `sendfile`."""

from __future__ import annotations

import errno
import os
import socket

from cache.body import MIN_FILE_BYTES, Body, FileBody, view
from edge.wire.connection_close import ConnectionCloser
from edge.wire.file_sender import Duplicate, FileSender, duplicate
from kernel.vocabulary import Abort

_OF_THE_VIEWER = (errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.ENOTCONN)


def why_unsent(error: OSError) -> Abort:
    """Whose fault it is that a file could not be sent: the viewer's socket's, or the file's."""
    gone = isinstance(error, ConnectionError) or error.errno in _OF_THE_VIEWER
    return Abort.VIEWER_GONE if gone else Abort.BODY_FILE


class BodySender(ConnectionCloser):
    """Sends a head and a part of a body; the connection that it is part of holds its state in slots of its own.

    `paused`: the viewer is behind, write no more for now.
    """

    paused: bool
    _socket: Duplicate | None
    _sender: FileSender | None
    _current: object

    def resume_writing(self) -> None:
        """The viewer caught up."""
        raise NotImplementedError

    @property
    def unsent(self) -> int:
        """Bytes that the viewer's socket has not taken yet."""
        return self.transport.get_write_buffer_size() + (self._sender.left if self._sender is not None else 0)

    @property
    def parted(self) -> bool:
        """Whether all is said and sent, and only the viewer's end of the connection is waited for."""
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
        """Whether it was taken on; False leaves everything to the transport."""
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
            sender.watch(self._file_sent)

    def _file_sent(self, whole: bool) -> None:
        sender, self._sender = self._sender, None
        if not whole:
            error = (sender.error if sender is not None else None) or OSError()
            self.abort(why_unsent(error), str(error))
        elif self._closing and self._current is None:  # else more of the response follows
            self._end_connection()
        else:
            self.resume_writing()

    def _close(self) -> None:
        """Close when what is being sent is sent."""
        self._closing = True
        if self._sender is None:
            self._end_connection()

    def _stop_sending(self) -> None:
        """The connection is gone."""
        if self._sender is not None:
            self._sender.stop()
            self._sender = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
