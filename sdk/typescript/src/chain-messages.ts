// The messages of chain.proto that a verifier reads.

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
} from "./schema.js";

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

export const SignedStatement = define({
  kind: enumeration(1),
  keyId: bytes(2),
  payload: bytes(3),
  signature: bytes(4),
});
