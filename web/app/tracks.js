// Which audio and subtitles to play: pure choices by language tags.

const primary = (tag) => {
  try {
    return Intl.getCanonicalLocales(tag.replace("_", "-"))[0].split("-")[0]; // "deu" and "de-AT" are "de"
  } catch {
    return tag.toLowerCase();
  }
};
const exact = (tag) => {
  try {
    return Intl.getCanonicalLocales(tag.replace("_", "-"))[0];
  } catch {
    return tag.toLowerCase();
  }
};

/** The index of the first track in the first wanted language that has one: the same tag, else the same language; -1: none. */
export function trackIn(languages, tracks) {
  for (const language of languages.filter(Boolean)) {
    const same = tracks.findIndex((track) => exact(track.language ?? "") === exact(language));
    const near = tracks.findIndex((track) => primary(track.language ?? "") === primary(language));
    if (same >= 0 || near >= 0) return same >= 0 ? same : near;
  }
  return -1;
}

const names = new Intl.DisplayNames(["en"], { type: "language" });

/** A language's name for people: "German" for `de` or `deu`; the tag itself where nobody knows it. */
export function languageName(tag) {
  if (!tag || tag === "und") return "";
  try {
    return names.of(exact(tag));
  } catch {
    return tag;
  }
}

/** A track's name: its own, unless that is only a tag. */
export const trackName = (name, language) => (name && name !== language && !/^[a-z]{2,3}$/.test(name) ? name : languageName(language) || name || "Original");

const OFFERED = "ar bg cs da de el en es et fi fr he hi hr hu id it ja ko lt lv ms nl no pl pt pt-BR ro ru sk sl sv th tr uk vi zh".split(" ");

/** Languages to choose from by name: [[tag, name]]; `now` is among them. */
export const languageChoices = (now) => [...new Set([...OFFERED, now].filter(Boolean))].map((tag) => [tag, languageName(tag)])
  .sort(([, one], [, other]) => one.localeCompare(other));
