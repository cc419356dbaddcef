// Kinds of vectors about tokens: keys, signatures, links, constraints, verification, authorization.

import { allows } from "../src/allows.js";
import { checkApproves, openApproval } from "../src/approvals.js";
import { argumentsFromJson, valueFromJson } from "../src/arguments.js";
import { authorizeCall } from "../src/authorize.js";
import { hex, sha256 } from "../src/bytes.js";
import { read } from "../src/canonical.js";
import { Constraint } from "../src/chain-messages.js";
import type { Constraint as ConstraintValue } from "../src/constraints.js";
import { covers } from "../src/covers.js";
import { readEnvelope } from "../src/envelope.js";
import { parseJson } from "../src/json.js";
import { checkPublicKey, checkSignature, keyId, signingInput, type Purpose } from "../src/keys.js";
import { readConstraint } from "../src/read-constraint.js";
import { Revocations } from "../src/revocation.js";
import { Steps } from "../src/steps.js";
import { verifyToken, type VerifiedChain } from "../src/verify.js";
import type { Single } from "./answers.js";
import { readMessage } from "./message-json.js";
import { readFederatedRevocations, readRevocations, readTrust } from "./trust-inputs.js";
import { bytes, fromHex, list, members, number, text, type Json, type Members } from "./vector-files.js";

export const TOKENS: Readonly<Record<string, Single>> = {
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
    const required = ["token", "now_ms", "trust", "revocations", "require_receipt"];
    const input = members(json, required, ["federated_revocations"]);
    const chain = verifyToken(bytes(input["token"]), {
      nowMs: number(input["now_ms"]),
      trust: readTrust(input["trust"]),
      revocations: readRevocations(input["revocations"]),
      revokedBy: readFederatedRevocations(input["federated_revocations"]),
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
    const { parent, child } = members(json, ["parent", "child"]);
    return { covers: covers(readConstraintOf(parent), readConstraintOf(child), new Steps()) };
  },

  allows(json) {
    const { constraint, value } = members(json, ["constraint", "value"]);
    const asked = valueFromJson(parseJson(bytes(value)));
    return { allows: allows(readConstraintOf(constraint), asked, new Steps()) };
  },

  approval(json) {
    const input = members(json, [...CALL_MEMBERS, "statement", "approvers"]);
    const at = { trust: readTrust(input["trust"]), nowMs: number(input["now_ms"]) };
    const call = {
      chain: verifiedForCall(input),
      audience: text(input["audience"]),
      tool: text(input["tool"]),
      argumentsDigest: argumentsFromJson(bytes(input["arguments"])).digest,
    };
    const approval = openApproval(bytes(input["statement"]), at);
    checkApproves(approval, call, list(input["approvers"]).map(text), at.nowMs);
    return {};
  },

  authorize(json) {
    const input = members(json, [...CALL_MEMBERS, "defaults"]);
    const chain = verifiedForCall(input);
    authorizeCall(chain.links, {
      audience: text(input["audience"]),
      tool: text(input["tool"]),
      arguments: argumentsFromJson(bytes(input["arguments"])),
      defaults: argumentsFromJson(bytes(input["defaults"])).values,
    });
    return {};
  },
};

const CALL_MEMBERS = ["token", "now_ms", "trust", "audience", "tool", "arguments"];

function readConstraintOf(json: Json | undefined): ConstraintValue {
  return readConstraint(read(Constraint, bytes(json)));
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
