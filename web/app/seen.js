// What was begun and not finished: of the profile, on whatever device; of guests, in this browser.

import * as api from "./api.js";
import { begun } from "./memory.js";

/** [{contentId, position, duration}], newest first. */
export async function seenTitles() {
  return api.account() ? api.continued().catch(begun) : begun();
}
