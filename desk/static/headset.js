// The agent's headset: one WebRTC connection, opened when they go on shift and kept between calls.

import { post } from "./api.js";

const GATHER_MS = 1_500;
const CONNECT_MS = 5_000;
const PATIENCE_MS = 2_000;
const RETRY_MS = 1_500;
const LOCK = "decroche-headset";
const SETTLED = ["off", "up", "lost", "refused", "elsewhere"];

/**
 * Events: `state` (detail: off | asking | up | lost | refused | elsewhere), `voice` (detail: the caller's stream).
 *
 * One tab of a browser has it: the server keeps the last connection of an agent, so two tabs would take it from each
 * other for ever. The next tab takes it when that one is closed.
 */
export class Headset extends EventTarget {
  #state = "off";
  #stream = null;
  #peer = null;
  #timer = 0;
  #muted = false;
  #session = null;

  get stream() {
    return this.#stream;
  }

  /** Open it, if it is not; the state that it comes to: up, lost (it goes on trying), refused, elsewhere or off. */
  async open() {
    if (!this.#session) {
      this.#session = new AbortController();
      this.#tell("asking");
      this.#begin(this.#session.signal).catch(() => this.#refused());
    }
    while (!SETTLED.includes(this.#state)) await new Promise((done) => this.addEventListener("state", done, { once: true }));
    return this.#state;
  }

  mute(on) {
    this.#muted = on;
    this.#stream?.getAudioTracks().forEach((track) => (track.enabled = !on));
  }

  close() {
    this.#session?.abort();
    this.#session = null;
    clearTimeout(this.#timer);
    this.#peer?.close();
    this.#peer = null;
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    this.#tell("off");
  }

  async #begin(signal) {
    const untilClosed = () => new Promise((done) => signal.addEventListener("abort", done, { once: true }));
    const mine = async () => {
      if (signal.aborted) return;
      await this.#microphone(signal);
      await untilClosed();
    };
    const taken = await navigator.locks.request(LOCK, { ifAvailable: true }, async (lock) => {
      if (!lock) return true;
      await mine();
      return false;
    });
    if (!taken || signal.aborted) return;
    this.#tell("elsewhere");
    await navigator.locks.request(LOCK, { signal }, mine).catch((error) => {
      if (!signal.aborted) throw error;
    });
  }

  async #microphone(signal) {
    this.#tell("asking");
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    if (signal.aborted) return stream.getTracks().forEach((track) => track.stop());
    this.#stream = stream;
    return this.#connect();
  }

  #refused() {
    this.close();
    this.#tell("refused");
  }

  async #connect() {
    clearTimeout(this.#timer);
    const session = this.#session;
    const peer = await this.#peerConnection();
    if (!session || session !== this.#session) return peer.close();
    this.#peer?.close();
    this.#peer = peer;
    this.#stream.getAudioTracks().forEach((track) => peer.addTrack(track, this.#stream));
    this.mute(this.#muted);
    this.#timer = setTimeout(() => this.#again(peer), CONNECT_MS);
    try {
      await peer.setLocalDescription();
      await gathered(peer);
      const { sdp } = await post("headset", { sdp: peer.localDescription.sdp, type: "offer" });
      if (peer === this.#peer) await peer.setRemoteDescription({ type: "answer", sdp });
    } catch {
      this.#again(peer);
    }
  }

  async #peerConnection() {
    const iceServers = await fetch("/api/browser/config")
      .then((response) => response.json())
      .then((config) => config.ice_servers ?? [])
      .catch(() => []);
    const peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    peer.addEventListener("track", ({ track }) =>
      this.dispatchEvent(new CustomEvent("voice", { detail: new MediaStream([track]) })),
    );
    peer.addEventListener("connectionstatechange", () => this.#changed(peer));
    return peer;
  }

  #changed(peer) {
    if (peer !== this.#peer) return;
    clearTimeout(this.#timer);
    if (peer.connectionState === "connected") this.#tell("up");
    else if (peer.connectionState === "failed") this.#again(peer);
    else if (peer.connectionState === "disconnected") this.#timer = setTimeout(() => this.#again(peer), PATIENCE_MS);
  }

  #again(peer) {
    if (peer !== this.#peer) return;
    clearTimeout(this.#timer);
    this.#tell("lost");
    this.#timer = setTimeout(() => this.#connect(), RETRY_MS);
  }

  #tell(state) {
    this.#state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}

function gathered(peer) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((done) => {
    const timer = setTimeout(done, GATHER_MS);
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState === "complete") {
        clearTimeout(timer);
        done();
      }
    });
  });
}

