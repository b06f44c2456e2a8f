// The platform's calls as the page makes them. A refusal becomes a Trouble, with a sentence fit for the viewer.

const LONGEST_MS = 15000;

export class Trouble extends Error {
  constructor(message, { status = 0, reason = "", retry = true } = {}) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.retry = retry;
  }
}

const SORRY = "We're having trouble playing this right now. Please try again in a moment.";

const WORDS = {
  "country": "This title is not available in your country.",
  "country-unknown": "This title is only available in some countries, and we cannot tell where you are.",
  "not-published": "This title is not ready to play yet. Please come back soon.",
  "title-unknown": "We cannot find this title any more.",
};

/** The sentence for a refusal, and whether trying again may help. */
export function troubleOf(status, problem) {
  const words = WORDS[problem?.reason] ?? (status === 451 ? WORDS.country : SORRY);
  const final = status === 451 || problem?.reason in WORDS;
  return new Trouble(words, { status, reason: problem?.reason ?? "", retry: !final });
}

async function ask(path, { signal, ...options } = {}) {
  const limit = AbortSignal.timeout(LONGEST_MS);
  let response;
  try {
    response = await fetch(path, {
      ...options, credentials: "same-origin", signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Trouble(SORRY);
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw troubleOf(response.status, body);
  return body;
}

const post = (path, body) => ask(path, {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), keepalive: true,
});

const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== undefined));

export const viewer = () => ask("/viewer");
export const titles = (limit) => ask(`/titles?${query({ limit })}`);
export const named = (ids) => ask(`/titles?${query({ ids: ids.join(",") })}`);
export const title = (contentId) => ask(`/titles/${encodeURIComponent(contentId)}`);
export const search = (text, signal) => ask(`/search?${query({ query: text, limit: 30 })}`, { signal });
export const recommendations = (userId, limit) => ask(`/recommendations?${query({ userId, limit })}`);
export const start = (contentId) => ask(`/playback/start?${query({ contentId, bitrate: "auto" })}`);
export const heartbeat = (sessionId, currentPosition, met = {}) =>
  post("/playback/heartbeat", { sessionId, currentPosition, ...met });
export const feedback = (userId, contentId, action) =>
  post("/recommendations/feedback", { userId, contentId, action });
