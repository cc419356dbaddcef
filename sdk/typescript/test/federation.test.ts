// A verifier that follows the feeds of other trust domains answers every vector of theirs as it is expected.

import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";

import { SignedStatement } from "../src/chain-messages.js";
import { LocalNonceMemory, Refused, RevocationFeed, Trust, Verifier } from "../src/index.js";
import { keyId, signingInput } from "../src/keys.js";
import { RevocationFeedEntry } from "../src/statement-messages.js";
import { readRevocations, readTrust } from "./trust-inputs.js";
import { bytes, number, object, readVectorFiles, type Json, type Vector } from "./vector-files.js";
import { writeMessage } from "./write-message.js";

const KINDS = ["link", "holder_key", "agent", "task", "principal", "issuer_key"];
const LATER_MS = 60_001;

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const PUBLIC = publicKey.export({ format: "der", type: "spki" }).subarray(-32);

const vectors = readVectorFiles()
  .flatMap((file) => file.vectors)
  .filter(({ kind, input }) => kind === "verify" && "federated_revocations" in input && input["require_receipt"] === true);

test("there are vectors of both outcomes", () => {
  assert.ok(vectors.some(({ expect }) => "accepted" in expect));
  assert.ok(vectors.some(({ expect }) => !("accepted" in expect)));
});

for (const vector of vectors) {
  test(vector.id, () => {
    const { verifier, nowMs } = verifierOf(vector);
    const token = bytes(vector.input["token"]);
    const asked = () => verifier.verify(token, { nowMs, monotonicMs: 0 });
    if (!("accepted" in vector.expect)) {
      const { reason } = object(vector.expect["refused"]);
      assert.throws(asked, (error) => error instanceof Refused && error.reason === reason);
      return;
    }
    const ours = readTrust(vector.input["trust"]).domainOf(asked().grant.issuerKeyId) === undefined;
    assert.throws(() => verifier.verify(token, { nowMs, monotonicMs: LATER_MS }), isStale); // feeds that are silent
    if (ours) return;
    const alone = verifierOf(vector, { federated: false }).verifier;
    assert.throws(() => alone.verify(token, { nowMs, monotonicMs: 0 }), isStale); // feeds that nobody follows
  });
}

function verifierOf({ input }: Vector, { federated = true } = {}): { verifier: Verifier; nowMs: number } {
  const nowMs = number(input["now_ms"]);
  const followed = Object.entries(object(input["federated_revocations"]));
  const federatedFeeds = new Map(followed.map(([name, revoked]) => [name, feedOf(revoked, nowMs)]));
  const options = {
    audience: "files",
    trust: readTrust(input["trust"]),
    feed: feedOf(input["revocations"], nowMs),
    nonces: new LocalNonceMemory(nowMs),
  };
  return { verifier: new Verifier(federated ? { ...options, federatedFeeds } : options), nowMs };
}

/** A feed that has told just these; one that has told nothing yet for null. */
function feedOf(revoked: Json | undefined, nowMs: number): RevocationFeed {
  const feed = new RevocationFeed();
  const told = readRevocations(revoked);
  if (told === undefined) return feed;
  const window = { notBeforeMs: 1, notAfterMs: 0, state: "active" } as const;
  const trust = new Trust(nowMs + 1, [{ purpose: "statement", publicKey: PUBLIC, ...window }]);
  const revocations = [...told].map(({ kind, id }) => ({ kind: KINDS.indexOf(kind) + 1, id, forgetAtMs: BigInt(nowMs) }));
  const payload = writeMessage(RevocationFeedEntry, { issuedAtMs: BigInt(nowMs), snapshot: true, revocations });
  const signature = sign(null, signingInput("revocation_feed", payload), privateKey);
  feed.take(writeMessage(SignedStatement, { kind: 5, keyId: keyId(PUBLIC), payload, signature }), trust, {
    nowMs,
    monotonicMs: 0,
  });
  return feed;
}

function isStale(error: unknown): boolean {
  return error instanceof Refused && error.reason === "feed_stale";
}
