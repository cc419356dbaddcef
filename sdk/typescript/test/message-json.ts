// Decoded messages as the JSON of conformance vectors: the fields that stand in the bytes.

import assert from "node:assert/strict";

import { readApproval, readSignedApproval } from "../src/approvals.js";
import { hex } from "../src/bytes.js";
import { parse, read } from "../src/canonical.js";
import { readCatalogue } from "../src/catalogue.js";
import * as chain from "../src/chain-messages.js";
import { checkDecisionRecord } from "../src/decisions.js";
import { readLink } from "../src/link.js";
import { readConstraint } from "../src/read-constraint.js";
import { readFeedPiece } from "../src/revocation.js";
import type { Field, Message } from "../src/schema.js";
import { readScope } from "../src/scope.js";
import * as messages from "../src/statement-messages.js";
import { checkOutcome, readBinding, readOffer, readReceipt, readStatement } from "../src/statements.js";
import type { Json, Members } from "./vector-files.js";
import { writeMessage } from "./write-message.js";

type Check = (payload: Uint8Array) => unknown;

const MESSAGES: Readonly<Record<string, readonly [Message<unknown>, Check]>> = {
  Link: [chain.Link, (payload) => readLink(parse(chain.Link, payload))],
  Scope: [chain.Scope, (payload) => readScope(read(chain.Scope, payload))],
  Constraint: [chain.Constraint, (payload) => readConstraint(read(chain.Constraint, payload))],
  SignedStatement: [chain.SignedStatement, (payload) => readStatement(payload)],
  Receipt: [messages.Receipt, readReceipt],
  Binding: [messages.Binding, readBinding],
  Offer: [messages.Offer, readOffer],
  RevocationFeedEntry: [messages.RevocationFeedEntry, readFeedPiece],
  Outcome: [messages.Outcome, checkOutcome],
  Approval: [messages.Approval, readApproval],
  SignedApproval: [messages.Approval, readSignedApproval],
  DecisionRecord: [messages.DecisionRecord, checkDecisionRecord],
  Catalogue: [messages.Catalogue, readCatalogue],
};

/** Reads a message with every check that is about it alone. */
export function readMessage(name: string, payload: Uint8Array): Members {
  const [message, check] = MESSAGES[name] ?? assert.fail(`message ${name} is not known`);
  check(payload);
  return { value: messageAsJson(message, payload) };
}

/** Reads a canonical message as JSON. */
export function messageAsJson(message: Message<unknown>, bytes: Uint8Array): Json {
  const value = read(message, bytes) as Record<string, unknown>;
  assert.equal(hex(writeMessage(message, value)), hex(bytes), "what is read is written the same");
  return asJson(message, value);
}

function asJson(message: Message<unknown>, value: Record<string, unknown>): Json {
  const result: { [name: string]: Json } = {};
  for (const [name, field] of message.fields.values()) {
    const content = value[name];
    if (!stands(field, content)) continue;
    const written = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    result[written] = Array.isArray(content)
      ? content.map((element) => fieldAsJson(field, element))
      : fieldAsJson(field, content);
  }
  return result;
}

function stands(field: Field<unknown>, content: unknown): boolean {
  if (field.presence === true) return content !== undefined;
  if (Array.isArray(content) || content instanceof Uint8Array) return content.length > 0;
  return Boolean(content);
}

function fieldAsJson(field: Field<unknown>, content: unknown): Json {
  if (field.message !== undefined) return asJson(field.message(), content as Record<string, unknown>);
  if (content instanceof Uint8Array) return hex(content);
  return typeof content === "bigint" ? Number(content) : (content as Json);
}
