// Requests to the desk's server. A failed one is a DeskError with what to say to the agent.

import { PROBLEM } from "./texts.js";

const TIMEOUT_MS = 8_000;
let csrf = "";

export class DeskError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function request(method, path, body) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(`/desk/api/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new DeskError(0, "offline", PROBLEM.offline);
  }
  const answer = response.status === 204 ? {} : await response.json().catch(() => ({}));
  if (!response.ok) throw new DeskError(response.status, answer.code ?? "", answer.message ?? PROBLEM.offline);
  if (answer.csrf) csrf = answer.csrf;
  return answer;
}

export const get = (path) => request("GET", path);
export const post = (path, body = {}) => request("POST", path, body);
export const remove = (path) => request("DELETE", path);
