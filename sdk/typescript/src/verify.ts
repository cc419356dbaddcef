// Verification of a token (SPEC section 6): steps 1 to 15 in their order, each refusal blamed on the
// link that V-15 to V-17 say.

import { sameBytes, sha256 } from "./bytes.js";
import { parse, type Parsed } from "./canonical.js";
import { Link as LinkTable, type LinkMessage } from "./chain-messages.js";
import { blaming, Refused } from "./errors.js";
import { checkWithin, isOf } from "./federation.js";
import { readEnvelope, type SignedLink } from "./envelope.js";
import { checkSignature, signingInput } from "./keys.js";
import { GRANT_LIFETIME_MS, NOT_BEFORE_LEEWAY_MS } from "./limits.js";
import { readLink, type GrantClaims, type Link } from "./link.js";
import { checkNarrower } from "./narrowing.js";
import { principalId, type RevocationKind, type Revocations } from "./revocation.js";
import { openStatement, readBinding, readReceipt, type Binding, type Receipt, type Statement } from "./statements.js";
import { Steps } from "./steps.js";
import { counts, statementKey, type Trust } from "./trust.js";

/** A chain that passed. Only `verifyToken` makes one. */
export interface VerifiedChain {
  readonly links: readonly VerifiedLink[];
  readonly leaf: VerifiedLink;
  readonly grant: GrantClaims;
  /** When the last link was recorded, by its receipt; undefined without one. */
  readonly recordedAtMs: number | undefined;
}

export interface VerifiedLink extends Link {
  readonly id: Uint8Array;
  /** False: the agent id is its delegator's assertion. The grant's needs no binding (T-7). */
  readonly bound: boolean;
}

export interface Circumstances {
  readonly nowMs: number;
  readonly trust: Trust;
  /** Undefined: no whole snapshot of the feed is known, hence nothing passes. */
  readonly revocations: Revocations | undefined;
  /** T-28: of a federated domain what it has revoked, by its own feed; undefined if that is not followed, or stale. */
  readonly revokedBy?: (trustDomain: string) => Revocations | undefined;
  /** False only for the service, which knows itself what it has recorded (V-20). */
  readonly requireReceipt?: boolean;
}

interface Identified {
  readonly link: Link;
  readonly id: Uint8Array;
}

/** Verifies a token or refuses it. */
export function verifyToken(token: Uint8Array, at: Circumstances): VerifiedChain {
  const { links: signed, statements } = readEnvelope(token); // 1, 2
  const parsed = signed.map(({ payload }, index) => blaming(index, () => parse(LinkTable, payload)));
  const issuerKey = blaming(0, () => findIssuer(parsed[0], at)); // 3
  const links = checkLinks(signed, parsed, issuerKey); // 4 to 10
  const { receipts, bindings } = checkStatements(statements, links, at); // 11
  const grant = links[0]?.link.grant;
  const last = links.at(-1);
  if (grant === undefined || last === undefined) throw new TypeError("a chain without a grant has passed");
  const recorded = receipts.filter(({ linkId }) => sameBytes(linkId, last.id)).map(({ recordedAtMs }) => recordedAtMs);
  const needed = links.length > 1 && !grant.unrecordedHandoffs && at.requireReceipt !== false;
  if (needed && recorded.length === 0) {
    throw new Refused("receipt_missing", "no receipt for the last link", { link: links.length - 1 }); // 12
  }
  checkTimes(links, at.nowMs); // 13
  checkRevocations(links, grant, at.revocations); // 14
  const domain = at.trust.domainOf(grant.issuerKeyId);
  if (domain !== undefined) {
    checkRevocations(links, grant, at.revokedBy?.(domain.trustDomain)); // 15
    checkWithin(
      domain,
      links.map(({ link }) => link),
    );
  }
  const verified = links.map(({ link, id }, index) => {
    return { ...link, id, bound: index === 0 || isBound(link, bindings, at.nowMs) };
  });
  const leaf = verified.at(-1) as VerifiedLink;
  return { links: verified, leaf, grant, recordedAtMs: recorded.length > 0 ? Math.min(...recorded) : undefined };
}

function findIssuer(first: Parsed<LinkMessage> | undefined, { trust, nowMs }: Circumstances): Uint8Array {
  if (trust.expiresAtMs <= nowMs) throw new Refused("bundle_expired", "the trust bundle has expired");
  const grant = first?.value.grant;
  if (grant === undefined) throw new Refused("grant_missing", "the first link is no grant");
  const key = trust.findIssuer(grant.issuerKeyId);
  if (key === undefined) throw new Refused("issuer_unknown", "the issuer key is not in the trust bundle");
  if (!counts(key, "grant", nowMs)) throw new Refused("issuer_not_trusted", "the issuer key does not count for grants");
  return key.publicKey;
}

function checkLinks(
  signed: readonly SignedLink[],
  parsed: readonly Parsed<LinkMessage>[],
  issuerKey: Uint8Array,
): Identified[] {
  const steps = new Steps();
  const links: Identified[] = [];
  for (const [index, { payload, signature }] of signed.entries()) {
    const before = links.at(-1);
    const input = signingInput(before === undefined ? "grant" : "handoff", payload, before?.id);
    const link = blaming(index, () => {
      checkSignature(before?.link.holderKey ?? issuerKey, input, signature); // 4
      const read = readLink(parsed[index] as Parsed<LinkMessage>); // 5, 6
      checkLinkage(before?.link, read); // 7, 8
      checkLifetime(read); // 9
      if (before !== undefined) checkNarrower(before.link, read, steps); // 10
      return read;
    });
    links.push({ link, id: sha256(input) });
  }
  return links;
}

function checkLinkage(before: Link | undefined, link: Link): void {
  if (before === undefined) {
    if (link.grant === undefined) throw new Refused("grant_missing", "the first link is no grant");
    return;
  }
  if (link.grant !== undefined) throw new Refused("grant_repeated", "a later link claims to be a grant");
  if (before.remainingDepth < 1) throw new Refused("depth_exceeded", "the link before permits no handoff");
}

function checkLifetime({ grant, notBeforeMs, expiresAtMs }: Link): void {
  const tooLong = grant !== undefined && expiresAtMs - notBeforeMs > GRANT_LIFETIME_MS;
  if (tooLong || notBeforeMs >= expiresAtMs)
    throw new Refused("lifetime_too_long", "a link lives too long, or not at all");
}

function checkStatements(
  statements: readonly Statement[],
  links: readonly Identified[],
  { trust, nowMs }: Circumstances,
): { receipts: Receipt[]; bindings: Binding[] } {
  const receipts: Receipt[] = [];
  const bindings: Binding[] = [];
  const issuer = links[0]?.link.grant?.issuerKeyId;
  const domain = issuer === undefined ? undefined : trust.domainOf(issuer);
  for (const statement of statements) {
    const publicKey = statementKey(trust, statement.keyId, nowMs, domain);
    if (statement.kind === "receipt") {
      const receipt = readReceipt(openStatement(statement, "receipt", publicKey));
      if (!links.some(({ id }) => sameBytes(id, receipt.linkId))) throw misplaced();
      receipts.push(receipt);
    } else {
      const binding = readBinding(openStatement(statement, "binding", publicKey));
      if (!links.some(({ link }) => names(link, binding))) throw misplaced();
      // T-27: of a federated domain those of its own agents alone.
      if (domain === undefined || isOf(binding.agent, domain.trustDomain)) bindings.push(binding);
    }
  }
  return { receipts, bindings };
}

function isBound(link: Link, bindings: readonly Binding[], nowMs: number): boolean {
  return bindings.some((binding) => names(link, binding) && nowMs < binding.expiresAtMs);
}

function names(link: Link, { holderKey, agent }: Binding): boolean {
  return sameBytes(link.holderKey, holderKey) && link.holderAgent === agent;
}

function checkTimes(links: readonly Identified[], nowMs: number): void {
  for (const [index, { link }] of links.entries()) {
    if (link.notBeforeMs - NOT_BEFORE_LEEWAY_MS > nowMs) {
      throw new Refused("not_yet_valid", "a link is not valid yet", { link: index });
    }
    if (nowMs >= link.expiresAtMs) throw new Refused("expired", "a link has expired", { link: index });
  }
}

/** V-17: the kinds in this order; V-16: the first link that brings in what is revoked. */
function checkRevocations(links: readonly Identified[], grant: GrantClaims, revoked: Revocations | undefined): void {
  if (revoked === undefined) throw new Refused("feed_stale", "no whole snapshot of the revocation feed is known");
  const { issuer, subject } = grant.principal;
  const first = (reason: Refused["reason"], kind: RevocationKind, ids: readonly Uint8Array[]): void => {
    const link = ids.findIndex((id) => revoked.has(kind, id));
    if (link >= 0) throw new Refused(reason, `the chain rests on a ${kind} that is revoked`, { link });
  };
  first("task_ended", "task", [grant.taskId]);
  first("issuer_key_revoked", "issuer_key", [grant.issuerKeyId]);
  first("principal_revoked", "principal", [principalId(issuer, subject)]);
  first(
    "agent_revoked",
    "agent",
    links.map(({ link }) => Buffer.from(link.holderAgent, "utf8")),
  );
  first(
    "holder_key_revoked",
    "holder_key",
    links.map(({ link }) => link.holderKey),
  );
  first(
    "link_revoked",
    "link",
    links.map(({ id }) => id),
  );
}

function misplaced(): Refused {
  return new Refused("statement_invalid", "a statement is about nothing in this chain");
}
