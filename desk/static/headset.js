// The agent's headset: one WebRTC connection, opened when they go on shift and kept between calls.

import { post } from "./api.js";

const GATHER_MS = 1_500;
const PATIENCE_MS = 2_000;
const RETRY_MS = 1_500;

/** Events: `state` (detail: off | asking | up | lost | refused), `voice` (detail: the caller's stream). */
export class Headset extends EventTarget {
  #stream = null;
  #peer = null;
  #timer = 0;
  #on = false;
  #muted = false;

  get stream() {
    return this.#stream;
  }

  async open() {
    this.#on = true;
    this.#tell("state", "asking");
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      });
    } catch {
      this.#on = false;
      return this.#tell("state", "refused");
    }
    return this.#connect();
  }

  mute(on) {
    this.#muted = on;
    this.#stream?.getAudioTracks().forEach((track) => (track.enabled = !on));
  }

  close() {
    this.#on = false;
    clearTimeout(this.#timer);
    this.#peer?.close();
    this.#peer = null;
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    this.#tell("state", "off");
  }

  async #connect() {
    clearTimeout(this.#timer);
    if (!this.#on) return;
    const peer = await this.#peerConnection();
    const old = this.#peer;
    this.#peer = peer;
    old?.close();
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
    this.#stream.getAudioTracks().forEach((track) => peer.addTrack(track, this.#stream));
    this.mute(this.#muted);
    peer.addEventListener("track", ({ track }) => this.#tell("voice", new MediaStream([track])));
    peer.addEventListener("connectionstatechange", () => this.#changed(peer));
    return peer;
  }

  #changed(peer) {
    if (peer !== this.#peer) return;
    clearTimeout(this.#timer);
    if (peer.connectionState === "connected") this.#tell("state", "up");
    else if (peer.connectionState === "failed") this.#again(peer);
    else if (peer.connectionState === "disconnected") this.#timer = setTimeout(() => this.#again(peer), PATIENCE_MS);
  }

  #again(peer) {
    if (!this.#on || peer !== this.#peer) return;
    this.#tell("state", "lost");
    this.#timer = setTimeout(() => this.#connect(), RETRY_MS);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
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

