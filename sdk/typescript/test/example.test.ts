// The example of SPEC section 15, as it stands on that page, through the public interface.

import assert from "node:assert/strict";
import { createPrivateKey, sign, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { SignedStatement } from "../src/chain-messages.js";
import { argumentsFromJson, LocalNonceMemory, Refused, RevocationFeed, Trust, Verifier } from "../src/index.js";
import { keyId, signingInput } from "../src/keys.js";
import { RevocationFeedEntry } from "../src/statement-messages.js";
import { fromHex, PROTO } from "./vector-files.js";
import { writeMessage } from "./write-message.js";

const NOW_MS = Date.parse("2026-01-01T00:00:02Z");
const AT = { nowMs: NOW_MS, monotonicMs: 0 };

const page = readFileSync(`${PROTO}SPEC.md`, "utf8");
const example = page.slice(page.indexOf("<!-- example: begin -->"), page.indexOf("<!-- example: end -->"));

test("the page's call is permitted, once", () => {
  const verifier = exampleVerifier();
  const carried = { chain: written("token: Chain"), proof: written("proof: SignedProof") };
  const call = { tool: "read", arguments: exampleArguments() };
  const chain = verifier.permit(carried, call, AT);
  assert.equal(chain.leaf.holderAgent, "spiffe://example.org/bob");
  assert.equal(chain.recordedAtMs, Date.parse("2026-01-01T00:00:01.005Z"));
  assert.throws(() => verifier.permit(carried, call, AT), isRefusal("proof_replayed"));
});

test("another call under the page's chain is refused", () => {
  const verifier = exampleVerifier();
  const chain = verifier.verify(written("token: Chain"), AT);
  const elsewhere = argumentsFromJson(Buffer.from('{"path":"/srv/other"}'));
  const call = { tool: "read", arguments: elsewhere };
  assert.throws(
    () => verifier.checkProof(chain, written("proof: SignedProof"), call, AT),
    isRefusal("proof_other_call"),
  );
  assert.throws(() => verifier.authorize(chain, call), isRefusal("argument_refused", 1));
  assert.throws(() => verifier.authorize(chain, { ...call, tool: "write" }), isRefusal("tool_not_permitted", 0));
});

test("nothing passes without a chain, a proof, or a fresh feed", () => {
  const verifier = exampleVerifier();
  const token = written("token: Chain");
  const call = { tool: "read", arguments: exampleArguments() };
  assert.throws(() => verifier.verify(new Uint8Array(), AT), isRefusal("chain_missing"));
  assert.throws(() => verifier.permit({ chain: token, proof: new Uint8Array() }, call, AT), isRefusal("proof_missing"));
  assert.throws(() => verifier.verify(token, { nowMs: NOW_MS, monotonicMs: 60_001 }), isRefusal("feed_stale"));
});

function exampleVerifier(): Verifier {
  const window = { notBeforeMs: 1, notAfterMs: 0, state: "active" } as const;
  const trust = new Trust(NOW_MS + 1, [
    { purpose: "grant", publicKey: publicKey("grant key"), ...window },
    { purpose: "statement", publicKey: publicKey("statement key"), ...window },
  ]);
  const feed = new RevocationFeed();
  feed.take(emptySnapshot(), trust, AT);
  return new Verifier({ audience: "files", trust, feed, nonces: new LocalNonceMemory(NOW_MS - 10_000) });
}

function emptySnapshot(): Uint8Array {
  const payload = writeMessage(RevocationFeedEntry, { issuedAtMs: BigInt(NOW_MS), snapshot: true });
  const signature = sign(null, signingInput("revocation_feed", payload), secretKey(2));
  return writeMessage(SignedStatement, { kind: 5, keyId: keyId(publicKey("statement key")), payload, signature });
}

function secretKey(seedByte: number): KeyObject {
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.alloc(32, seedByte)]);
  return createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
}

function publicKey(name: string): Uint8Array {
  const [, key] = new RegExp(`^ +${name} +[0-9a-f]{2} +([0-9a-f]{64})`, "m").exec(example) ?? [];
  return fromHex(key ?? assert.fail(`the page has no ${name}`));
}

/** What stands on the page below "all of it" in a section. */
function written(section: string): Uint8Array {
  const start = example.indexOf(`\n${section}`);
  const [, lines = ""] = /all of it:\n((?: +[0-9a-f]+\n)+)/.exec(example.slice(start)) ?? [];
  return fromHex(lines.replaceAll(/\s/g, ""));
}

function exampleArguments() {
  const [, json = ""] = /^arguments: (.*)$/m.exec(example) ?? [];
  return argumentsFromJson(Buffer.from(json));
}

function isRefusal(reason: string, link?: number): (error: unknown) => boolean {
  return (error) => error instanceof Refused && error.reason === reason && error.link === link;
}
