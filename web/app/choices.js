// Qualities and audio tracks in the shape that media-chrome's menus read from a media element (`videoRenditions`,
// `audioTracks`), whatever engine plays.

export const SAVER_LINES = 480;

/** Renditions by their height; those that share one differ by bitrate in their name. */
export function named(levels) {
  const heights = levels.map((level) => level.height);
  const twice = new Set(heights.filter((height, index) => heights.indexOf(height) !== index));
  return levels.map((level, index) => ({
    id: String(index), width: level.width, height: level.height, bitrate: twice.has(level.height) ? level.bitrate : undefined,
    frameRate: undefined, codec: level.codec,
  }));
}

class Choices extends EventTarget {
  #items = [];
  #choose = () => {};

  get length() { return this.#items.length; }
  [Symbol.iterator]() { return this.#items[Symbol.iterator](); }
  getRenditionById(id) { return this.#items.find((item) => item.id === id) ?? null; }
  getTrackById(id) { return this.getRenditionById(id); }

  /** Replace the choices. `choose(index)` is called when the viewer picks one; -1: automatic. */
  fill(items, choose) {
    for (let index = items.length; index < this.#items.length; index += 1) delete this[index];
    Object.assign(this, items); // media-chrome reads by index, too
    this.#items = items;
    this.#choose = choose;
    for (const name of ["addrendition", "addtrack", "change"]) this.dispatchEvent(new Event(name));
  }

  chosen(index) {
    this.#choose(index);
    this.dispatchEvent(new Event("change"));
  }
}

export class Renditions extends Choices {
  #selected = -1;
  get selectedIndex() { return this.#selected; }
  set selectedIndex(index) {
    if (index === this.#selected) return;
    this.#selected = index;
    this.chosen(index);
  }
}

export class AudioTracks extends Choices {
  /** Tracks with `enabled`, of which one is. */
  offer(items, enabled, choose) {
    const tracks = items.map((item, index) => ({
      ...item,
      on: index === enabled,
      get enabled() { return this.on; },
      set enabled(yes) {
        if (!yes || this.on) {
          if (!yes) this.on = false;
          return;
        }
        for (const track of tracks) track.on = track === this;
        choose(index);
      },
    }));
    this.fill(tracks, choose);
  }
}
