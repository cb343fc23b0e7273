// WebAudio: how loud each side is, and the tones of the keypad.

// Rows and columns of ITU-T Q.23, in hertz.
const ROWS = { 1: 697, 2: 697, 3: 697, 4: 770, 5: 770, 6: 770, 7: 852, 8: 852, 9: 852, "*": 941, 0: 941, "#": 941 };
const COLUMNS = { 1: 1209, 4: 1209, 7: 1209, "*": 1209, 2: 1336, 5: 1336, 8: 1336, 0: 1336, 3: 1477, 6: 1477, 9: 1477, "#": 1477 };
const TONE_S = 0.09;
const FLOOR_DB = -52;

export class Sound {
  constructor() {
    this.context = new AudioContext();
    this.sources = new Map();
  }

  /** Needs a click before it, where the browser asks for one. */
  resume() {
    return this.context.resume().catch(() => {});
  }

  /** Listen to a stream under a name; a second one of that name replaces the first. */
  watch(name, stream) {
    this.sources.get(name)?.source.disconnect();
    const source = this.context.createMediaStreamSource(stream);
    const analyser = new AnalyserNode(this.context, { fftSize: 1024, smoothingTimeConstant: 0.5 });
    source.connect(analyser);
    this.sources.set(name, { source, analyser, samples: new Float32Array(analyser.fftSize) });
  }

  /** Loudness of a stream, 0 to 1. */
  level(name) {
    const watched = this.sources.get(name);
    if (!watched) return 0;
    watched.analyser.getFloatTimeDomainData(watched.samples);
    const power = watched.samples.reduce((sum, value) => sum + value * value, 0) / watched.samples.length;
    const decibels = 10 * Math.log10(power + 1e-10);
    return Math.min(1, Math.max(0, (decibels - FLOOR_DB) / (-14 - FLOOR_DB)));
  }

  /** A key's own two tones, softly, for the ear of whoever pressed it. */
  key(key) {
    const end = this.context.currentTime + TONE_S;
    const gain = new GainNode(this.context, { gain: 0.05 });
    gain.gain.setTargetAtTime(0, end - 0.02, 0.008);
    gain.connect(this.context.destination);
    for (const frequency of [ROWS[key], COLUMNS[key]]) {
      const tone = new OscillatorNode(this.context, { frequency });
      tone.connect(gain);
      tone.start();
      tone.stop(end + 0.05);
    }
  }

  close() {
    this.sources.clear();
    return this.context.close().catch(() => {});
  }
}
