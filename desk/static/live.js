// The live socket: messages in, proof of presence out, and a new connection whenever it is lost.

const HERE_MS = 2_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 5_000;

/** Events: `message` (detail: the message), `up`, `lost`, `bye` (detail: reason; nothing follows). */
export class Live extends EventTarget {
  #socket = null;
  #here = 0;
  #retry = FIRST_RETRY_MS;
  #timer = 0;
  #closed = true;

  constructor() {
    super();
    // A cable that is pulled out closes no socket for minutes; the browser knows of it at once.
    addEventListener("offline", () => this.#socket && this.#lost(this.#socket));
    addEventListener("online", () => !this.#closed && !this.#socket && this.#connect());
  }

  open() {
    this.close();
    this.#closed = false;
    this.#connect();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#here);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #connect() {
    clearTimeout(this.#timer);
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/desk/live`);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      if (socket !== this.#socket) return;
      this.#retry = FIRST_RETRY_MS;
      clearInterval(this.#here);
      this.#here = setInterval(() => socket.send('{"type": "here"}'), HERE_MS);
      this.dispatchEvent(new Event("up"));
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.#socket) return;
      const message = JSON.parse(data);
      // A hidden page's clock is slowed down to a tick a minute; the server then asks.
      if (message.type === "ping") socket.send('{"type": "here"}');
      else if (message.type === "bye") {
        this.close();
        this.dispatchEvent(new CustomEvent("bye", { detail: message.reason }));
      } else this.dispatchEvent(new CustomEvent("message", { detail: message }));
    });
    socket.addEventListener("close", () => this.#lost(socket));
  }

  #lost(socket) {
    if (this.#closed || socket !== this.#socket) return;
    this.#socket = null;
    clearInterval(this.#here);
    clearTimeout(this.#timer);
    socket.close();
    this.dispatchEvent(new Event("lost"));
    this.#timer = setTimeout(() => this.#connect(), this.#retry);
    this.#retry = Math.min(2 * this.#retry, LONGEST_RETRY_MS);
  }
}
