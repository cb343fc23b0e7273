// What the desk shows, as data: one pure function from a state and a message of the live socket to the next state.
// Messages: docs/desk.md.

export const NOTHING = Object.freeze({
  presence: { state: "out", reason: "", since: 0, until: null },
  offer: null,
  call: null,
  packet: null,
  packetOf: "",
  lines: [],
  linesOf: "",
  consult: "",
  news: "",
});

const NEWS = {
  taken: "Un collègue a pris l'appel.",
  no_answer: "L'appel est passé à un autre site : vous n'avez pas répondu.",
  caller_gone: "L'appelant a raccroché.",
  withdrawn: "L'appel a été repris.",
};
const MOST_LINES = 500;

/** The state after one message. */
export function after(state, message) {
  switch (message.type) {
    case "hello":
      return ofCase({ ...NOTHING, presence: message.presence, offer: message.offer, call: message.call }, state);
    case "presence":
      return tidy({ ...state, presence: message.presence });
    case "offer":
      return ofCase({ ...state, offer: message.offer, call: null, news: "", consult: "" }, state);
    case "offer_over":
      if (state.offer?.call_id !== message.call_id) return state;
      // The case of a call that one has accepted stays; `call` comes next.
      if (message.result === "accepted") return { ...state, offer: null };
      return tidy({ ...state, offer: null, news: NEWS[message.result] ?? "" });
    case "packet":
      return { ...state, packet: message.packet, packetOf: message.call_id };
    case "transcript":
      return { ...state, linesOf: message.call_id, lines: merged(state, message) };
    case "call":
      return tidy({ ...state, call: message.call, offer: message.call ? null : state.offer, news: "" });
    case "consult":
      return { ...state, consult: message.state };
    default:
      return state;
  }
}

/** The call on the screen: the one that rings, or the one being talked. */
export function caseId(state) {
  return state.call?.call_id ?? state.offer?.call_id ?? "";
}

function ofCase(state, before) {
  const id = caseId(state);
  const kept = id && before.packetOf === id ? { packet: before.packet, packetOf: id } : { packet: null, packetOf: "" };
  const lines = id && before.linesOf === id ? { lines: before.lines, linesOf: id } : { lines: [], linesOf: "" };
  return { ...state, ...kept, ...lines };
}

/** Once the case is closed nothing of it stays on the screen. A call that is over is told before the wrap-up begins. */
function tidy(state) {
  const closed = !["talking", "wrap_up"].includes(state.presence.state);
  const over = !state.offer && (!state.call || (state.call.state === "over" && closed));
  return over ? { ...state, call: null, packet: null, packetOf: "", lines: [], linesOf: "", consult: "" } : state;
}

/** The lines as they were heard: a reply that was cut short is told as far as it was played. */
export function heard(lines) {
  const told = [];
  for (const line of lines) {
    const last = told.findLastIndex(({ who }) => who === "bot");
    if (line.played === null || line.played === undefined) told.push({ ...line, cut: false });
    else if (last >= 0) told[last] = { ...told[last], text: line.played, cut: true };
  }
  return told;
}

function merged(state, message) {
  const lines = state.linesOf === message.call_id ? new Map(state.lines.map((line) => [line.seq, line])) : new Map();
  message.lines.forEach((line) => lines.set(line.seq, line));
  return [...lines.values()].sort((a, b) => a.seq - b.seq).slice(-MOST_LINES);
}
