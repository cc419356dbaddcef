// What is to be done with the input of a conformance vector, for each kind (proto/vectors/README.md).

import assert from "node:assert/strict";

import { answer, type Answer, type Sequence, type Single } from "./answers.js";
import { CALL_SEQUENCES, CALLS } from "./kinds-of-calls.js";
import { STATEMENT_SEQUENCES, STATEMENTS } from "./kinds-of-statements.js";
import { TOKENS } from "./kinds-of-tokens.js";
import type { Members } from "./vector-files.js";

const SINGLES = new Map<string, Single>(Object.entries({ ...TOKENS, ...CALLS, ...STATEMENTS }));
const SEQUENCES = new Map<string, Sequence>(Object.entries({ ...CALL_SEQUENCES, ...STATEMENT_SEQUENCES }));

/** Runs one vector: one answer, or one for each part of a sequence. */
export function run(kind: string, input: Members): Answer | Answer[] {
  const sequence = SEQUENCES.get(kind);
  if (sequence !== undefined) return sequence(input);
  const single = SINGLES.get(kind);
  assert.ok(single !== undefined, `kind ${kind} is not known`);
  return answer(() => single(input));
}
