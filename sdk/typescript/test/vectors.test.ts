// Runs every conformance vector whose requirements this implementation has.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import type { Refused } from "../src/errors.js";
import type { Answer } from "./answers.js";
import { run } from "./kinds.js";
import { list, members, object, readVectorFiles, text, type Json, type Members, type Vector } from "./vector-files.js";

const HAS: readonly string[] = []; // no RE2 in Node: SPEC S-9
const files = readVectorFiles();
const total = { run: 0, skipped: 0 };

for (const { area, vectors } of files) {
  const runnable = vectors.filter(({ requires }) => requires.every((requirement) => HAS.includes(requirement)));
  const skipped = vectors.length - runnable.length;
  test(`vectors: ${area}`, (context) => {
    const faults = runnable.flatMap(faultsOf);
    total.run += runnable.length;
    total.skipped += skipped;
    context.diagnostic(`${area}: ${runnable.length} run, ${skipped} skipped`);
    assert.ok(faults.length === 0, `${faults.length} vectors of ${area} fail:\n${faults.join("\n")}`);
  });
}

after(() => {
  console.log(`all vectors: ${total.run} run, ${total.skipped} skipped`);
});

test("every id of a vector is unique", () => {
  const ids = files.flatMap(({ vectors }) => vectors.map(({ id }) => id));
  assert.equal(new Set(ids).size, ids.length);
});

function faultsOf({ id, kind, input, expect }: Vector): string[] {
  try {
    check(run(kind, input), expect);
    return [];
  } catch (error) {
    return [`${id}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function check(answers: Answer | Answer[], expect: Members): void {
  if (!Array.isArray(answers)) {
    checkAnswer(answers, expect);
    return;
  }
  const each = list(members(expect, ["each"])["each"]);
  assert.equal(answers.length, each.length, "as many answers as are expected");
  for (const [index, expected] of each.entries()) checkAnswer(answers[index] as Answer, object(expected));
}

function checkAnswer(answer: Answer, expect: Members): void {
  if (Object.hasOwn(expect, "accepted")) {
    const { accepted } = members(expect, ["accepted"]);
    if ("refused" in answer) assert.fail(`refused: ${answer.refused.message}`);
    for (const [name, value] of Object.entries(object(accepted))) {
      assert.ok(Object.hasOwn(answer.accepted, name), `output ${name} is not known`);
      assert.deepEqual(comparable(answer.accepted[name] as Json), comparable(value), name);
    }
    return;
  }
  const { refused } = members(expect, ["refused"]);
  if ("accepted" in answer) assert.fail(`accepted: ${JSON.stringify(answer.accepted)}`);
  checkRefusal(answer.refused, members(refused, ["reason", "layer"], ["link", "field"]));
}

function checkRefusal(refused: Refused, expected: Members): void {
  const { reason, layer } = expected;
  const reasons = Array.isArray(reason) ? reason.map(text) : [text(reason)];
  assert.ok(reasons.includes(refused.reason), `${refused.message}, not ${reasons.join(" or ")}`);
  assert.equal(refused.layer, layer);
  if (Object.hasOwn(expected, "link")) assert.equal(refused.link ?? null, expected["link"]);
  if (Object.hasOwn(expected, "field")) {
    const field = text(expected["field"]);
    const named = refused.growth?.field ?? "";
    assert.ok(named === field || named.startsWith(`${field}.`), `${named} is not ${field}`);
  }
}

/** What is revoked is given in any order. */
function comparable(value: Json): Json {
  if (!Array.isArray(value) || !value.every((element) => isRevocation(element))) return value;
  return value.map((element) => JSON.stringify(element, ["kind", "id"])).sort();
}

function isRevocation(element: Json): boolean {
  return typeof element === "object" && element !== null && "kind" in element && "id" in element;
}
