"""HTTP/2 (RFC 9113) by hand, so that also what no library sends can be sent.

A script of http2.cases is lines: "name: value" is a header, in this order and as it stands (also a pseudo-header);
"!word ..." is one of the functions do_... below; with "! h1" first, all lines are an HTTP/1.1 head.
"""

import re
import socket
import time

PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, PADDED, HAS_PRIORITY = 1, 4, 8, 32
STATUS_OF_INDEX = {8: '200', 9: '204', 10: '206', 11: '304', 12: '400', 13: '404', 14: '500'}
SECONDS = 3


def unescaped(words):
    """As in a C string: "\\r\\n", "\\0"."""
    return words.encode().decode('unicode_escape').encode('latin-1')


def frame(kind, flags, stream, payload=b''):
    return len(payload).to_bytes(3, 'big') + bytes([kind, flags]) + stream.to_bytes(4, 'big') + payload


def integer(number, bits, first=0):
    """HPACK's integer with a prefix (RFC 7541, 5.1)."""
    most = (1 << bits) - 1
    if number < most:
        return bytes([first | number])
    out, number = [first | most], number - most
    while number >= 128:
        out.append(number % 128 + 128)
        number //= 128
    return bytes([*out, number])


def text(value):
    return integer(len(value), 7) + value


def header(name, value):
    """Literal, not indexed, without Huffman's code."""
    return b'\0' + text(name) + text(value)


def first_digit(block):
    """Of the :status with which a server's header block begins; '' if it does not."""
    while block and block[0] & 0xe0 == 0x20:    # the size of the table changes
        block = block[1 if block[0] & 0x1f != 0x1f else 3:]
    if not block:
        return ''
    if block[0] & 0x80:
        return STATUS_OF_INDEX.get(block[0] & 0x7f, ' ')[0]
    bits = 6 if block[0] & 0x40 else 4
    if not 8 <= block[0] & ((1 << bits) - 1) <= 14 or len(block) < 3:
        return ''
    coded = block[2] >> 3
    if not block[1] & 0x80:
        return chr(block[2])
    return {0: '0', 1: '1', 2: '2'}.get(coded) or {0x19: '3', 0x1a: '4', 0x1b: '5'}.get(block[2] >> 2, ' ')


class Script:
    """The bytes that a script sends, in pieces."""

    def __init__(self, lines):
        self.pieces = []
        self.waits = False    # for an answer to the first piece
        self.streams = 0      # on which it sends headers
        self.fields, self.stream, self.limit = b'', 1, 1 << 14
        self.end, self.pad, self.priority, self.data, self.sent = True, None, False, None, False
        self.raw = lines[:1] == ['!h1']
        if self.raw:
            self.pieces.append(b'\r\n'.join(map(unescaped, lines[1:])) + b'\r\n\r\n')
            return
        self.pieces.append(PREFACE + frame(SETTINGS, 0, 0))
        for line in lines:
            self.add(line)
        self.flush()

    def add(self, line):
        if line.startswith('!'):
            word, *rest = line[1:].split(None, 1)
            getattr(self, 'do_' + word.replace('-', '_'))(*rest)
            return
        name, value = re.fullmatch(r'(:?[^:]*): ?(.*)', line).groups()
        self.fields += header(unescaped(name), unescaped(value))

    def flush(self):
        """The header block so far as HEADERS and CONTINUATION, then the data."""
        if not self.fields:
            return
        block, flags = self.fields, 0 if not self.end or self.data is not None else END_STREAM
        first = block[:self.limit]
        rest = [block[i:i + self.limit] for i in range(self.limit, len(block), self.limit)]
        if self.priority:
            first, flags = b'\0\0\0\0\x10' + first, flags | HAS_PRIORITY
        if self.pad is not None:
            first, flags = bytes([self.pad]) + first + bytes(self.pad), flags | PADDED
        out = frame(HEADERS, flags | (0 if rest else END_HEADERS), self.stream, first)
        for i, piece in enumerate(rest, 1):
            out += frame(CONTINUATION, END_HEADERS if i == len(rest) else 0, self.stream, piece)
        if self.data is not None:
            out += frame(DATA, END_STREAM if self.end else 0, self.stream, self.data)
        self.pieces.append(out)
        self.streams += not self.sent
        self.fields, self.sent = b'', True

    # --- what stands behind "!" -----------------------------------------------------------------

    def do_head(self, head):
        """An HTTP/1.1 request before the preface, and its answer; "\\r\\n" as written."""
        self.pieces.insert(0, unescaped(head))
        self.waits = True

    def do_at_once(self):
        """The rest does not wait for that answer."""
        self.waits = False

    def do_preface(self, preface):
        self.pieces[0] = unescaped(preface) + frame(SETTINGS, 0, 0)

    def do_grpc(self, message=''):
        """A message of gRPC, and the headers that it needs."""
        self.fields += header(b'content-type', b'application/grpc') + header(b'te', b'trailers')
        message = bytes.fromhex(message)
        self.data = b'\0' + len(message).to_bytes(4, 'big') + message

    def do_data(self, data):
        self.data = unescaped(data)

    def do_big(self, size):
        """A header of so many bytes."""
        self.fields += header(b'x-a', b'a' * int(size))

    def do_no_end(self):
        self.end = False

    def do_pad(self, number):
        self.pad = int(number)

    def do_priority(self):
        self.priority = True

    def do_pieces(self, number):
        """Header blocks in frames of at most so many bytes."""
        self.limit = int(number)

    def do_stream(self, number):
        """What follows belongs to another stream."""
        self.flush()
        self.stream, self.data, self.end, self.sent = int(number), None, True, False

    def do_trailers(self):
        """What follows are trailers of this stream."""
        self.end = False
        self.flush()
        self.data, self.end = None, True

    def do_frame(self, words):
        """KIND FLAGS STREAM [HEX[*TIMES]]"""
        kind, flags, stream, *payload = words.split()
        data, _, times = (payload or [''])[0].partition('*')
        self.flush()
        self.pieces.append(frame(int(kind), int(flags), int(stream), bytes.fromhex(data) * int(times or 1)))

    def do_frames(self, words):
        """TIMES KIND FLAGS STREAM [HEX]"""
        times, rest = words.split(None, 1)
        for _ in range(int(times)):
            self.do_frame(rest)

    def do_settings(self, number):
        """A frame with so many settings that no RFC knows."""
        self.pieces.append(frame(SETTINGS, 0, 0, b''.join(
            (0x100 + i).to_bytes(2, 'big') + bytes(4) for i in range(int(number)))))

    def do_table(self, number):
        """A change of the size of HPACK's table."""
        self.fields += integer(int(number), 5, 0x20)

    def do_indexed(self, number):
        self.fields += integer(int(number), 7, 0x80)


class Answer:
    """What came back: the first digits of statuses, HTTP/1.1's first, and whether HTTP/2 was spoken."""

    def __init__(self):
        self.statuses, self.speaks, self.rest = [], False, b''
        self.streams = set()    # that have an answer

    def __str__(self):
        return 'HTTP/2: %s, statuses: %s' % (self.speaks, ' '.join(self.statuses) or 'none')

    def read(self, data, wanted):
        """Whether all that can be expected has come: answers on so many streams, or one of HTTP/1.1."""
        self.rest += data
        while self.rest.startswith(b'HTTP/1.'):
            head, found, rest = self.rest.partition(b'\r\n\r\n')
            if not found:
                return False
            status = head.split(b' ')[1].decode()
            self.statuses.append(status[:1])
            length = re.search(rb'(?i)^content-length: *(\d+)', head, re.M)
            self.rest = rest[int(length[1]):] if length else rest
            if not self.rest.startswith(b'HTTP/1.'):
                return True
        while len(self.rest) >= 9 + int.from_bytes(self.rest[:3], 'big'):
            size = 9 + int.from_bytes(self.rest[:3], 'big')
            kind, flags, payload = self.rest[3], self.rest[4], self.rest[9:size]
            stream = int.from_bytes(self.rest[5:9], 'big')
            self.rest = self.rest[size:]
            self.speaks = self.speaks or kind == SETTINGS
            if kind == HEADERS:
                if flags & PADDED:
                    payload = payload[1:]
                if flags & HAS_PRIORITY:
                    payload = payload[5:]
                self.statuses.append(first_digit(payload))
            if kind in (HEADERS, RST_STREAM):
                self.streams.add(stream)
            if kind == GOAWAY or len(self.streams) >= max(1, wanted):
                return True
        return False


def receive(peer, answer, wanted):
    """Reads until all that can be expected has come, or there is no more."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            data = peer.recv(1 << 16)
        except OSError:
            return
        if not data or answer.read(data, wanted):
            return


def converse(address, lines):
    """Sends a script; the Answer."""
    script, answer = Script(lines), Answer()
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(address)
        peer.settimeout(SECONDS)
        try:
            for i, piece in enumerate(script.pieces):
                peer.sendall(piece)
                if i == 0 and script.waits:
                    receive(peer, answer, 1)
        except OSError:
            pass    # the server may end it before it has read all
        receive(peer, answer, script.streams)
    return answer
