// What is to be done with the input of a conformance vector, for each kind (proto/vectors/README.md). A
// function gives its outputs, or throws `Refused`; the kinds of sequences answer for each of their parts.

import assert from "node:assert/strict";

import { allows } from "../src/allows.js";
import { argumentsFromBytes, argumentsFromJson, valueFromJson } from "../src/arguments.js";
import { authorizeCall } from "../src/authorize.js";
import { hex, sha256 } from "../src/bytes.js";
import { read, type Message } from "../src/canonical.js";
import * as carriage from "../src/carriage.js";
import { openCatalogue, readCatalogue } from "../src/catalogue.js";
import { covers } from "../src/covers.js";
import { checkDecisionRecord, openDecisionBatch } from "../src/decisions.js";
import { readEnvelope } from "../src/envelope.js";
import { reasonOfNumber, Refused } from "../src/errors.js";
import { parseJson } from "../src/json.js";
import { checkPublicKey, checkSignature, keyId, signingInput, type Purpose } from "../src/keys.js";
import { parse } from "../src/canonical.js";
import { readLink } from "../src/link.js";
import * as messages from "../src/messages.js";
import { checkProof, LocalNonceMemory } from "../src/proofs.js";
import { readConstraint } from "../src/read-constraint.js";
import {
  principalId,
  readFeedPiece,
  RevocationFeed,
  Revocations,
  type RevocationKind,
} from "../src/revocation.js";
import { readScope } from "../src/scope.js";
import {
  checkApproval,
  checkOutcome,
  openOffer,
  openStatement,
  readBinding,
  readOffer,
  readReceipt,
  readStatement,
  type StatementKind,
} from "../src/statements.js";
import { Steps } from "../src/steps.js";
import { openTrustBundle, Trust, type TrustedKey } from "../src/trust.js";
import { verifyToken, type VerifiedChain } from "../src/verify.js";
import { messageAsJson } from "./message-json.js";
import { bytes, fromHex, list, members, number, text, type Json, type Members } from "./vector-files.js";

/** Outputs, or a refusal. */
export type Answer = { readonly accepted: Members } | { readonly refused: Refused };

/** Runs one vector: one answer, or one for each part of a sequence. */
export function run(kind: string, input: Members): Answer | Answer[] {
  const sequence = Object.hasOwn(SEQUENCES, kind) ? SEQUENCES[kind] : undefined;
  if (sequence !== undefined) return sequence(input);
  const single = Object.hasOwn(SINGLES, kind) ? SINGLES[kind] : undefined;
  assert.ok(single !== undefined, `kind ${kind} is not known`);
  return answer(() => single(input));
}

function answer(action: () => Members): Answer {
  try {
    return { accepted: action() };
  } catch (error) {
    if (error instanceof Refused) return { refused: error };
    throw error;
  }
}

type Check = (payload: Uint8Array) => unknown;

const MESSAGES: Readonly<Record<string, readonly [Message<unknown>, Check]>> = {
  Link: [messages.Link, (payload) => readLink(parse(messages.Link, payload))],
  Scope: [messages.Scope, (payload) => readScope(read(messages.Scope, payload))],
  Constraint: [messages.Constraint, (payload) => readConstraint(read(messages.Constraint, payload))],
  SignedStatement: [messages.SignedStatement, (payload) => readStatement(payload)],
  Receipt: [messages.Receipt, readReceipt],
  Binding: [messages.Binding, readBinding],
  Offer: [messages.Offer, readOffer],
  RevocationFeedEntry: [messages.RevocationFeedEntry, readFeedPiece],
  Outcome: [messages.Outcome, checkOutcome],
  Approval: [messages.Approval, checkApproval],
  DecisionRecord: [messages.DecisionRecord, checkDecisionRecord],
  Catalogue: [messages.Catalogue, readCatalogue],
};

const PAYLOADS: Readonly<Record<string, string>> = {
  receipt: "Receipt",
  binding: "Binding",
  revocation_feed: "RevocationFeedEntry",
  outcome: "Outcome",
  approval: "Approval",
};

function readMessage(name: string, payload: Uint8Array): Members {
  const [message, check] = MESSAGES[name] ?? assert.fail(`message ${name} is not known`);
  check(payload);
  return { value: messageAsJson(message, payload) };
}

const SINGLES: Readonly<Record<string, (input: Members) => Members>> = {
  decode(json) {
    const input = members(json, ["message", "bytes"]);
    if (input["message"] !== "Chain") return readMessage(text(input["message"]), bytes(input["bytes"]));
    const { links, statements } = readEnvelope(bytes(input["bytes"]));
    return { links: links.length, statements: statements.length };
  },

  key(json) {
    const key = fromHex(members(json, ["public_key"])["public_key"]);
    checkPublicKey(key);
    return { key_id: hex(keyId(key)) };
  },

  signature(json) {
    const input = members(json, ["public_key", "purpose", "parent", "payload", "signature"]);
    const purpose = text(input["purpose"]) as Purpose;
    const signed = signingInput(purpose, bytes(input["payload"]), fromHex(input["parent"]));
    checkSignature(fromHex(input["public_key"]), signed, fromHex(input["signature"]));
    const ofLink = purpose === "grant" || purpose === "handoff";
    return { signing_input: hex(signed), ...(ofLink ? { link_id: hex(sha256(signed)) } : {}) };
  },

  verify(json) {
    const input = members(json, ["token", "now_ms", "trust", "revocations", "require_receipt"]);
    const chain = verifyToken(bytes(input["token"]), {
      nowMs: number(input["now_ms"]),
      trust: readTrust(input["trust"]),
      revocations: readRevocations(input["revocations"]),
      requireReceipt: input["require_receipt"] === true,
    });
    return {
      link_ids: chain.links.map(({ id }) => hex(id)),
      chain_digest: hex(chain.leaf.id),
      holder_key: hex(chain.leaf.holderKey),
      holder_agent: chain.leaf.holderAgent,
      task_id: hex(chain.grant.taskId),
      recorded_at_ms: chain.recordedAtMs ?? null,
      bound: chain.links.map(({ bound }) => bound),
    };
  },

  covers(json) {
    const input = members(json, ["parent", "child"]);
    const [parent, child] = [input["parent"], input["child"]].map((side) =>
      readConstraint(read(messages.Constraint, bytes(side))),
    );
    assert.ok(parent !== undefined && child !== undefined);
    return { covers: covers(parent, child, new Steps()) };
  },

  allows(json) {
    const input = members(json, ["constraint", "value"]);
    const constraint = readConstraint(read(messages.Constraint, bytes(input["constraint"])));
    const value = valueFromJson(parseJson(bytes(input["value"])));
    return { allows: allows(constraint, value, new Steps()) };
  },

  authorize(json) {
    const input = members(json, ["token", "now_ms", "trust", "audience", "tool", "arguments", "defaults"]);
    const chain = verifiedForCall(input);
    authorizeCall(chain.links, {
      audience: text(input["audience"]),
      tool: text(input["tool"]),
      arguments: argumentsFromJson(bytes(input["arguments"])),
      defaults: argumentsFromJson(bytes(input["defaults"])).values,
    });
    return {};
  },

  proof(json) {
    const input = members(json, [...PROOF_MEMBERS, "proof", "now_ms"]);
    checkProof(bytes(input["proof"]), readProvenCall(input), {
      nowMs: number(input["now_ms"]),
      remembersFromMs: number(input["remembers_from_ms"]),
    });
    return {};
  },

  statement(json) {
    const input = members(json, ["statement", "kind", "public_key"]);
    const kind = text(input["kind"]);
    const statement = readStatement(bytes(input["statement"]));
    const payload = openStatement(statement, kind as StatementKind, fromHex(input["public_key"]));
    return readMessage(PAYLOADS[kind] ?? assert.fail(`kind ${kind} is not known`), payload);
  },

  offer(json) {
    const input = members(json, ["statement", "now_ms", "delegator", "agent"]);
    const statement = bytes(input["statement"]);
    openOffer(statement, {
      delegator: text(input["delegator"]),
      agent: text(input["agent"]),
      nowMs: number(input["now_ms"]),
    });
    return { value: messageAsJson(messages.Offer, readStatement(statement).payload) };
  },

  bundle(json) {
    const input = members(json, ["statement", "root_key", "now_ms", "known_version"]);
    const statement = bytes(input["statement"]);
    openTrustBundle(statement, {
      rootKey: fromHex(input["root_key"]),
      knownVersion: number(input["known_version"]),
      nowMs: number(input["now_ms"]),
    });
    return { value: messageAsJson(messages.TrustBundle, readStatement(statement, statement.length).payload) };
  },

  catalogue(json) {
    const input = members(json, ["catalogue", "catalogue_digest", "tools"]);
    const catalogue = openCatalogue(bytes(input["catalogue"]), fromHex(input["catalogue_digest"]));
    const local = list(input["tools"]).map((tool) => {
      const asked = members(tool, ["audience", "tool"]);
      return catalogue.isLocal(text(asked["audience"]), text(asked["tool"]));
    });
    return { local };
  },

  batch(json) {
    const batch = openDecisionBatch(bytes(members(json, ["statement"])["statement"]));
    return {
      guard_key: hex(batch.guardKey),
      first_sequence: batch.firstSequence,
      next_sequence: batch.nextSequence,
      head: hex(batch.head),
      records: batch.records.map((record) => messageAsJson(messages.DecisionRecord, record)),
    };
  },

  arguments(json) {
    return { digest: hex(argumentsFromBytes(bytes(members(json, ["arguments"])["arguments"])).digest) };
  },

  "canonical-json"(json) {
    const { canonicalJson, digest } = argumentsFromJson(bytes(members(json, ["json"])["json"]));
    return { canonical: hex(canonicalJson), digest: hex(digest) };
  },

  principal(json) {
    const input = members(json, ["issuer", "subject"]);
    return { id: hex(principalId(text(input["issuer"]), text(input["subject"]))) };
  },

  receive(json) {
    const { chain, proof, chainDigest } = receive(json);
    return { chain: hex(chain), proof: hex(proof), chain_digest: hex(chainDigest) };
  },

  send(json) {
    const input = members(json, ["over", "chain", "proof"], ["chain_digest"]);
    const carried = {
      chain: bytes(input["chain"]),
      proof: bytes(input["proof"]),
      chainDigest: bytes(input["chain_digest"] ?? ""),
    };
    const sent = answer(() => send(text(input["over"]), carried));
    return "accepted" in sent ? sent.accepted : { sent: false };
  },

  reason(json) {
    const { reason, layer, grpcCode } = reasonOfNumber(number(members(json, ["number"])["number"]));
    return { reason, layer, grpc_code: grpcCode };
  },
};

const SEQUENCES: Readonly<Record<string, (input: Members) => Answer[]>> = {
  replay(json) {
    const input = members(json, [...PROOF_MEMBERS, "calls"]);
    const call = readProvenCall(input);
    const nonces = new LocalNonceMemory(number(input["remembers_from_ms"]));
    return list(input["calls"]).map((element) =>
      answer(() => {
        const { proof, now_ms } = members(element, ["proof", "now_ms"]);
        const at = { nowMs: number(now_ms), remembersFromMs: nonces.remembersFromMs };
        nonces.take(checkProof(bytes(proof), call, at), at.nowMs);
        return {};
      }),
    );
  },

  feed(json) {
    const input = members(json, ["trust", "pieces"], ["asked"]);
    const trust = readTrust(input["trust"]);
    const feed = new RevocationFeed();
    const answers = list(input["pieces"]).map((element) =>
      answer(() => {
        const piece = members(element, ["statement", "now_ms", "monotonic_ms"]);
        feed.take(bytes(piece["statement"]), trust, readMoment(piece));
        const revoked = [...(feed.revoked ?? [])].map(({ kind, id }) => ({ kind, id: hex(id) }));
        return { position: feed.position ?? null, revoked };
      }),
    );
    if (input["asked"] === undefined) return answers;
    const asked = members(input["asked"], ["now_ms", "monotonic_ms", "maximum_age_ms"]);
    return [
      ...answers,
      answer(() => {
        if (!feed.isFresh(readMoment(asked), number(asked["maximum_age_ms"]))) throw new Refused("feed_stale", "");
        return {};
      }),
    ];
  },
};

const PROOF_MEMBERS = ["holder_key", "chain_digest", "audience", "tool", "arguments", "remembers_from_ms"];

function readProvenCall(input: Members) {
  return {
    holderKey: fromHex(input["holder_key"]),
    chainDigest: fromHex(input["chain_digest"]),
    audience: text(input["audience"]),
    tool: text(input["tool"]),
    argumentsDigest: argumentsFromJson(bytes(input["arguments"])).digest,
  };
}

function verifiedForCall(input: Members): VerifiedChain {
  try {
    return verifyToken(bytes(input["token"]), {
      nowMs: number(input["now_ms"]),
      trust: readTrust(input["trust"]),
      revocations: new Revocations(),
      requireReceipt: false,
    });
  } catch (error) {
    throw new Error("the token of a call has to verify", { cause: error });
  }
}

function receive(json: Members): carriage.Carried {
  const [name] = Object.keys(json);
  if (name === "metadata") {
    return carriage.receiveMetadata(
      list(json["metadata"]).map((element) => {
        const entry = members(element, ["key"], ["bytes", "string"]);
        return [text(entry["key"]), entry["bytes"] === undefined ? text(entry["string"]) : bytes(entry["bytes"])];
      }),
    );
  }
  if (name === "headers") {
    return carriage.receiveHeaders(
      list(json["headers"]).map((element) => {
        const entry = members(element, ["name", "value"]);
        return [text(entry["name"]), Buffer.from(bytes(entry["value"])).toString("latin1")];
      }),
    );
  }
  const meta = bytes(members(json, ["meta"])["meta"]);
  return carriage.receiveMeta(meta.length === 0 ? undefined : JSON.parse(Buffer.from(meta).toString("utf8")));
}

function send(over: string, carried: carriage.Carried): Members {
  if (over === "grpc") {
    const metadata = carriage.sendMetadata(carried).map(([key, value]) => [key, hex(value)] as const);
    return { sent: true, metadata: Object.fromEntries(metadata) };
  }
  if (over === "http") return { sent: true, headers: Object.fromEntries(carriage.sendHeaders(carried)) };
  assert.equal(over, "mcp");
  return { sent: true, meta: carriage.sendMeta(carried) };
}

function readMoment(input: Members): { nowMs: number; monotonicMs: number } {
  return { nowMs: number(input["now_ms"]), monotonicMs: number(input["monotonic_ms"]) };
}

function readTrust(json: Json | undefined): Trust {
  const { expires_at_ms, keys } = members(json, ["expires_at_ms", "keys"]);
  return new Trust(number(expires_at_ms), list(keys).map(readTrustedKey));
}

const KEY_MEMBERS = ["purpose", "public_key", "not_before_ms", "not_after_ms", "state"];

function readTrustedKey(json: Json): TrustedKey {
  const key = members(json, KEY_MEMBERS, ["compromised_at_ms"]);
  return {
    purpose: text(key["purpose"]) as TrustedKey["purpose"],
    publicKey: fromHex(key["public_key"]),
    notBeforeMs: number(key["not_before_ms"]),
    notAfterMs: number(key["not_after_ms"]),
    state: text(key["state"]) as TrustedKey["state"],
  };
}

function readRevocations(json: Json | undefined): Revocations | undefined {
  if (json === null) return undefined;
  return new Revocations(
    list(json).map((element) => {
      const { kind, id } = members(element, ["kind", "id"]);
      return { kind: text(kind) as RevocationKind, id: fromHex(id) };
    }),
  );
}
