// What to do when a stream fails: pure decisions, in bounded number. Every failure, of a playlist, a key, a segment or
// the decoder, takes this road: the next edge, each edge at most twice, once a new session, then a sentence. A refusal
// takes another one: the platform is asked whether it ended the session, and only a session that it did not end is started again.

const ROUNDS = 2;
const MAX_MEDIA_RECOVERIES = 2;
const MAX_RESTARTS = 3;
const REFUSED = new Set([401, 403, 410, 451]);
const RESTARTED = new Set(["plan", "profile", "lost"]);

/** The state before anything failed; `edges` is how many edges the session has. */
export const fresh = (edges) => ({ edges: Math.max(1, edges), at: 0, moves: 0, recoveries: 0, restarted: false, asked: false });

/**
 * `failure`: {media: the decoder failed, status: HTTP status or 0, licence: it was a licence}. Answers [step, next
 * state], where step is {do: "recover"} the decoder, {do: "edge", edge, wait ms}, {do: "ask"} whether the session has
 * ended, and if not decide again, {do: "restart"} with a new session, or {do: "fail"}.
 */
export function nextStep(state, { media = false, status = 0, licence = false }) {
  if (media && state.recoveries < MAX_MEDIA_RECOVERIES) {
    return [{ do: "recover" }, { ...state, recoveries: state.recoveries + 1 }];
  }
  if (REFUSED.has(status) && !state.asked) return [{ do: "ask" }, { ...state, asked: true }];
  if (licence) return [{ do: "fail" }, state]; // no edge gives another licence, and the engine has tried again already
  if (!media && !REFUSED.has(status) && state.moves < state.edges * ROUNDS - 1) {
    const edge = (state.at + 1) % state.edges;
    const round = Math.floor((state.moves + 1) / state.edges);
    return [{ do: "edge", edge, wait: round * 1000 }, { ...state, at: edge, moves: state.moves + 1 }];
  }
  // A new start either brings a fresh token and other edges, or the refusal in words.
  if (!state.restarted) return [{ do: "restart" }, { ...state, restarted: true }];
  return [{ do: "fail" }, state];
}

/** Whether a session that the platform ended, for the reason `ended`, starts again by itself; `restarts` did so before. */
export const startsAgain = (ended, restarts) => RESTARTED.has(ended) && restarts < MAX_RESTARTS;

/**
 * Whether a film is over though no `ended` came: all that can come has been played. A last segment of some
 * milliseconds may never reach the buffer, and a browser then waits for it for ever. Times in seconds.
 */
export function isOver({ time, duration, bufferedEnd, still }) {
  if (!Number.isFinite(duration) || duration <= 0 || still < 1) return false;
  return duration - time < 0.75 && bufferedEnd - time < 0.1;
}

/** Where to start: not in the first seconds, not in the credits. */
export function resumeAt(position, duration) {
  if (!(position >= 5)) return 0;
  return duration > 0 && position > duration * 0.95 ? 0 : position;
}
