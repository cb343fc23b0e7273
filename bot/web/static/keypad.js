// The keypad: a dialog, and the same keys on a real keyboard while a call is up.

const KEYS = /^[0-9*#]$/;
const SHOWN = 24;

export class Keypad {
  /**
   * @param {HTMLDialogElement} dialog
   * @param {(key: string) => void} onKey
   */
  constructor(dialog, onKey) {
    this.dialog = dialog;
    this.onKey = onKey;
    this.enabled = false;
    this.typed = dialog.querySelector("output");
    dialog.addEventListener("click", (event) => {
      const key = event.target.closest("[data-key]")?.dataset.key;
      if (key) this.#press(key);
      // A click beside the sheet lands on the dialog itself.
      else if (event.target === dialog && !this.#inside(event)) this.close();
    });
    document.addEventListener("keydown", (event) => {
      if (!this.enabled || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (KEYS.test(event.key)) this.#press(event.key);
    });
  }

  open() {
    if (this.dialog.open) return;
    this.typed.textContent = "";
    this.dialog.showModal();
    this.dialog.querySelector('[data-key="1"]').focus();
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }

  #press(key) {
    if (!this.enabled) return;
    this.typed.textContent = (this.typed.textContent + key).slice(-SHOWN);
    const button = this.dialog.querySelector(`[data-key="${key}"]`);
    button.classList.add("pressed");
    setTimeout(() => button.classList.remove("pressed"), 120);
    this.onKey(key);
  }

  #inside({ clientX, clientY }) {
    const box = this.dialog.getBoundingClientRect();
    return clientX >= box.left && clientX <= box.right && clientY >= box.top && clientY <= box.bottom;
  }
}
