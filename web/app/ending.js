// Waits at the platform for the end of a session, so that a stream that was ended from elsewhere stops at once: the
// player has up to half a minute in its buffer, and the next heartbeat may be ten seconds away.

import * as api from "./api.js";

const MAX_PAUSE_MS = 30000;

/**
 * Call `onEnd(trouble)` when the platform has ended a session. Stops when `signal` aborts, and where the platform cannot
 * be waited at: heartbeats tell it, too.
 */
export async function watchEnd(sessionId, onEnd, signal) {
  let pause = 1000;
  while (!signal.aborted) {
    try {
      const { ended } = await api.sessionEnd(sessionId, signal);
      if (signal.aborted) return;
      if (ended) return void onEnd(api.endedTrouble(ended));
      pause = 1000;
    } catch (error) {
      if (signal.aborted || error.status === 401 || error.status === 404) return;
      await new Promise((resolve) => { setTimeout(resolve, pause); });
      pause = Math.min(MAX_PAUSE_MS, pause * 2);
    }
  }
}
