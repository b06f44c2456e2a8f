// Seek thumbnails: the origin's WebVTT index of sprite sheets, as cues of a track that media-chrome reads.

import * as api from "./api.js";

const MAX_CUES = 2000;
const MAX_BYTES = 512 * 1024;

const seconds = (stamp) => stamp.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);

/** Cues of a WebVTT index as [{start, end, url}], with absolute URLs; what cannot be read is left out. */
export function parseIndex(text, base) {
  const cues = [];
  for (const block of text.split(/\r?\n\r?\n/).slice(0, MAX_CUES)) {
    const [times, name] = block.trim().split(/\r?\n/).slice(-2);
    const [start, end] = (times ?? "").split(" --> ").map(seconds);
    if (name && start >= 0 && end > start) cues.push({ start, end, url: new URL(name, base).href });
  }
  return cues;
}

export class Previews {
  #track = null;
  #video;
  #run = 0;

  constructor(video) { this.#video = video; }

  /** Show the thumbnails of a title whose playlist is at this URL; a title without any has none. */
  async show(contentId, playlist) {
    this.clear();
    const run = this.#run;
    try {
      const { index: path } = await api.previews(contentId);
      if (!path) return;
      const index = new URL(path, playlist);
      const response = await fetch(index, { signal: AbortSignal.timeout(10000), credentials: "omit" });
      const text = response.ok ? (await response.text()).slice(0, MAX_BYTES) : "";
      if (run !== this.#run) return;
      this.#track ??= this.#video.addTextTrack("metadata", "thumbnails");
      this.#track.mode = "hidden";
      for (const { start, end, url } of parseIndex(text, index)) this.#track.addCue(new VTTCue(start, end, url));
    } catch { /* the film plays without previews */ }
  }

  clear() {
    this.#run += 1; // an index that is still on its way belongs to the film before
    for (const cue of [...(this.#track?.cues ?? [])]) this.#track.removeCue(cue);
  }
}
