// Plays one title at a time: asks for a session, feeds it to hls.js (or to the browser where it knows HLS itself),
// tells how far it has come, and says kindly what went wrong.

import * as api from "./api.js";

const BEAT_MS = 10000;
const VIEW_SECONDS = 5;
const MOST_RECOVERIES = 3;

const at = (id) => document.getElementById(id);

/** What a session met at edges since the last heartbeat: playback judges edges by it. */
class Met {
  #edges = new Map();
  #at = "";
  #stalled = 0;
  #since = 0;
  #began = false;

  fetched(url, well) {
    const edge = new URL(url, location.href).origin;
    const counts = this.#edges.get(edge) ?? { requests: 0, errors: 0 };
    counts.requests += 1;
    if (!well) counts.errors += 1;
    this.#edges.set(edge, counts);
    this.#at = edge;
  }

  stalls() { if (this.#began && !this.#since) this.#since = performance.now(); } // the first wait is the start

  goesOn() {
    if (this.#since) this.#stalled += (performance.now() - this.#since) / 1000;
    this.#began = true;
    this.#since = 0;
  }

  /** One edge a heartbeat: the one that failed most, else the one in use. */
  tell() {
    if (!this.#at) return {};
    this.countStall();
    const failed = [...this.#edges].sort((one, other) => other[1].errors - one[1].errors)[0];
    const [edge, counts] = failed?.[1].errors ? failed : [this.#at, this.#edges.get(this.#at) ?? { requests: 0, errors: 0 }];
    const told = { edge, ...counts, stalledSeconds: Math.round(this.#stalled * 10) / 10 };
    this.#edges.clear();
    this.#stalled = 0;
    return told;
  }

  /** A stall that lasts counts up to now. */
  countStall() {
    if (!this.#since) return;
    this.#stalled += (performance.now() - this.#since) / 1000;
    this.#since = performance.now();
  }
}

export class Player {
  #video = at("video");
  #hls = null;
  #session = null;
  #title = null;
  #userId = null;
  #watched = 0;
  #told = false;
  #beat = 0;
  #recoveries = 0;
  #met = new Met();
  #run = 0;
  #onLeave;

  constructor(userId, onLeave) {
    this.#userId = userId;
    this.#onLeave = onLeave;
    at("player-back").addEventListener("click", () => this.#onLeave());
    at("player-leave").addEventListener("click", () => this.#onLeave());
    at("player-retry").addEventListener("click", () => this.play(this.#title));
    this.#video.addEventListener("playing", () => { this.#waiting(false); this.#met.goesOn(); });
    this.#video.addEventListener("waiting", () => { this.#waiting(true); if (!this.#video.seeking) this.#met.stalls(); });
    this.#video.addEventListener("timeupdate", () => this.#progress());
    this.#video.addEventListener("pause", () => this.#tell());
    this.#video.addEventListener("ended", () => { this.#tell(); this.#onLeave(); });
    this.#video.addEventListener("error", () => { if (!this.#hls && this.#session) this.#fail(api.troubleOf(0, null)); });
    addEventListener("pagehide", () => this.#tell());
  }

  get open() { return !at("player").hidden; }

  async play(title) {
    this.stop();
    const run = ++this.#run;
    this.#title = title;
    this.#watched = 0;
    this.#told = false;
    this.#recoveries = 0;
    this.#met = new Met();
    at("player").hidden = false;
    document.body.classList.add("playing");
    at("player-title").textContent = title.title ?? "";
    at("player-credit").textContent = title.attribution ?? "";
    at("player-error").hidden = true;
    this.#waiting(true);
    at("player-back").focus();
    try {
      const session = await api.start(title.contentId);
      if (run !== this.#run) return;
      this.#session = session;
      at("player-title").textContent = session.title ?? title.title ?? "";
      at("player-credit").textContent = session.attribution ?? title.attribution ?? "";
      this.#attach(session.streamUrl);
      this.#beat = setInterval(() => { if (!this.#video.paused) this.#tell(); }, BEAT_MS);
    } catch (error) {
      if (run === this.#run) this.#fail(error);
    }
  }

  #attach(url) {
    const Hls = window.Hls;
    if (Hls?.isSupported()) {
      const hls = this.#hls = new Hls({ capLevelToPlayerSize: true, backBufferLength: 60 });
      hls.on(Hls.Events.ERROR, (_, data) => {
        if (data.type === Hls.ErrorTypes.NETWORK_ERROR && data.frag) this.#met.fetched(data.frag.url, false);
        if (data.fatal) this.#recover(Hls, data);
      });
      hls.on(Hls.Events.FRAG_LOADED, (_, data) => this.#met.fetched(data.frag.url, true));
      hls.loadSource(url);
      hls.attachMedia(this.#video);
    } else if (this.#video.canPlayType("application/vnd.apple.mpegurl")) {
      this.#video.src = url;
    } else {
      this.#fail(new api.Trouble("This browser cannot play our films. A current Chrome, Firefox, Edge or Safari can.", { retry: false }));
      return;
    }
    this.#video.play().catch(() => this.#waiting(false)); // autoplay refused: the viewer presses play
  }

  #recover(Hls, data) {
    const status = data.response?.code ?? 0;
    const refused = status === 401 || status === 403 || status === 404 || status === 451;
    if (!refused && this.#recoveries < MOST_RECOVERIES) {
      this.#recoveries += 1;
      if (data.type === Hls.ErrorTypes.MEDIA_ERROR) return this.#hls.recoverMediaError();
      if (data.type === Hls.ErrorTypes.NETWORK_ERROR) {
        const hls = this.#hls;
        setTimeout(() => { if (this.#hls === hls) hls.startLoad(); }, 1000 * this.#recoveries);
        return undefined;
      }
    }
    this.#fail(api.troubleOf(status, null));
    return undefined;
  }

  #fail(error) {
    this.#detach();
    this.#waiting(false);
    at("player-error-text").textContent = error instanceof api.Trouble ? error.message : api.troubleOf(0, null).message;
    at("player-error").hidden = false;
    at("player-retry").hidden = error instanceof api.Trouble && !error.retry;
    (at("player-retry").hidden ? at("player-leave") : at("player-retry")).focus();
  }

  #waiting(yes) { at("player-wait").hidden = !yes; }

  #progress() {
    this.#watched = Math.max(this.#watched, this.#video.currentTime);
    if (!this.#told && this.#watched >= VIEW_SECONDS) {
      this.#told = true;
      api.feedback(this.#userId, this.#title.contentId, "VIEW").catch(() => {});
    }
  }

  #tell() {
    if (this.#session && this.#video.currentTime > 0) {
      api.heartbeat(this.#session.sessionId, Math.round(this.#video.currentTime * 10) / 10, this.#met.tell())
        .catch(() => {});
    }
  }

  #detach() {
    clearInterval(this.#beat);
    this.#session = null;
    this.#hls?.destroy();
    this.#hls = null;
    this.#video.pause();
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  stop() {
    this.#run += 1;
    this.#tell();
    this.#detach();
    at("player").hidden = true;
    document.body.classList.remove("playing");
  }
}
