"""SIP messages as no honest user agent sends them: written by hand, over UDP."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from uuid import uuid4

_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
)


@dataclass(frozen=True)
class Answer:
    """How Asterisk answered an INVITE: the final status, 0 for none."""

    status: int

    @property
    def kept(self) -> bool:
        """The call was taken."""
        return self.status == 200


def invite(
    port: int, *, from_user: bytes = b"+33611223344", headers: bytes = b"", within_s: float = 2.0
) -> Answer:
    """Send an INVITE to 127.0.0.1:``port`` and hang up when it is answered. ``headers``: whole lines, as they are."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(within_s)
        own, tag, call = sock.getsockname()[1], uuid4().hex[:8], uuid4().hex
        sdp = _SDP.format(port=own + 1).encode()

        def request(
            method: str, number: int, to_tag: bytes = b"", body: bytes = b"", more: bytes = b""
        ) -> bytes:
            return (
                f"{method} sip:decroche@127.0.0.1:{port} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{uuid4().hex};rport\r\n".encode()
                + b"From: <sip:" + from_user + f"@127.0.0.1:{own}>;tag={tag}\r\n".encode()
                + f"To: <sip:decroche@127.0.0.1:{port}>".encode() + to_tag + b"\r\n"
                + f"Call-ID: {call}\r\nCSeq: {number} {method}\r\nContact: <sip:127.0.0.1:{own}>\r\n".encode()
                + b"Max-Forwards: 70\r\n" + more
                + (b"Content-Type: application/sdp\r\n" if body else b"")
                + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
            )  # fmt: skip

        target = ("127.0.0.1", port)
        sock.sendto(request("INVITE", 1, body=sdp, more=headers), target)
        while True:
            try:
                answer = sock.recv(65_535)
            except TimeoutError:
                return Answer(0)
            first, _, rest = answer.partition(b"\r\n")
            if not first.startswith(b"SIP/2.0 ") or b"INVITE" not in rest.partition(b"CSeq:")[2][:20]:
                continue
            status = int(first.split()[1])
            if status < 200:
                continue
            to_tag = b";tag=" + rest.partition(b"To:")[2].partition(b"\r\n")[0].partition(b";tag=")[2]
            sock.sendto(request("ACK", 1, to_tag), target)
            if status == 200:
                sock.settimeout(1.0)
                sock.sendto(request("BYE", 2, to_tag), target)
            return Answer(status)
