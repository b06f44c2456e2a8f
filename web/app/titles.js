// The titles that the page has met, so that each is asked for once.

import * as api from "./api.js";

const MAX_KNOWN = 3000;
const known = new Map();

export function keep(titles) {
  for (const title of titles) {
    known.delete(title.contentId);
    known.set(title.contentId, title);
  }
  for (const contentId of known.keys()) {
    if (known.size <= MAX_KNOWN) break;
    known.delete(contentId);
  }
}

/** Whether a profile may be shown a title, by its age; the platform refuses to play others. */
export function isSuitable(title) {
  const most = api.account()?.maturity;
  return most === undefined || most === null || (title.maturity ?? 0) <= most;
}

export const lookup = (contentId) => known.get(contentId);

/** One title, whole. Raises Trouble. */
export async function full(contentId) {
  if (!known.has(contentId)) keep([await api.title(contentId)]);
  return known.get(contentId);
}

/** The titles of these ids, in their order; those that are gone are left out. */
export async function all(ids) {
  const missing = [...new Set(ids)].filter((contentId) => !known.has(contentId));
  for (let start = 0; start < missing.length; start += 100) {
    keep((await api.named(missing.slice(start, start + 100)).catch(() => ({ titles: [] }))).titles);
  }
  return ids.map((contentId) => known.get(contentId)).filter((title) => title && isSuitable(title));
}
