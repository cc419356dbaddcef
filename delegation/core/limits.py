"""Every cap of the format, with its unit and its reason (SPEC section 10).

A verifier must accept what is within these limits and refuse what is one past them.
"""

from __future__ import annotations

from typing import Final

FORMAT_VERSION: Final = 1

TOKEN_BYTES: Final = 64 * 1024
"""A token must fit where calls carry it, and bounds the cost of everything that follows."""

LINKS: Final = 32
"""Each link costs a signature verification; no real organisation hands on deeper."""

STATEMENTS: Final = 64
"""A receipt and a binding for every link; each costs a signature verification."""

CAPABILITIES: Final = 128
"""Capabilities in one link. An agent that needs more tools needs more agents."""

ARGUMENTS: Final = 64
"""Arguments of one capability, and fields of one object constraint."""

CONDITIONS: Final = 8
"""Conditions of one capability: one of each kind, with some to spare."""

APPROVERS: Final = 64
"""Approvers that one condition names. Larger circles are groups, which have a name."""

BRANCHES: Final = 64
"""Constraints of an all-of or any-of: alternatives that a person can still read."""

SCHEMES: Final = 8
"""Schemes of a URL pattern."""

REGEX_BYTES: Final = 512
"""A regular expression. Longer ones are a program, and belong into a tool."""

REGEX_WEIGHT: Final = 256
"""Positions in a regular expression with its repetitions written out: bounds compiling and matching it."""

NESTING: Final = 16
"""Constraints inside constraints. Recursion must be bounded well below the interpreter's."""

SET_VALUES: Final = 1024
"""Values in a one-of. Longer lists belong into a catalogue, not into a token."""

EVALUATION_STEPS: Final = 8192
"""Steps for deciding one call over all links, and for comparing all scopes of a token: a bound that is no clock."""

ARGUMENT_BYTES: Final = 1024 * 1024
"""Canonical JSON of a call's arguments. Larger things are passed by name."""

ARGUMENT_VALUES: Final = 4096
"""Values in a call's arguments, at every depth: deciding may take time by the value, not only by the byte."""

EXPONENT_VALUES: Final = 4
"""As so many values counts a number that is written with an exponent: its shortest digits take that long to find."""

VALUE_NESTING: Final = 32
"""Lists and objects inside a call's arguments."""

PROOF_BYTES: Final = 2 * 1024
"""A signed proof: two names of at most 512 bytes each, and fixed-size fields."""

STATEMENT_BYTES: Final = 8 * 1024
"""A signed receipt, binding or offer. Feed entries and bundles have their own, larger cap."""

DOCUMENT_BYTES: Final = 3 * 1024 * 1024
"""A trust bundle, a catalogue, a feed entry or a batch of decisions: one gRPC message."""

RECORD_BYTES: Final = 8 * 1024
"""One decision record: a proof, two names and fixed-size fields."""

BATCH_RECORDS: Final = 1024
"""Records in one batch: one signature, one transaction."""

BATCH_TOKENS: Final = 64
"""Tokens in one request: new chains of a batch of decisions, or handoffs. Each may have to be verified."""

COMPARED_INTEGERS: Final = 1024
"""An integer range no wider than this is listed, so that other kinds of constraint can be asked number by number."""

NAME_BYTES: Final = 512
"""An agent id, audience, tool or argument name, subject or issuer, as UTF-8."""

PURPOSE_BYTES: Final = 1024
"""A purpose is a sentence."""

TEXT_BYTES: Final = 4096
"""One string in a constraint."""

DECIMAL_CHARACTERS: Final = 64
"""A decimal in a constraint: enough for any amount, too few to make arithmetic slow."""

SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer that every JSON implementation reads back unchanged (RFC 8785)."""

SESSION_LABELS: Final = 64
"""Labels of what a task has read. Who needs more names kinds of data, not data."""

SESSION_TOOLS: Final = 512
"""Different tools that are called in one task: four full scopes' worth, and still read in a moment."""

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
LINK_ID_BYTES: Final = 32
KEY_ID_BYTES: Final = 16
TASK_ID_BYTES: Final = 16
CALL_ID_BYTES: Final = 16
NONCE_BYTES: Final = 16
"""128 random bits: two nonces never meet by chance."""

GRANT_LIFETIME_MS: Final = 24 * 60 * 60 * 1000
"""A stolen issuer key's grants end within a day."""

DEFAULT_GRANT_LIFETIME_MS: Final = 15 * 60 * 1000
DEFAULT_HANDOFF_LIFETIME_MS: Final = 5 * 60 * 1000
DEFAULT_DEPTH: Final = 8

APPROVAL_LIFETIME_MS: Final = 60 * 60 * 1000
"""An approval counts at most so long: who consents sees the situation of the hour, not of the day."""

BREAK_GLASS_MS: Final = 24 * 60 * 60 * 1000
"""A break-glass statement counts at most so long, and accepts no older feed: by then every grant has ended."""

OBSERVE_MS: Final = 90 * 24 * 60 * 60 * 1000
"""A tool is under observation at most so long after its catalogue was signed: one that is forgotten is enforced."""

FEED_AGE_MS: Final = 10 * 60 * 1000
"""However patient an operator is with a tool, an older revocation feed says nothing about now."""

FEED_FUTURE_MS: Final = 60_000
"""A piece of the revocation feed counts up to this long before the reader's clock reaches its time."""

FEED_AGE_READ_MS: Final = 60_000
FEED_AGE_OTHER_MS: Final = 30_000
"""How old the revocation feed may be for tools that only read, and for others, unless the operator says otherwise."""

NOT_BEFORE_LEEWAY_MS: Final = 30_000
"""Clocks differ: a link counts this much before its not-before. Expiry has no leeway."""

PROOF_PAST_MS: Final = 30_000
"""A proof is accepted up to this long after it was signed."""

PROOF_FUTURE_MS: Final = 5_000
"""A proof is accepted up to this long before the verifier's clock reaches its time."""

PROOF_MEMORY_MS: Final = PROOF_PAST_MS + PROOF_FUTURE_MS
"""How long after `issued_at_ms` a nonce must be remembered so that no replay can pass."""

CACHE_ENTRIES: Final = 4096
CACHE_BYTES: Final = 4 * 1024 * 1024
"""Bounds of a verifier's cache of verified prefixes. What is remembered of a token takes up to 32 times its bytes."""

KNOWN_CHAINS: Final = 4096
KNOWN_CHAINS_BYTES: Final = 4 * 1024 * 1024
"""Bounds of what a guard keeps to find chains by their digest: far more than are in use at one time, and at least 64
of the largest. A chain that was pushed out is sent again, so they cost nobody a call."""
