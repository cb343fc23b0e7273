"""The child process of :mod:`simulator.sip`: one SIP user agent on PJSUA2, one call at a time, for its parent.

A process of its own because the library is C++ with threads and global state: what brings it down brings down no
test, and any number of user agents run side by side. Run as ``python -m simulator.sip_child`` with the settings as
JSON in its only argument; it imports nothing of the project but the wire's format.

Orders (:mod:`simulator.sip_wire`): ``call {uri, headers}``, ``answer {code}``, ``key {digit}``, ``hang_up {code}``.
Reports: ``ready {port}``, ``invited {request, headers}``, ``state {state, code, reason}`` (calling, incoming, early,
connecting, confirmed, disconnected), ``media {active}``, ``key {digit}``, ``error {what}``; each with ``at``, seconds
of the clock.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from typing import Any, BinaryIO

import pjsua2 as pj

from simulator import sip_wire as wire

_EVENTS_MS = 10  # the longest an order waits
_KEY_MS = 120
_MOST_QUEUED = 60 * 50  # frames: a minute of sound to play
_FAREWELL_S = 1.0
_BUSY = 486
_RINGING = 180
_SILENCE = bytes(wire.FRAME_BYTES)


class Parent:
    """The pipe to the parent, written to from the SIP loop and from the sound clock's thread."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def report(self, event: str, **fields: Any) -> None:
        """Something happened."""
        self.write(wire.as_json(event=event, at=time.monotonic(), **fields))

    def write(self, message: bytes) -> None:
        """A whole message; a parent that is gone ends this process."""
        try:
            with self._lock:
                self._pipe.write(message)
                self._pipe.flush()
        except OSError:
            os._exit(0)


class Handset(pj.AudioMediaPort):
    """Mouth and ear. The library's clock asks for a frame and hands one over, in this order, every 20 ms of a call."""

    def __init__(self, parent: Parent) -> None:
        super().__init__()
        self._parent = parent
        self._to_play: deque[bytes] = deque(maxlen=_MOST_QUEUED)
        self._rest = b""
        self._idle = deque([_SILENCE])
        self._sent = _SILENCE
        shape = pj.MediaFormatAudio()
        shape.init(pj.PJMEDIA_FORMAT_PCM, wire.RATE, 1, 20_000, 16)
        self.createPort("handset", shape)

    def play(self, sound: bytes) -> None:
        """Queue sound; what is shorter than a frame waits for more."""
        sound = self._rest + sound
        frames = _frames(sound)
        self._rest = sound[len(frames) * wire.FRAME_BYTES :]
        self._to_play.extend(frames)

    def idle(self, sound: bytes) -> None:
        """What is played when nothing is queued; whole frames."""
        self._idle = deque(_frames(sound) or [_SILENCE])

    def onFrameRequested(self, frame: Any) -> None:
        """See PJSUA2."""
        if self._to_play:
            self._sent = self._to_play.popleft()
        else:
            idle = self._idle
            self._sent = idle[0]
            idle.rotate(-1)
        frame.type = pj.PJMEDIA_FRAME_TYPE_AUDIO
        frame.size = len(self._sent)
        frame.buf = pj.ByteVector(self._sent)

    def onFrameReceived(self, frame: Any) -> None:
        """See PJSUA2."""
        heard = bytes(frame.buf) if frame.type == pj.PJMEDIA_FRAME_TYPE_AUDIO else _SILENCE
        if len(heard) != wire.FRAME_BYTES:
            heard = _SILENCE
        self._parent.write(wire.tick(time.monotonic(), self._sent, heard))


class Call(pj.Call):
    """One call, either way."""

    def __init__(self, phone: Phone, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(phone.account, call_id)
        self._phone = phone

    def onCallState(self, param: Any) -> None:
        """See PJSUA2."""
        info = self.getInfo()
        self._phone.parent.report(
            "state", state=info.stateText.lower(), code=info.lastStatusCode, reason=info.lastReason
        )
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self._phone.ended(self)

    def onCallMediaState(self, param: Any) -> None:
        """See PJSUA2."""
        info = self.getInfo()  # kept: its list dies with it
        for medium in info.media:
            if medium.type != pj.PJMEDIA_TYPE_AUDIO:
                continue
            active = medium.status == pj.PJSUA_CALL_MEDIA_ACTIVE
            if active:
                sound = self.getAudioMedia(medium.index)
                self._phone.handset.startTransmit(sound)
                sound.startTransmit(self._phone.handset)
            self._phone.parent.report("media", active=active)

    def onDtmfDigit(self, param: Any) -> None:
        """See PJSUA2."""
        self._phone.parent.report("key", digit=param.digit)


class Account(pj.Account):
    """Who we are; takes what comes in."""

    def __init__(self, phone: Phone) -> None:
        super().__init__()
        self._phone = phone

    def onIncomingCall(self, param: Any) -> None:
        """See PJSUA2."""
        call = Call(self._phone, param.callId)
        head = param.rdata.wholeMsg.replace("\r", "").split("\n\n")[0]
        self._phone.rung(call, head.split("\n"))


class Phone:
    """The user agent."""

    def __init__(self, settings: dict[str, Any], parent: Parent) -> None:
        self.parent = parent
        self.orders: queue.Queue[bytes] = queue.Queue()
        self._call: Call | None = None
        self._over: list[Call] = []  # freed outside of their own callbacks
        self._endpoint = pj.Endpoint()
        self._endpoint.libCreate()
        self._endpoint.libInit(_library_settings())
        transport = pj.TransportConfig()
        transport.port = settings["port"]
        transport.boundAddress = transport.publicAddress = settings["bind"]
        number = self._endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        self._endpoint.libStart()
        self._endpoint.audDevManager().setNullDev()
        self._port = int(self._endpoint.transportGetInfo(number).localName.rsplit(":", 1)[1])
        for codec in self._endpoint.codecEnum2():
            wanted = codec.codecId.startswith(settings["codec"] + "/")
            self._endpoint.codecSetPriority(codec.codecId, 255 if wanted else 0)
        self.handset = Handset(parent)
        self.account = Account(self)
        self.account.create(_account_settings(settings, self._port), True)

    def run(self) -> None:
        """Obey until there are no more orders to come."""
        self.parent.report("ready", port=self._port)
        while True:
            self._endpoint.libHandleEvents(_EVENTS_MS)
            self._over.clear()
            while not self.orders.empty():
                order = self.orders.get()
                if not order:
                    self._leave()
                    return
                self._obey(json.loads(order))

    def rung(self, call: Call, lines: list[str]) -> None:
        """Somebody calls us."""
        if self._call is not None:
            _answer(call, _BUSY)
            self._over.append(call)
            return
        self._call = call
        headers = [[part.strip() for part in line.split(":", 1)] for line in lines[1:] if ":" in line]
        self.parent.report("invited", request=lines[0], headers=headers)
        _answer(call, _RINGING)

    def ended(self, call: Call) -> None:
        """A call is over."""
        self._over.append(call)
        if call is self._call:
            self._call = None

    def _leave(self) -> None:
        """Hang up, and give the other side a moment to agree."""
        until = time.monotonic() + _FAREWELL_S
        self._endpoint.hangupAllCalls()
        while self._call is not None and time.monotonic() < until:
            self._endpoint.libHandleEvents(_EVENTS_MS)

    def _obey(self, order: dict[str, Any]) -> None:
        try:
            self._do(order)
        except pj.Error as err:
            self.parent.report("error", what=f"{order['order']}: {err.reason}")

    def _do(self, order: dict[str, Any]) -> None:
        match order["order"]:
            case "call" if self._call is None:
                self._call = Call(self)
                self._call.makeCall(order["uri"], _with_headers(order["headers"]))
            case "answer" if self._call is not None:
                _answer(self._call, order["code"])
            case "key" if self._call is not None:
                key = pj.CallSendDtmfParam()
                key.method, key.duration, key.digits = pj.PJSUA_DTMF_METHOD_RFC2833, _KEY_MS, order["digit"]
                self._call.sendDtmf(key)
            case "hang_up" if self._call is not None:
                param = pj.CallOpParam()
                param.statusCode = order["code"]
                self._call.hangup(param)
            case _:  # the call ended as the order came in
                pass


def _frames(sound: bytes) -> list[bytes]:
    """The whole frames of ``sound``."""
    whole = len(sound) // wire.FRAME_BYTES * wire.FRAME_BYTES
    return [sound[start : start + wire.FRAME_BYTES] for start in range(0, whole, wire.FRAME_BYTES)]


def _library_settings() -> Any:
    config = pj.EpConfig()
    config.logConfig.level = config.logConfig.consoleLevel = 0
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.uaConfig.userAgent = "simulator"
    media = config.medConfig
    media.clockRate = media.sndClockRate = wire.RATE
    media.audioFramePtime = 20
    media.noVad = True  # a telephone sends sound all the time
    media.ecTailLen = 0
    media.sndAutoCloseTime = -1  # one clock for the life of the process
    media.jbInit, media.jbMinPre, media.jbMax = 40, 20, 200
    return config


def _account_settings(settings: dict[str, Any], port: int) -> Any:
    config = pj.AccountConfig()
    config.idUri = settings["identity"].format(port=port)
    config.mediaConfig.transportConfig.boundAddress = settings["bind"]
    config.mediaConfig.transportConfig.publicAddress = settings["bind"]
    config.mediaConfig.transportConfig.port = 0
    config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_DISABLED
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_INACTIVE
    return config


def _with_headers(headers: dict[str, str]) -> Any:
    param = pj.CallOpParam(True)
    param.opt.audioCount, param.opt.videoCount = 1, 0
    vector = pj.SipHeaderVector()
    for name, value in headers.items():
        header = pj.SipHeader()
        header.hName, header.hValue = name, value
        vector.append(header)
    param.txOption.headers = vector
    return param


def _answer(call: Call, code: int) -> None:
    param = pj.CallOpParam()
    param.statusCode = code
    call.answer(param)


def _listen(pipe: BinaryIO, phone: Phone) -> None:
    """The parent's messages, until it is gone: sound at once, orders to the SIP loop; an empty one is the last."""
    while len(head := pipe.read(wire.HEAD.size)) == wire.HEAD.size:
        kind, length = wire.HEAD.unpack(head)
        body = pipe.read(length)
        match kind:
            case wire.PLAY:
                phone.handset.play(body)
            case wire.IDLE:
                phone.handset.idle(body)
            case _:
                phone.orders.put(body)
    phone.orders.put(b"")


def main() -> None:
    """Serve until the parent's pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides the end
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # the library prints before it can be told not to
    phone = Phone(json.loads(sys.argv[1]), Parent(pipe))
    threading.Thread(target=_listen, args=(os.fdopen(0, "rb"), phone), name="orders", daemon=True).start()
    phone.run()
    os._exit(0)  # calls have been hung up; the library's own farewell takes seconds and does no more


if __name__ == "__main__":
    main()
