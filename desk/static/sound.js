// The ring, and how loud each side of a call is.

const FLOOR_DB = -52;
const TOP_DB = -14;
const RING = { hertz: [523.25, 659.25], seconds: 0.35, every: 2_400 };

export class Sound {
  #context = new AudioContext();
  #analysers = new Map();
  #ringing = 0;

  /** Needs a click or a key before it, where the browser asks for one: it is silent until then. */
  resume() {
    this.#context.resume().catch(() => {});
  }

  ring(on) {
    if (on && !this.#ringing) {
      this.#chime();
      this.#ringing = setInterval(() => this.#chime(), RING.every);
    } else if (!on) {
      clearInterval(this.#ringing);
      this.#ringing = 0;
    }
  }

  /** Listen to a stream under a name; a second one of that name replaces the first. */
  watch(name, stream) {
    this.#analysers.get(name)?.source.disconnect();
    const source = this.#context.createMediaStreamSource(stream);
    const analyser = new AnalyserNode(this.#context, { fftSize: 1024, smoothingTimeConstant: 0.5 });
    source.connect(analyser);
    this.#analysers.set(name, { source, analyser, samples: new Float32Array(analyser.fftSize) });
  }

  /** Loudness of a stream, 0 to 1. */
  level(name) {
    const watched = this.#analysers.get(name);
    if (!watched) return 0;
    watched.analyser.getFloatTimeDomainData(watched.samples);
    const power = watched.samples.reduce((sum, value) => sum + value * value, 0) / watched.samples.length;
    return Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-10) - FLOOR_DB) / (TOP_DB - FLOOR_DB)));
  }

  #chime() {
    if (this.#context.state !== "running") return; // they would all sound together once it runs
    RING.hertz.forEach((frequency, index) => {
      const at = this.#context.currentTime + index * RING.seconds;
      const gain = new GainNode(this.#context, { gain: 0 });
      gain.gain.setTargetAtTime(0.12, at, 0.01);
      gain.gain.setTargetAtTime(0, at + 0.08, 0.12);
      const tone = new OscillatorNode(this.#context, { frequency });
      tone.connect(gain).connect(this.#context.destination);
      tone.start(at);
      tone.stop(at + RING.seconds * 2);
    });
  }
}
