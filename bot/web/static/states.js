// The page's state machine: pure, no DOM, no network.

/**
 * @typedef {object} State
 * @property {'idle'|'asking'|'connecting'|'live'|'reconnecting'|'over'|'failed'} name
 * @property {string} reason  why it failed or ended; empty otherwise
 */

/** @type {State} */
export const INITIAL = Object.freeze({ name: "idle", reason: "" });

// state → event → next state. An event that a state does not list changes nothing: a late answer cannot
// bring back a call that was hung up.
const NEXT = {
  idle: { start: "asking", fail: "failed" },
  asking: { granted: "connecting", fail: "failed", leave: "idle" },
  connecting: { connected: "live", fail: "failed", leave: "idle", end: "over" },
  live: { lost: "reconnecting", end: "over", leave: "over", fail: "failed" },
  reconnecting: { connected: "live", end: "over", leave: "over", fail: "failed" },
  over: { start: "asking" },
  failed: { start: "asking" },
};

/**
 * @param {State} state
 * @param {string} event
 * @param {string} reason  kept in `over` and `failed`
 * @returns {State} the same object when the event does not apply
 */
export function next(state, event, reason = "") {
  const name = NEXT[state.name][event];
  if (!name) return state;
  return Object.freeze({ name, reason: name === "over" || name === "failed" ? reason : "" });
}

/** Whether a call is up or being set up. */
export function inCall(state) {
  return ["asking", "connecting", "live", "reconnecting"].includes(state.name);
}

/** Seconds as mm:ss, or h:mm:ss. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const rest = `${pad(Math.floor((whole % 3600) / 60))}:${pad(whole % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}
