// A verifier of delegation chains: what others use of it. proto/SPEC.md specifies all of it.

export { checkApproves, openApproval, openSignedApproval, type Approval, type ApprovedCall } from "./approvals.js";
export { checkCovers, openBreakGlass, type BreakGlass, type RiskyCall } from "./break-glass.js";
export { argumentsFromBytes, argumentsFromJson, argumentsFromObject, type Arguments } from "./arguments.js";
export { authorizeCall, type Call } from "./authorize.js";
export {
  receiveHeaders,
  receiveMeta,
  receiveMetadata,
  sendHeaders,
  sendMeta,
  sendMetadata,
  type Carried,
} from "./carriage.js";
export { openCatalogue, type Catalogue } from "./catalogue.js";
export { openDecisionBatch, type DecisionBatch } from "./decisions.js";
export { Refused, type Growth, type Layer, type Reason } from "./errors.js";
export { LocalNonceMemory, type CheckedProof, type NonceMemory } from "./proofs.js";
export { principalId, RevocationFeed, Revocations, type Revocation, type RevocationKind } from "./revocation.js";
export { openOffer, type Offer } from "./statements.js";
export { openTrustBundle, Trust, type FederatedDomain, type TrustBundle, type TrustedKey } from "./trust.js";
export { Verifier, type Moment, type ToolCall, type VerifierOptions } from "./verifier.js";
export { verifyToken, type Circumstances, type VerifiedChain, type VerifiedLink } from "./verify.js";
