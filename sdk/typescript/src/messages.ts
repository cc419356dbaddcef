// The messages of chain.proto and statement.proto that a verifier reads, as tables for canonical.ts.

import {
  bool,
  bytes,
  define,
  enumeration,
  int64,
  member,
  nested,
  optional,
  repeated,
  sint64,
  string,
  uint32,
  uint64,
  type Message,
  type Read,
} from "./canonical.js";

// Kinds of a oneof whose messages hold each other: these two are written out.
export interface ValueMessage {
  null: boolean | undefined;
  boolean: boolean | undefined;
  string: string | undefined;
  integer: bigint | undefined;
  decimal: string | undefined;
  list: { values: ValueMessage[] } | undefined;
  object: { members: { name: string; value: ValueMessage | undefined }[] } | undefined;
}

export interface ConstraintMessage {
  anything: boolean | undefined;
  exactNull: boolean | undefined;
  exactBoolean: boolean | undefined;
  exactString: string | undefined;
  exactInteger: bigint | undefined;
  exactDecimal: string | undefined;
  exactComposite: ValueMessage | undefined;
  oneOf: ScalarSetMessage | undefined;
  notOneOf: ScalarSetMessage | undefined;
  integerRange: { minimum: bigint | undefined; maximum: bigint | undefined } | undefined;
  decimalRange: DecimalRangeMessage | undefined;
  decimalText: DecimalRangeMessage | undefined;
  length: { minimum: number; maximum: number | undefined } | undefined;
  prefix: string | undefined;
  segmentGlob: { pattern: string; separator: string } | undefined;
  subPath: string | undefined;
  url: UrlPatternMessage | undefined;
  cidr: string | undefined;
  listSubset: ScalarSetMessage | undefined;
  listContains: ScalarSetMessage | undefined;
  each: ConstraintMessage | undefined;
  fields: { fields: ArgumentMessage[] } | undefined;
  regex: string | undefined;
  negation: ConstraintMessage | undefined;
  allOf: { constraints: ConstraintMessage[] } | undefined;
  anyOf: { constraints: ConstraintMessage[] } | undefined;
}

export interface ArgumentMessage {
  name: string;
  optional: boolean;
  constraint: ConstraintMessage | undefined;
}

export type ScalarSetMessage = Read<typeof ScalarSet>;
export type DecimalRangeMessage = Read<typeof DecimalRange>;
export type UrlPatternMessage = Read<typeof UrlPattern>;
export type ScopeMessage = Read<typeof Scope>;
export type CapabilityMessage = Read<typeof Capability>;
export type ConditionMessage = Read<typeof Condition>;
export type LinkMessage = Read<typeof Link>;
export type GrantClaimsMessage = Read<typeof GrantClaims>;
export type SignedStatementMessage = Read<typeof SignedStatement>;
export type TrustedKeyMessage = Read<typeof TrustedKey>;
export type CatalogueToolMessage = Read<typeof CatalogueTool>;

const ScalarSet = define({
  strings: repeated(string(1)),
  integers: repeated(sint64(2)),
  decimals: repeated(string(3)),
  hasTrue: bool(4),
  hasFalse: bool(5),
  hasNull: bool(6),
});

const IntegerRange = define({ minimum: optional(sint64(1)), maximum: optional(sint64(2)) });

const DecimalRange = define({
  minimum: string(1),
  maximum: string(2),
  minimumExclusive: bool(3),
  maximumExclusive: bool(4),
});

const LengthRange = define({ minimum: uint32(1), maximum: optional(uint32(2)) });

const SegmentGlob = define({ pattern: string(1), separator: string(2) });

const UrlPattern = define({
  schemes: repeated(string(1)),
  host: string(2),
  subdomains: bool(3),
  port: optional(uint32(4)),
  pathPrefix: string(5),
});

const ValueList: Message<{ values: ValueMessage[] }> = define({ values: repeated(nested(1, () => Value)) });

const ValueMember: Message<{ name: string; value: ValueMessage | undefined }> = define({
  name: string(1),
  value: nested(2, () => Value),
});

const ValueObject = define({ members: repeated(nested(1, () => ValueMember)) });

const Value: Message<ValueMessage> = define({
  null: member(bool(1)),
  boolean: member(bool(2)),
  string: member(string(3)),
  integer: member(sint64(4)),
  decimal: member(string(5)),
  list: member(nested(6, () => ValueList)),
  object: member(nested(7, () => ValueObject)),
});

const ConstraintList: Message<{ constraints: ConstraintMessage[] }> = define({
  constraints: repeated(nested(1, () => Constraint)),
});

const Argument: Message<ArgumentMessage> = define({
  name: string(1),
  optional: bool(2),
  constraint: nested(3, () => Constraint),
});

const Fields = define({ fields: repeated(nested(1, () => Argument)) });

export const Constraint: Message<ConstraintMessage> = define({
  anything: member(bool(1)),
  exactNull: member(bool(2)),
  exactBoolean: member(bool(3)),
  exactString: member(string(4)),
  exactInteger: member(sint64(5)),
  exactDecimal: member(string(6)),
  exactComposite: member(nested(7, () => Value)),
  oneOf: member(nested(8, () => ScalarSet)),
  notOneOf: member(nested(9, () => ScalarSet)),
  integerRange: member(nested(10, () => IntegerRange)),
  decimalRange: member(nested(11, () => DecimalRange)),
  decimalText: member(nested(12, () => DecimalRange)),
  length: member(nested(13, () => LengthRange)),
  prefix: member(string(14)),
  segmentGlob: member(nested(15, () => SegmentGlob)),
  subPath: member(string(16)),
  url: member(nested(17, () => UrlPattern)),
  cidr: member(string(18)),
  listSubset: member(nested(19, () => ScalarSet)),
  listContains: member(nested(20, () => ScalarSet)),
  each: member(nested(21, () => Constraint)),
  fields: member(nested(22, () => Fields)),
  regex: member(string(23)),
  negation: member(nested(24, () => Constraint)),
  allOf: member(nested(25, () => ConstraintList)),
  anyOf: member(nested(26, () => ConstraintList)),
});

const CallCount = define({ maximum: uint64(1) });

const Budget = define({ argument: string(1), maximum: string(2) });

const ApprovalRequirement = define({ approvers: repeated(string(1)), threshold: uint32(2) });

const Condition = define({
  callCount: member(nested(1, () => CallCount)),
  budget: member(nested(2, () => Budget)),
  approval: member(nested(3, () => ApprovalRequirement)),
});

const Capability = define({
  audience: string(1),
  tool: string(2),
  anyArguments: bool(3),
  arguments: repeated(nested(4, () => Argument)),
  conditions: repeated(nested(5, () => Condition)),
});

export const Scope = define({ capabilities: repeated(nested(1, () => Capability)) });

const Principal = define({
  subject: string(1),
  issuer: string(2),
  basis: enumeration(3),
  tokenDigest: bytes(4),
  authenticatedAtMs: int64(5),
  authenticationStrength: string(6),
});

const GrantClaims = define({
  issuerKeyId: bytes(1),
  taskId: bytes(2),
  principal: nested(3, () => Principal),
  unrecordedHandoffs: bool(4),
});

export const Link = define({
  version: uint32(1),
  nonce: bytes(2),
  issuedAtMs: int64(3),
  notBeforeMs: int64(4),
  expiresAtMs: int64(5),
  holderKey: bytes(6),
  holderAgent: string(7),
  remainingDepth: uint32(8),
  scope: nested(9, () => Scope),
  purpose: string(10),
  traceId: bytes(11),
  spanId: bytes(12),
  grant: nested(13, () => GrantClaims),
});

export const SignedStatement = define({ kind: enumeration(1), keyId: bytes(2), payload: bytes(3), signature: bytes(4) });

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
});

const Impact = define({ name: string(1), amount: string(2) });

export const Outcome = define({
  callId: bytes(1),
  status: enumeration(2),
  endedAtMs: int64(3),
  impacts: repeated(nested(4, () => Impact)),
});
