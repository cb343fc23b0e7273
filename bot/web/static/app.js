// Wires the page: buttons → call → state → what is shown.

import { Call, obstacle } from "./call.js";
import { Captions } from "./captions.js";
import { Keypad } from "./keypad.js";
import { Sound } from "./sound.js";
import { INITIAL, clock, inCall, next } from "./states.js";
import { NOTICE, STATUS } from "./texts.js";

const byId = (id) => document.getElementById(id);
const ui = Object.fromEntries(
  "start idle call status clock meter captions waiting notice notice-title notice-text again controls mute open-keypad hang-up sound keypad close-keypad voice"
    .split(" ")
    .map((id) => [id, byId(id)]),
);
const TITLE = document.title;

let state = INITIAL;
let call = null;
let sound = null;
let liveSince = 0;
let wakeLock = null;

const captions = new Captions(ui.captions);
const keypad = new Keypad(ui.keypad, (key) => {
  call?.keys(key);
  sound?.key(key);
});

function move(event, reason) {
  const before = state;
  state = next(state, event, reason);
  if (state === before) return;
  if (state.name === "live" && !liveSince) liveSince = performance.now();
  show(before);
}

function show(before) {
  const talking = inCall(state);
  const ended = state.name === "over" || state.name === "failed";
  const hadCall = talking || (ended && liveSince > 0);
  document.body.dataset.state = state.name;
  document.title = talking ? `${STATUS[state.name]} – ${TITLE}` : TITLE;
  ui.idle.hidden = state.name !== "idle";
  ui.call.hidden = !hadCall;
  ui.controls.hidden = !talking;
  ui.notice.hidden = !ended;
  ui.status.textContent = STATUS[state.name] ?? "";
  ui.clock.hidden = !liveSince;
  ui.mute.disabled = ui["open-keypad"].disabled = state.name !== "live";
  keypad.enabled = state.name === "live";
  if (!talking) ui.sound.hidden = true;
  if (!talking || state.name === "reconnecting") keypad.close();
  if (ended) showNotice();
  moveFocus(before);
}

function showNotice() {
  const [title, text, button] = NOTICE[state.reason] ?? NOTICE.ended;
  ui["notice-title"].textContent = title;
  ui["notice-text"].textContent = text;
  ui.again.textContent = button;
}

/** Focus never stays on something that has gone, and never lands by itself on "Raccrocher". */
function moveFocus(before) {
  if (!inCall(before) && inCall(state)) ui.status.focus();
  else if (state.name === "over" || state.name === "failed") ui["notice-title"].focus();
  else if (state.name === "idle" && before.name !== "idle") ui.start.focus();
}

async function start() {
  const reason = obstacle();
  if (reason) {
    move("fail", reason);
    return;
  }
  liveSince = 0;
  captions.clear();
  ui.clock.textContent = clock(0);
  ui.mute.setAttribute("aria-pressed", "false");
  move("start");
  sound = new Sound();
  sound.resume();
  const mine = new Call(await iceServers());
  if (state.name !== "asking") return;
  call = mine;
  const on = (name, react) => mine.addEventListener(name, ({ detail }) => mine === call && react(detail));
  on("granted", (stream) => {
    sound.watch("caller", stream);
    move("granted");
  });
  on("voice", play);
  on("connected", () => {
    move("connected");
    keepAwake();
  });
  on("journal", (event) => captions.show(event));
  on("lost", () => move("lost"));
  on("end", (outcome) => leave("end", outcome));
  on("fail", (why) => leave("fail", why));
  mine.start();
}

function leave(event, reason) {
  call = null;
  ui.voice.srcObject = null;
  sound?.close();
  sound = null;
  wakeLock?.release().catch(() => {});
  wakeLock = null;
  ui.meter.style.setProperty("--level", 0);
  move(event, reason);
}

function hangUp() {
  if (call && liveSince) call.hangUp();
  else {
    call?.abandon();
    leave("leave");
  }
}

async function play(stream) {
  ui.voice.srcObject = stream;
  sound?.watch("bot", stream);
  try {
    await ui.voice.play();
    ui.sound.hidden = true;
  } catch (error) {
    // The browser wants a click of its own before it plays.
    if (error.name === "NotAllowedError") ui.sound.hidden = false;
  }
}

async function iceServers() {
  try {
    const response = await fetch("/api/browser/config", { signal: AbortSignal.timeout(3000) });
    return (await response.json()).ice_servers ?? [];
  } catch {
    return []; // the offer will say whether the server can be reached
  }
}

async function keepAwake() {
  try {
    wakeLock = (await navigator.wakeLock?.request("screen")) ?? null;
  } catch {
    wakeLock = null; // low battery, or not allowed: the call does not need it
  }
}

let ticks = 0;
function draw() {
  if (sound) {
    const bot = sound.level("bot");
    const caller = sound.level("caller");
    ui.meter.dataset.who = bot > caller ? "bot" : "caller";
    ui.meter.style.setProperty("--level", Math.max(bot, caller).toFixed(2));
  }
  if (inCall(state) && liveSince && ticks++ % 15 === 0) {
    ui.clock.textContent = clock((performance.now() - liveSince) / 1000);
  }
  requestAnimationFrame(draw);
}

ui.start.addEventListener("click", start);
ui.again.addEventListener("click", start);
ui["hang-up"].addEventListener("click", hangUp);
ui["open-keypad"].addEventListener("click", () => keypad.open());
ui["close-keypad"].addEventListener("click", () => keypad.close());
ui.keypad.addEventListener("close", () => inCall(state) && ui["open-keypad"].focus());
ui.mute.addEventListener("click", () => {
  const on = ui.mute.getAttribute("aria-pressed") !== "true";
  ui.mute.setAttribute("aria-pressed", String(on));
  document.body.classList.toggle("muted", on);
  call?.mute(on);
});
ui.sound.addEventListener("click", () => {
  sound?.resume();
  if (ui.voice.srcObject) play(ui.voice.srcObject);
});
window.addEventListener("pagehide", () => call?.abandon());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && state.name === "live") keepAwake();
});
requestAnimationFrame(draw);
