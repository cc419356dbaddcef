// The messages of statement.proto that a verifier reads.

import { Scope } from "./chain-messages.js";
import {
  bool,
  bytes,
  define,
  enumeration,
  int64,
  nested,
  repeated,
  string,
  uint32,
  uint64,
  type Read,
} from "./schema.js";

export type TrustedKeyMessage = Read<typeof TrustedKey>;
export type FederatedDomainMessage = Read<typeof FederatedDomain>;
export type CatalogueToolMessage = Read<typeof CatalogueTool>;

export const SignedProof = define({ payload: bytes(1), signature: bytes(2) });

export const Proof = define({
  version: uint32(1),
  chainDigest: bytes(2),
  audience: string(3),
  tool: string(4),
  argumentsDigest: bytes(5),
  issuedAtMs: int64(6),
  nonce: bytes(7),
  traceId: bytes(8),
  spanId: bytes(9),
});

export const Receipt = define({ linkId: bytes(1), recordedAtMs: int64(2) });

export const Binding = define({ holderKey: bytes(1), agent: string(2), issuedAtMs: int64(3), expiresAtMs: int64(4) });

export const Offer = define({
  agent: string(1),
  holderKey: bytes(2),
  audience: string(3),
  expiresAtMs: int64(4),
  nonce: bytes(5),
});

export const Approval = define({
  linkId: bytes(1),
  audience: string(2),
  tool: string(3),
  argumentsDigest: bytes(4),
  policyDigest: bytes(5),
  approver: string(6),
  approverIssuer: string(7),
  authenticationStrength: string(8),
  approvedAtMs: int64(9),
  expiresAtMs: int64(10),
  nonce: bytes(11),
});

const Revocation = define({ kind: enumeration(1), id: bytes(2), forgetAtMs: int64(3) });

export const RevocationFeedEntry = define({
  fromPosition: uint64(1),
  toPosition: uint64(2),
  issuedAtMs: int64(3),
  snapshot: bool(4),
  more: bool(5),
  revocations: repeated(nested(6, () => Revocation)),
});

const TrustedKey = define({
  purpose: enumeration(1),
  publicKey: bytes(2),
  notBeforeMs: int64(3),
  notAfterMs: int64(4),
  state: enumeration(5),
  compromisedAtMs: int64(6),
});

const FederatedDomain = define({
  trustDomain: string(1),
  keys: repeated(nested(2, () => TrustedKey)),
  agentDomains: repeated(string(3)),
  principalIssuers: repeated(string(4)),
  ceiling: nested(5, () => Scope),
});

export const TrustBundle = define({
  trustDomain: string(1),
  version: uint64(2),
  issuedAtMs: int64(3),
  expiresAtMs: int64(4),
  keys: repeated(nested(5, () => TrustedKey)),
  catalogueDigest: bytes(6),
  federated: repeated(nested(7, () => FederatedDomain)),
});

const CatalogueTool = define({
  audience: string(1),
  tool: string(2),
  effects: repeated(enumeration(3)),
  local: bool(4),
  labels: repeated(string(5)),
  owner: string(6),
  maximumFeedAgeMs: int64(7),
  recordedPlain: repeated(string(8)),
  recordedDigest: repeated(string(9)),
  manifestDigest: bytes(10),
  manifestRequired: bool(11),
  observeUntilMs: int64(12),
});

export const Catalogue = define({ tools: repeated(nested(1, () => CatalogueTool)) });

export const DecisionBatch = define({
  guardKey: bytes(1),
  firstSequence: uint64(2),
  previousHash: bytes(3),
  records: repeated(bytes(4)),
});

export const DecisionRecord = define({
  callId: bytes(1),
  chainDigest: bytes(2),
  audience: string(3),
  tool: string(4),
  argumentsDigest: bytes(5),
  decidedAtMs: int64(6),
  allowed: bool(7),
  reason: string(8),
  linkNumber: uint32(9),
  feedPosition: uint64(10),
  proof: bytes(11),
  traceId: bytes(12),
  spanId: bytes(13),
  breakGlass: bytes(14),
  observed: bool(15),
});

const Impact = define({ name: string(1), amount: string(2) });

export const Outcome = define({
  callId: bytes(1),
  status: enumeration(2),
  endedAtMs: int64(3),
  impacts: repeated(nested(4, () => Impact)),
});

export const BreakGlass = define({
  audiences: repeated(string(1)),
  justification: string(2),
  notBeforeMs: int64(3),
  expiresAtMs: int64(4),
  operator: string(5),
  nonce: bytes(6),
  effects: repeated(enumeration(7)),
  maximumFeedAgeMs: int64(8),
  singleUse: bool(9),
});
