// Kinds of vectors about what is signed besides tokens: statements, trust bundle, records, the feed.

import assert from "node:assert/strict";

import { checkCovers, openBreakGlass } from "../src/break-glass.js";
import { hex } from "../src/bytes.js";
import { openCatalogue } from "../src/catalogue.js";
import { openDecisionBatch } from "../src/decisions.js";
import { Refused } from "../src/errors.js";
import { principalId, RevocationFeed } from "../src/revocation.js";
import * as messages from "../src/statement-messages.js";
import { openOffer, openStatement, readStatement, type StatementKind } from "../src/statements.js";
import { openTrustBundle } from "../src/trust.js";
import { answer, type Sequence, type Single } from "./answers.js";
import { messageAsJson, readMessage } from "./message-json.js";
import { readTrust } from "./trust-inputs.js";
import { bytes, fromHex, list, members, number, text, type Members } from "./vector-files.js";

const PAYLOADS: Readonly<Record<string, string>> = {
  receipt: "Receipt",
  binding: "Binding",
  approval: "Approval",
  signed_approval: "SignedApproval",
  revocation_feed: "RevocationFeedEntry",
  outcome: "Outcome",
};

export const STATEMENTS: Readonly<Record<string, Single>> = {
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

  "break-glass"(json) {
    const input = members(json, ["trust", "root_key", "statement", "now_ms", "audience", "effects"]);
    const statement = bytes(input["statement"]);
    const nowMs = number(input["now_ms"]);
    const by = { trust: readTrust(input["trust"]), rootKey: fromHex(input["root_key"]), nowMs };
    const order = openBreakGlass(statement, by);
    checkCovers(order, { audience: text(input["audience"]), effects: list(input["effects"]).map(number), nowMs });
    return { value: messageAsJson(messages.BreakGlass, readStatement(statement).payload) };
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

  observation(json) {
    const names = ["catalogue", "catalogue_digest", "tools", "issued_at_ms", "expires_at_ms", "now_ms"];
    const input = members(json, names);
    const catalogue = openCatalogue(bytes(input["catalogue"]), fromHex(input["catalogue_digest"]));
    const bundle = { issuedAtMs: number(input["issued_at_ms"]), expiresAtMs: number(input["expires_at_ms"]) };
    const observed = list(input["tools"]).map((tool) => {
      const asked = members(tool, ["audience", "tool"]);
      return catalogue.isObserved(text(asked["audience"]), text(asked["tool"]), bundle, number(input["now_ms"]));
    });
    return { observed };
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

  principal(json) {
    const input = members(json, ["issuer", "subject"]);
    return { id: hex(principalId(text(input["issuer"]), text(input["subject"]))) };
  },
};

export const STATEMENT_SEQUENCES: Readonly<Record<string, Sequence>> = {
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

function readMoment(input: Members): { nowMs: number; monotonicMs: number } {
  return { nowMs: number(input["now_ms"]), monotonicMs: number(input["monotonic_ms"]) };
}
