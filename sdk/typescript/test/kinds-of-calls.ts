// Kinds of vectors about calls: arguments, proofs, carriage, refusals.

import assert from "node:assert/strict";

import { argumentsFromBytes, argumentsFromJson } from "../src/arguments.js";
import { hex } from "../src/bytes.js";
import * as carriage from "../src/carriage.js";
import { reasonOfNumber } from "../src/errors.js";
import { checkProof, LocalNonceMemory } from "../src/proofs.js";
import { answer, type Sequence, type Single } from "./answers.js";
import { bytes, fromHex, list, members, number, text, type Members } from "./vector-files.js";

export const CALLS: Readonly<Record<string, Single>> = {
  proof(json) {
    const input = members(json, [...PROOF_MEMBERS, "proof", "now_ms"]);
    checkProof(bytes(input["proof"]), readProvenCall(input), {
      nowMs: number(input["now_ms"]),
      remembersFromMs: number(input["remembers_from_ms"]),
    });
    return {};
  },

  arguments(json) {
    return { digest: hex(argumentsFromBytes(bytes(members(json, ["arguments"])["arguments"])).digest) };
  },

  "canonical-json"(json) {
    const { canonicalJson, digest } = argumentsFromJson(bytes(members(json, ["json"])["json"]));
    return { canonical: hex(canonicalJson), digest: hex(digest) };
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

export const CALL_SEQUENCES: Readonly<Record<string, Sequence>> = {
  replay(json) {
    const input = members(json, [...PROOF_MEMBERS, "calls"]);
    const nonces = new LocalNonceMemory(number(input["remembers_from_ms"]));
    return list(input["calls"]).map((element) =>
      answer(() => {
        const each = members(element, ["proof", "now_ms"], ["holder_key", "chain_digest"]);
        const at = { nowMs: number(each["now_ms"]), remembersFromMs: nonces.remembersFromMs };
        nonces.take(checkProof(bytes(each["proof"]), readProvenCall({ ...input, ...each }), at), at.nowMs);
        return {};
      }),
    );
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
