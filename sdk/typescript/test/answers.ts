// What comes of a vector: outputs, or a refusal.

import { Refused } from "../src/errors.js";
import type { Members } from "./vector-files.js";

export type Answer = { readonly accepted: Members } | { readonly refused: Refused };

/** Gives outputs, or throws `Refused`. */
export type Single = (input: Members) => Members;

/** Answers for each part of a sequence. */
export type Sequence = (input: Members) => Answer[];

export function answer(action: () => Members): Answer {
  try {
    return { accepted: action() };
  } catch (error) {
    if (error instanceof Refused) return { refused: error };
    throw error;
  }
}
