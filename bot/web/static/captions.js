// Live captions of both sides, from the call's journal.

import { SPEAKER, note } from "./texts.js";

const MAX_LINES = 300;

export class Captions {
  /** @param {HTMLElement} log  a region with role="log" */
  constructor(log) {
    this.log = log;
    this.stick = true;
    this.clear();
    log.addEventListener("scroll", () => (this.stick = this.#atEnd()));
    new ResizeObserver(() => this.#scroll()).observe(log);
  }

  clear() {
    this.log.querySelectorAll(".said, .note").forEach((line) => line.remove());
    this.lastBot = null;
    this.stick = true;
  }

  /** Show one journal event; the ones that are not for the caller's eyes are passed over. */
  show(event) {
    if (event.type === "bot_said") this.lastBot = this.#say("bot", event.text);
    else if (event.type === "caller_said") this.#caller(event);
    else if (event.type === "bot_interrupted") this.#cut(event.heard);
    else if (note(event)) this.#add("note", note(event));
  }

  #caller(event) {
    const text = event.mode === "keypad" ? `Touches : ${event.raw || event.text}` : event.raw || event.text;
    if (text) this.#say("caller", text);
  }

  /** The caller spoke over the bot: what was not heard is left out. */
  #cut(heard) {
    const text = this.lastBot?.querySelector(".text");
    const part = typeset(heard.trim());
    if (text && part && text.textContent.startsWith(part)) text.textContent = `${part.replace(/[.,;:…]+$/, "")}…`;
  }

  #say(who, text) {
    const line = this.#add(`said ${who}`, "");
    const name = document.createElement("span");
    name.className = "who";
    name.textContent = SPEAKER[who];
    const words = document.createElement("span");
    words.className = "text";
    words.textContent = typeset(text);
    line.append(name, " ", words);
    this.#scroll();
    return line;
  }

  #add(className, text) {
    const line = document.createElement("p");
    line.className = className;
    line.textContent = text;
    this.log.append(line);
    const lines = this.log.querySelectorAll(".said, .note");
    if (lines.length > MAX_LINES) lines[0].remove();
    this.#scroll();
    return line;
  }

  #atEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 80;
  }

  /** Follow the talk, unless the reader has scrolled back. */
  #scroll() {
    if (this.stick) this.log.scrollTop = this.log.scrollHeight;
  }
}

/** French punctuation and units stay on the line of the word they belong to. */
function typeset(text) {
  return text.replace(/ ([€%;:!?»])/g, "\u00a0$1").replace(/« /g, "«\u00a0");
}
