// One call over WebRTC: microphone up, voice down, and the "events" channel both ways.
// Protocol: docs/browser.md.

const OFFER_URL = "/api/browser/offer";
const OFFER_TIMEOUT_MS = 10_000;
const RESUME_TIMEOUT_MS = 3_000;
const CONNECT_TIMEOUT_MS = 12_000;
const GATHER_MS = 1_500;
const WATCH_MS = 500;
const SILENT_MS = 2_500; // the server sends audio without pause: none for this long is a lost connection
const RECOVER_MS = 9_000; // the server gives up 12 s after the last packet
const RETRY_MS = 700;
const LAST_WORD_MS = 700;

/** A call that cannot be, or cannot go on. `reason`: a key of NOTICE in texts.js. */
export class CallError extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/** Why this browser cannot call at all, or an empty string. */
export function obstacle() {
  if (!window.isSecureContext) return "insecure";
  return window.RTCPeerConnection && navigator.mediaDevices?.getUserMedia ? "" : "unsupported";
}

/**
 * Events (CustomEvent, value in `detail`): `granted` (the microphone's stream), `connected`, `voice` (the bot's
 * stream), `journal` (one event of the call), `lost`, `end` (outcome), `fail` (reason). After `end` or `fail`
 * nothing follows.
 */
export class Call extends EventTarget {
  #iceServers;
  #stream = null;
  #peer = null;
  #channel = null;
  #identity = null;
  #seen = 0;
  #muted = false;
  #done = false;
  #recovering = false;
  #watcher = 0;
  #packets = 0;
  #packetsAt = 0;

  constructor(iceServers = []) {
    super();
    this.#iceServers = iceServers;
  }

  /** Ask for the microphone and connect. Never throws: see `fail`. */
  async start() {
    try {
      this.#stream = await microphone();
      if (this.#done) return this.#release();
      this.#listenToMicrophone();
      this.#tell("granted", this.#stream);
      await this.#connect({}, OFFER_TIMEOUT_MS);
      if (this.#done) return this.#release();
      this.#watcher = setInterval(() => this.#watch(), WATCH_MS);
      this.#tell("connected");
    } catch (error) {
      this.#finish("fail", error instanceof CallError ? error.reason : "unreachable");
    }
  }

  mute(on) {
    this.#muted = on;
    this.#stream?.getAudioTracks().forEach((track) => (track.enabled = !on));
    this.#send({ type: "mute", on });
  }

  keys(digits) {
    this.#send({ type: "keys", digits });
  }

  /** Leave. The word is given a moment to go out before the line is cut. */
  hangUp() {
    if (this.#done) return;
    this.#send({ type: "hang_up" });
    const peer = this.#peer;
    this.#peer = null;
    setTimeout(() => peer?.close(), 200);
    this.#finish("end", "left");
  }

  /** Leave at once: the page is going away. */
  abandon() {
    this.#send({ type: "hang_up" });
    this.#done = true;
    this.#release();
  }

  async #connect(resume, timeout) {
    const peer = new RTCPeerConnection({ iceServers: this.#iceServers, bundlePolicy: "max-bundle" });
    try {
      const channel = peer.createDataChannel("events");
      this.#stream.getAudioTracks().forEach((track) => peer.addTrack(track, this.#stream));
      peer.addEventListener("track", ({ track }) => this.#tell("voice", new MediaStream([track])));
      channel.addEventListener("message", ({ data }) => this.#receive(data));
      await peer.setLocalDescription();
      await gathered(peer);
      const answer = await postOffer({ sdp: peer.localDescription.sdp, type: "offer", ...resume }, timeout);
      this.#identity = { call_id: answer.call_id, resume: answer.resume };
      await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
      await connected(peer);
      this.#adopt(peer, channel);
    } catch (error) {
      peer.close();
      throw error;
    }
  }

  #adopt(peer, channel) {
    const old = this.#peer;
    this.#peer = peer;
    this.#channel = channel;
    this.#packets = 0;
    this.#packetsAt = performance.now();
    peer.addEventListener("connectionstatechange", () => {
      if (peer === this.#peer && ["failed", "closed"].includes(peer.connectionState)) this.#recover();
    });
    old?.close();
    if (this.#muted) this.mute(true);
  }

  /** Notice a lost connection sooner than ICE does. */
  async #watch() {
    const peer = this.#peer;
    if (!peer || this.#recovering) return;
    const stats = await peer.getStats();
    let packets = 0;
    stats.forEach((entry) => {
      if (entry.type === "inbound-rtp" && entry.kind === "audio") packets += entry.packetsReceived;
    });
    if (packets !== this.#packets) {
      this.#packets = packets;
      this.#packetsAt = performance.now();
    } else if (performance.now() - this.#packetsAt > SILENT_MS) {
      this.#recover();
    }
  }

  /** Try to bring the call back over a new connection for a few seconds. */
  async #recover() {
    if (this.#recovering || this.#done) return;
    this.#recovering = true;
    this.#tell("lost");
    const until = performance.now() + RECOVER_MS;
    let cut = false; // whether our side's network was down meanwhile
    while (!this.#done && performance.now() < until) {
      try {
        await this.#connect({ ...this.#identity, seen: this.#seen }, RESUME_TIMEOUT_MS);
        this.#recovering = false;
        if (this.#done) this.#release();
        else this.#tell("connected");
        return;
      } catch (error) {
        if (error.reason === "gone") {
          if (cut) break;
          this.#finish("end", "ended");
          return;
        }
        cut = true;
        await pause(RETRY_MS);
      }
    }
    this.#finish("fail", "lost");
  }

  #receive(text) {
    const event = JSON.parse(text);
    if (event.seq < this.#seen) return;
    this.#seen = event.seq + 1;
    this.#tell("journal", event);
    // The channel is faster than the voice: let the last word be heard.
    if (event.type === "call_ended") setTimeout(() => this.#finish("end", event.outcome), LAST_WORD_MS);
  }

  #listenToMicrophone() {
    const [track] = this.#stream.getAudioTracks();
    track.addEventListener("ended", () => this.#replaceMicrophone());
  }

  /** The microphone was unplugged: go on with another one, if there is one. */
  async #replaceMicrophone() {
    if (this.#done) return;
    try {
      this.#stream = await microphone();
    } catch {
      this.#finish("fail", "microphone_gone");
      return;
    }
    this.#listenToMicrophone();
    const [track] = this.#stream.getAudioTracks();
    track.enabled = !this.#muted;
    await this.#peer?.getSenders().find((sender) => sender.track?.kind === "audio")?.replaceTrack(track);
    this.#tell("granted", this.#stream);
  }

  #send(message) {
    if (this.#channel?.readyState === "open") this.#channel.send(JSON.stringify(message));
  }

  #tell(name, detail) {
    if (!this.#done) this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #finish(name, detail) {
    if (this.#done) return;
    this.#tell(name, detail);
    this.#done = true;
    this.#release();
  }

  #release() {
    clearInterval(this.#watcher);
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#peer?.close();
    this.#peer = null;
  }
}

async function microphone() {
  const reasons = {
    NotAllowedError: "denied",
    SecurityError: "denied",
    NotFoundError: "no_microphone",
    OverconstrainedError: "no_microphone",
    NotReadableError: "microphone_busy",
    AbortError: "microphone_busy",
  };
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
  } catch (error) {
    throw new CallError(reasons[error.name] ?? "no_microphone");
  }
}

/** All candidates, or those found in time. */
function gathered(peer) {
  return new Promise((resolve) => {
    const check = () => peer.iceGatheringState === "complete" && resolve();
    peer.addEventListener("icegatheringstatechange", check);
    setTimeout(resolve, GATHER_MS);
    check();
  });
}

function connected(peer) {
  return new Promise((resolve, reject) => {
    const check = () => {
      if (peer.connectionState === "connected") resolve();
      if (["failed", "closed"].includes(peer.connectionState)) reject(new CallError("unreachable"));
    };
    peer.addEventListener("connectionstatechange", check);
    setTimeout(() => reject(new CallError("unreachable")), CONNECT_TIMEOUT_MS);
    check();
  });
}

async function postOffer(body, timeout) {
  let response;
  try {
    response = await fetch(OFFER_URL, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeout),
    });
  } catch {
    throw new CallError("unreachable");
  }
  if (response.ok) return response.json();
  const { code } = await response.json().catch(() => ({}));
  if (response.status === 410) throw new CallError("gone");
  throw new CallError(code === "calls.full" ? "full" : "unreachable");
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
