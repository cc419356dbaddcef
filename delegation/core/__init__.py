"""The trust kernel: tokens, narrowing, verification, proofs, statements.

Pure: no I/O, no clock, no network, no logging, no telemetry. Time, randomness and keys come in as
parameters. Read it in this order: scope, narrowing, chain, mint, verify, proof, authorize.
"""
