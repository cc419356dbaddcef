// Runs every conformance vector whose requirements this implementation has.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";

import { Refused } from "../src/errors.js";
import { run, type Answer } from "./kinds.js";
import { list, members, object, readVectorFiles, text, type Json, type Members } from "./vector-files.js";

const HAS: readonly string[] = []; // no RE2 in Node: SPEC S-9
const counts: { area: string; run: number; skipped: number }[] = [];

for (const { area, vectors } of readVectorFiles()) {
  const count = { area, run: 0, skipped: 0 };
  counts.push(count);
  describe(area, () => {
    for (const { id, kind, requires, input, expect } of vectors) {
      const skip = !requires.every((requirement) => HAS.includes(requirement));
      test(id, { skip }, () => {
        count.run++;
        check(run(kind, input), expect);
      });
      if (skip) count.skipped++;
    }
  });
}

after(() => {
  for (const { area, run: done, skipped } of counts) {
    console.log(`${area.padEnd(24)} ${String(done).padStart(5)} run ${String(skipped).padStart(5)} skipped`);
  }
  const total = (of: "run" | "skipped"): number => counts.reduce((sum, count) => sum + count[of], 0);
  console.log(`${"all".padEnd(24)} ${String(total("run")).padStart(5)} run ${String(total("skipped")).padStart(5)} skipped`);
});

test("every id is unique", () => {
  const ids = readVectorFiles().flatMap(({ vectors }) => vectors.map(({ id }) => id));
  assert.equal(new Set(ids).size, ids.length);
});

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
