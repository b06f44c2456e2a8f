// What a player reports: events in batches to POST /events, and per edge what playback judges edges by.

import * as api from "./api.js";

const BATCH_MS = 8000;
const MAX_WAITING = 200;
const BATCH_EVENTS = 20;

/** Events of one session, sent in batches; the last batch goes out even while the page closes. */
export class Reporter {
  #waiting = [];
  #timer = 0;
  #head;
  #blockedUntil = 0;
  #sequence = 0;

  /** `head`: {sessionId, contentId, player}; fields of every event. */
  constructor(head) { this.#head = { ...head, device: api.deviceName() }; }

  update(head) { this.#head = { ...this.#head, ...head }; }

  add(type, fields = {}) {
    // The number tells the platform which events it has: a batch whose answer was lost is sent again.
    const event = { type, at: Date.now() / 1000, sequence: this.#sequence++, ...this.#head };
    for (const [key, value] of Object.entries(fields)) if (value !== undefined && value !== null) event[key] = value;
    this.#waiting.push(event);
    this.#waiting.splice(0, this.#waiting.length - MAX_WAITING);
    if (this.#waiting.length >= BATCH_EVENTS) this.flush();
    else this.#timer ||= setTimeout(() => this.flush(), BATCH_MS);
  }

  async flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!this.#waiting.length || performance.now() < this.#blockedUntil) return;
    const batch = this.#waiting.splice(0);
    try {
      await api.report(batch);
    } catch (error) {
      const again = error.status === 429 || error.status === 0 || error.status >= 500;
      if (!again) return;
      this.#blockedUntil = performance.now() + 2 * BATCH_MS;
      this.#waiting = [...batch, ...this.#waiting].slice(-MAX_WAITING);
      this.#timer ||= setTimeout(() => this.flush(), 2 * BATCH_MS + 100);
    }
  }
}

/** hls.js's CMCD with reports of its own (CTA-5004-B, event mode); keepalive, so that the last batch outlives the page. */
export const withEvents = (cmcd) => ({
  ...cmcd,
  version: 2,
  eventTargets: [{
    url: new URL("/events/cmcd", location.href).href,
    events: ["ps", "rr", "e", "bc", "t"], interval: 10, batchSize: 5,
    includeKeys: ["bl", "br", "bs", "cid", "e", "ec", "mtp", "ot", "pr", "rc", "sf", "sid", "sn", "st", "sta", "su", "ts", "ttfb", "ttlb", "url", "v"],
  }],
  loader: ({ url, ...request }) => fetch(url, { ...request, keepalive: true, credentials: "omit" }),
});

/** What a session met at edges since the last heartbeat. */
export class EdgeReport {
  #edges = new Map();
  #current = "";
  #stalled = 0;
  #since = 0;
  #playing = false;

  countFetch(url, ok) {
    const edge = new URL(url, location.href).origin;
    const counts = this.#edges.get(edge) ?? { requests: 0, errors: 0 };
    counts.requests += 1;
    if (!ok) counts.errors += 1;
    this.#edges.set(edge, counts);
    this.#current = edge;
  }

  get edge() { return this.#current; }

  startStall(now) { if (this.#playing && !this.#since) this.#since = now; } // the first wait is the start

  /** The seconds of the stall that ends, or 0. */
  endStall(now) {
    const length = this.#since ? (now - this.#since) / 1000 : 0;
    this.#stalled += length;
    this.#playing = true;
    this.#since = 0;
    return length;
  }

  /** One edge a heartbeat: the one that failed most, else the one in use. A stall that lasts counts up to now. */
  read(now) {
    if (!this.#current) return {};
    if (this.#since) {
      this.#stalled += (now - this.#since) / 1000;
      this.#since = now;
    }
    const failed = [...this.#edges].sort((one, other) => other[1].errors - one[1].errors)[0];
    const [edge, counts] = failed?.[1].errors
      ? failed : [this.#current, this.#edges.get(this.#current) ?? { requests: 0, errors: 0 }];
    const report = { edge, ...counts, stalledSeconds: Math.round(this.#stalled * 10) / 10 };
    this.#edges.clear();
    this.#stalled = 0;
    return report;
  }
}
