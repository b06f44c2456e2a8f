// Series: their seasons and episodes in order, what comes next, and where a viewer stands in them.

import * as api from "./api.js";
import * as titles from "./titles.js";

const MAX_SEASONS = 50;
const byNumber = (one, other) => (one.number ?? 1e6) - (other.number ?? 1e6) || (one.title < other.title ? -1 : 1);

async function childrenOf(contentId) {
  const found = (await api.children(contentId)).titles.filter(titles.isSuitable);
  titles.keep(found);
  return found.sort(byNumber);
}

/** The seasons of a series, or of a season itself: [{season: title or null, episodes}]; those without any are left out. */
export async function seasonsOf(title) {
  const found = await childrenOf(title.contentId);
  const direct = found.filter((one) => one.kind !== "season");
  const seasons = found.filter((one) => one.kind === "season").slice(0, MAX_SEASONS);
  const members = await Promise.all(seasons.map((season) => childrenOf(season.contentId)));
  return [
    { season: title.kind === "season" ? title : null, episodes: direct },
    ...seasons.map((season, index) => ({ season, episodes: members[index] })),
  ].filter(({ episodes }) => episodes.length);
}

/** {series, season} that an episode or season belongs to; null where there is none. */
export async function contextOf(title) {
  const parentOf = (one) => (one?.parent ? titles.full(one.parent).catch(() => null) : null);
  const parent = await parentOf(title);
  if (parent?.kind !== "season") return { series: parent, season: title.kind === "season" ? title : null };
  return { series: await parentOf(parent), season: parent };
}

/** "Forest Tales · S1 E2" for an episode; "" for a film. */
export async function contextLine(title) {
  if (title.kind !== "episode") return "";
  const { series, season } = await contextOf(title);
  const at = [season?.number ? `S${season.number}` : "", title.number ? `E${title.number}` : ""].filter(Boolean).join(" ");
  return [series?.title ?? season?.title, at].filter(Boolean).join(" · ");
}

/** The playable episode after this one, in the next season too; null at the end of a series, and for films. */
export async function nextEpisode(title) {
  if (title.kind !== "episode") return null;
  const { series, season } = await contextOf(title);
  const all = (await seasonsOf(series ?? season ?? title)).flatMap(({ episodes }) => episodes);
  const at = all.findIndex((one) => one.contentId === title.contentId);
  return at < 0 ? null : all.slice(at + 1).find((one) => one.playable) ?? null;
}

/** The episode to go on with, and from where: {episode, position}; the first one where nothing was begun. */
export function standing(seasons, seen) {
  const all = seasons.flatMap(({ episodes }) => episodes).filter((one) => one.playable);
  for (const { contentId, position } of seen) { // the latest first
    const begun = all.find((one) => one.contentId === contentId);
    if (begun) return { episode: begun, position };
  }
  return all.length ? { episode: all[0], position: 0 } : null;
}

/** Titles as lists show them: a series in the place of its seasons and episodes, playable if one of these is. */
export async function gathered(list) {
  const parentOf = (one) => (one.kind === "episode" || one.kind === "season" ? one.parent : null);
  const first = await titles.all(list.map(parentOf).filter(Boolean));
  await titles.all(first.map(parentOf).filter(Boolean));
  const shown = new Map();
  for (const title of list) {
    let top = title;
    while (parentOf(top)) top = titles.lookup(top.parent) ?? { contentId: "" };
    if (!top.contentId || !titles.isSuitable(top) || !titles.isSuitable(title)) continue;
    const known = shown.get(top.contentId);
    // A series is often without a picture of its own: one of its episodes lends it.
    const picture = known?.thumbnail ?? top.thumbnail ?? title.thumbnail;
    shown.set(top.contentId, { ...top, thumbnail: picture, playable: top.playable || title.playable || Boolean(known?.playable) });
  }
  return [...shown.values()];
}
