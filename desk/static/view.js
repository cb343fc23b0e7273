// From the state to the page. Nothing is decided here.

import { byId, make } from "./dom.js";
import { packetView } from "./packet.js";
import { caseId, heard } from "./state.js";
import { CALL, CONSULT, PAUSED_BECAUSE, PRESENCE, SKILL, TITLE, WHO, duration, hour } from "./texts.js";

const RINGS = "● ";

export function show(state, acts) {
  showPresence(state.presence, acts.pauses);
  showCall(state);
  showPacket(state, acts);
  showTranscript(state);
  document.title = `${state.offer ? RINGS : ""}${state.offer ? "Appel entrant" : PRESENCE[state.presence.state]} · Poste conseiller`;
}

/** Once a second: how long this has lasted, or still lasts. */
export function showClock(state, now = Date.now() / 1000) {
  const until = state.offer?.until ?? state.presence.until;
  const since = state.offer?.since ?? state.call?.since ?? state.presence.since;
  byId("clock").textContent = until ? `encore ${duration(until - now)}` : since ? duration(now - since) : "";
}

function showPresence({ state, reason }, pauses) {
  const badge = byId("presence");
  badge.dataset.state = state;
  badge.textContent = presenceText(state, reason, pauses);
  byId("ready").hidden = !["out", "paused", "wrap_up"].includes(state);
  byId("pause").disabled = state === "offered";
}

function presenceText(state, reason, pauses) {
  const label = pauses.find(({ id }) => id === reason)?.label;
  if (state === "paused") return PAUSED_BECAUSE[reason] ?? (label ? `En pause : ${label}` : PRESENCE.paused);
  return state === "talking" && reason ? `${PRESENCE.talking}, pause ensuite` : PRESENCE[state];
}

function showCall({ offer, call, consult, news, presence }) {
  byId("call-title").textContent = offer ? "Ça sonne" : call ? CALL[call.state] : (TITLE[presence.state] ?? PRESENCE[presence.state]);
  byId("offer").hidden = !offer;
  if (offer) {
    const from = offer.from ? `De la part de ${offer.from}. ` : "";
    byId("offer-why").textContent = `${from}Compétence : ${SKILL[offer.skill] ?? offer.skill}.`;
  }
  const talking = Boolean(call) && ["talking", "held"].includes(call.state);
  byId("in-call").hidden = !talking;
  byId("note").hidden = !call;
  byId("disposition").hidden = presence.state !== "wrap_up";
  byId("hold").setAttribute("aria-pressed", String(call?.state === "held"));
  byId("notes").replaceChildren(...(call?.notes ?? []).map((note) => make("li", {}, make("time", {}, hour(note.at)), note.text)));
  byId("consult-state").textContent = CONSULT[consult] ?? "";
  if (news !== newsShown) byId("problem").textContent = news;
  newsShown = news;
}

let newsShown = "";

let packetShown = null;

function showPacket(state, acts) {
  if (state.packet === packetShown) return;
  packetShown = state.packet;
  byId("packet").replaceChildren(
    ...(state.packet
      ? packetView(state.packet, acts.unmask)
      : [make("p", { class: "empty" }, caseId(state) ? "Le dossier arrive…" : "Le dossier s'affiche dès qu'un appel sonne.")]),
  );
}

let linesShown = null;

function showTranscript({ lines }) {
  if (lines === linesShown) return;
  linesShown = lines;
  const list = byId("transcript");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.replaceChildren(
    ...heard(lines).map((line) =>
      make("li", { class: line.who },
        make("span", { class: "speaker" }, WHO[line.who] ?? line.who), " ",
        make("span", { class: "text" }, line.cut ? `${line.text}…` : line.text)),
    ),
  );
  if (atEnd) list.scrollTop = list.scrollHeight;
}
