// Work is bounded by counting it, never by a clock (SPEC section 8.2).

import { Refused } from "./errors.js";
import { EVALUATION_STEPS } from "./limits.js";

export class Steps {
  #left = EVALUATION_STEPS;

  /** Takes steps, before the work that they stand for. */
  take(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw new Refused("evaluation_exhausted", "deciding takes too many steps");
  }
}
