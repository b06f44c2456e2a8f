// What this browser remembers: throughput, data saver, thumbs, and positions: of guests, and of profiles while the platform does not
// answer.

import { account } from "./api.js";

const MAX_POSITIONS = 50;

function read(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(`matinee.${key}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function write(key, value) {
  try {
    localStorage.setItem(`matinee.${key}`, JSON.stringify(value));
  } catch { /* private mode or full: nothing is remembered */ }
}

const whose = () => `positions.${account()?.profileId ?? "guest"}`;
export const positions = () => read(whose(), {});

/** [{contentId, position, duration}] of this browser, newest first. */
export const begun = () => Object.entries(positions()).map(([contentId, one]) => ({ contentId, ...one }))
  .sort((one, other) => other.at - one.at);

/** Remember a position in seconds; a finished film is forgotten. */
export function keepPosition(contentId, position, duration) {
  const all = positions();
  delete all[contentId];
  const finished = duration > 0 && position > duration * 0.95;
  if (position >= 5 && !finished) all[contentId] = { position, duration, at: Date.now() };
  write(whose(), Object.fromEntries(
    Object.entries(all).sort((one, other) => other[1].at - one[1].at).slice(0, MAX_POSITIONS)));
}

/** An id of this browser for guests: a device holds one stream at a time. */
export function browserId() {
  const id = read("browser", "") || [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  write("browser", id);
  return id;
}

const rated = () => `thumbs.${account()?.profileId ?? "guest"}`;
export const thumb = (contentId) => read(rated(), {})[contentId] ?? "";
export function keepThumb(contentId, action) {
  const entries = Object.entries({ ...read(rated(), {}), [contentId]: action }).slice(-500);
  write(rated(), Object.fromEntries(entries));
}

export const dataSaver = () => read("saver", navigator.connection?.saveData ?? false);
export const keepDataSaver = (on) => write("saver", on);

/** The DRM system that the platform gave a licence for last. */
export const drmSystem = () => read("drm", "");
export const keepDrmSystem = (system) => write("drm", system);

const DEFAULT_BITS = 5e6;
/** The throughput to start with, in bit/s: the last one measured here, else what a usual line carries, or a slow one by the browser's guess. */
export function throughput() {
  const last = read("throughput", 0);
  if (last > 0) return last;
  const { effectiveType = "4g", downlink = 0 } = navigator.connection ?? {};
  return effectiveType === "4g" ? DEFAULT_BITS : Math.max(500e3, downlink * 1e6 * 0.7);
}
export const keepThroughput = (bits) => { if (Number.isFinite(bits) && bits > 0) write("throughput", Math.round(bits)); };
