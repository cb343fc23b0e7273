// The desk: what the agent does, and what the server says of it.

import { DeskError, get, post, remove } from "./api.js";
import { byId, make } from "./dom.js";
import { Headset } from "./headset.js";
import { Live } from "./live.js";
import { Sound } from "./sound.js";
import { NOTHING, after, caseId } from "./state.js";
import { BYE, HEADSET, LOST, NO_HEADSET, PROBLEM, moment } from "./texts.js";
import { show, showClock } from "./view.js";

const LEVEL_MS = 80;
const live = new Live();
const headset = new Headset();
let sound = null;
let me = null;
let state = NOTHING;
let muted = false;

// --- signing in

async function begin() {
  const { brand, oidc } = await get("options");
  document.querySelectorAll("[data-brand]").forEach((element) => (element.textContent = brand));
  byId("oidc").hidden = !oidc;
  try {
    enter(await get("me"));
  } catch (error) {
    if (error.status !== 401) byId("sign-in-problem").textContent = error.message;
    leave();
  }
}

byId("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  byId("sign-in-problem").textContent = "";
  try {
    enter(await post("session", { login: form.login.value, password: form.password.value }));
    form.reset();
  } catch (error) {
    byId("sign-in-problem").textContent = PROBLEM[error.status] ?? error.message;
  }
});

function enter(answer) {
  me = answer;
  byId("me-name").textContent = me.agent.name;
  byId("me-site").textContent = me.agent.site_name;
  showHeadset("off");
  fill(byId("pause"), me.pauses);
  byId("dispositions").replaceChildren(
    ...me.dispositions.map(({ id, label }) =>
      make("label", { class: "option" }, make("input", { type: "radio", name: "disposition", value: id, required: true }), ` ${label}`),
    ),
  );
  byId("sign-in").hidden = true;
  byId("desk").hidden = false;
  render({ ...NOTHING, presence: me.presence });
  live.open();
  byId("ready").focus();
}

function leave(why = "") {
  const signedIn = Boolean(me);
  live.close();
  headset.close();
  sound?.ring(false);
  me = null;
  clearForms();
  render(NOTHING);
  byId("desk").hidden = true;
  byId("sign-in").hidden = false;
  if (signedIn || why) byId("sign-in-problem").textContent = why;
  byId("sign-in-form").login.focus();
}

function fill(select, options) {
  select.replaceChildren(select.options[0], ...options.map(({ id, label }) => make("option", { value: id }, label)));
}

// --- the state

function render(next) {
  const before = state;
  const focused = document.activeElement;
  state = next;
  if (caseId(before) && caseId(before) !== caseId(state)) clearForms();
  show(state, { unmask, pauses: me?.pauses ?? [] });
  showClock(state);
  sound?.ring(Boolean(state.offer));
  if (state.offer && !before.offer) byId("accept").focus();
  else if (me && focused !== document.body && !focused.checkVisibility()) byId("call-title").focus();
  if (!state.call && muted) mute(false);
}

/** What was being written about one caller is not left over for the next. */
function clearForms() {
  for (const id of ["note", "consult", "callback", "disposition"]) byId(id).reset();
  byId("callback-state").textContent = "";
  if (byId("unmask").open) byId("unmask").close();
}

live.addEventListener("message", ({ detail }) => {
  render(after(state, detail));
  // After a reload in the middle of a shift nobody presses "Disponible" again.
  if (detail.type === "hello" && ["idle", "offered", "talking"].includes(detail.presence.state)) prepare();
});
live.addEventListener("up", () => (byId("link").textContent = ""));
live.addEventListener("lost", () => {
  byId("link").textContent = LOST;
  get("me").catch((error) => error.status === 401 && me && leave(BYE.expired)); // else it would be tried for ever
});
live.addEventListener("bye", ({ detail }) => leave(BYE[detail]));
headset.addEventListener("state", ({ detail }) => {
  showHeadset(detail);
  if (detail === "up") sound.watch("me", headset.stream);
});

function showHeadset(how) {
  const mine = me?.agent.phone === "headset";
  byId("headset-state").textContent = mine && how !== "up" ? HEADSET[how] : "";
  byId("mute").hidden = byId("meters").hidden = !mine || how === "elsewhere";
}

headset.addEventListener("voice", ({ detail }) => {
  byId("voice").srcObject = detail;
  byId("voice").play().catch(() => {});
  sound.watch("caller", detail);
});
setInterval(() => showClock(state), 1000);
setInterval(() => {
  if (!state.call || !sound) return;
  byId("level-caller").value = sound.level("caller");
  byId("level-me").value = muted ? 0 : sound.level("me");
}, LEVEL_MS);

// --- what the agent does

/** Run one action; what went wrong is told, and nothing is lost. */
async function attempt(work) {
  byId("problem").textContent = "";
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DeskError)) throw error;
    if (error.status === 401) leave(BYE.expired);
    else byId("problem").textContent = error.message;
    return null;
  }
}

const call = (verb, body) => attempt(() => post(`calls/${caseId(state)}/${verb}`, body));
const answer = (verb) => state.offer && attempt(() => post(`offers/${state.offer.call_id}/${verb}`));

/** What it takes to be rung: a chime, and a headset unless the agent has a telephone. What came of the headset. */
async function prepare() {
  sound ??= new Sound();
  sound.resume();
  return me.agent.phone === "headset" ? headset.open() : "up";
}

async function ready() {
  byId("problem").textContent = "";
  const came = await prepare();
  if (!me) return;
  if (["up", "elsewhere"].includes(came)) await attempt(() => post("status", { state: "idle" }));
  else byId("problem").textContent = NO_HEADSET[came] ?? NO_HEADSET.lost;
}

function mute(on) {
  muted = on;
  headset.mute(on);
  byId("mute").setAttribute("aria-pressed", String(on));
}

function unmask(field) {
  const dialog = byId("unmask");
  const form = dialog.querySelector("form");
  form.reset();
  dialog.querySelector(".problem").textContent = "";
  form.onsubmit = async (event) => {
    if (event.submitter?.value !== "show") return;
    event.preventDefault();
    try {
      const shown = await post(`handoffs/${state.packet.handoff_id}/unmask`, { field, reason: form.reason.value });
      document.querySelector(`[data-field="${CSS.escape(field)}"]`).textContent = shown.value;
      dialog.close();
    } catch (error) {
      dialog.querySelector(".problem").textContent = error.message;
    }
  };
  dialog.showModal();
}

byId("ready").addEventListener("click", ready);
byId("pause").addEventListener("change", ({ target }) => {
  const reason = target.value;
  target.value = "";
  if (reason) attempt(() => post("status", { state: "paused", reason }));
});
byId("accept").addEventListener("click", () => answer("accept"));
byId("decline").addEventListener("click", () => answer("decline"));
byId("mute").addEventListener("click", () => mute(!muted));
byId("hold").addEventListener("click", () => call(state.call?.state === "held" ? "unhold" : "hold"));
document.querySelectorAll("[data-back]").forEach((button) =>
  button.addEventListener("click", () => call("give-back", { then: button.dataset.back })),
);
byId("sign-out").addEventListener("click", async () => {
  if (await attempt(() => remove("session"))) leave();
});

submitted("note", async (form) => {
  if (await call("note", { text: form.text.value })) form.reset();
});
submitted("consult", async (form) => {
  if (await call("consult", { reason: form.reason.value })) form.reset();
});
submitted("callback", async (form) => {
  const at = form.at.value ? { at: new Date(form.at.value).toISOString() } : {};
  const promised = await call("callback", { reason: form.reason.value, ...at });
  if (!promised) return;
  form.reset();
  byId("callback-state").textContent = `Rappel promis ${moment(promised.promised_at)}`;
});
submitted("disposition", async (form) => {
  if (await call("disposition", { disposition: form.disposition.value })) form.reset();
});

function submitted(id, work) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    work(event.target);
  });
}

const KEYS = {
  p: () => byId("ready").checkVisibility() && ready(),
  a: () => answer("accept"),
  r: () => answer("decline"),
  m: () => state.call && mute(!muted),
  g: () => byId("hold").checkVisibility() && byId("hold").click(),
  n: () => byId("note").text.focus(),
};
document.addEventListener("keydown", (event) => {
  const act = me && event.altKey && !event.ctrlKey && !event.metaKey && KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});

for (const gesture of ["pointerdown", "keydown"]) document.addEventListener(gesture, () => sound?.resume());

begin().catch((error) => (byId("sign-in-problem").textContent = error.message));
