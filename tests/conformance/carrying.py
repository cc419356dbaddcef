"""Answers: arguments, carriage, reasons."""

from __future__ import annotations

import hashlib

from google.rpc.code_pb2 import Code

from conformance.answering import Answer, Given, accepted, json_of, refusing
from conformance.vectors import data
from delegation.core.arguments import Arguments
from delegation.core.revocation import principal_id
from delegation.errors import InvalidRequest, Reason, layer_of
from delegation.v1 import errors_pb2
from delegation.wire.errors import _CODE_OF_LAYER
from delegation_sdk import carriage


@refusing
def arguments(given: Given) -> Answer:
    return accepted(digest=Arguments.parse(data(given["arguments"])).digest.hex())


@refusing
def canonical_json(given: Given) -> Answer:
    found = Arguments.of(json_of(data(given["json"])))
    return accepted(canonical=found.canonical.hex(), digest=hashlib.sha256(found.canonical).hexdigest())


def principal(given: Given) -> Answer:
    return accepted(id=principal_id(given["issuer"], given["subject"]).hex())


@refusing
def receive(given: Given) -> Answer:
    if "metadata" in given:
        pairs = [
            (each["key"], each["string"] if "string" in each else data(each["bytes"])) for each in given["metadata"]
        ]
        found = carriage.from_metadata(pairs)
    elif "headers" in given:
        found = carriage.from_headers([(each["name"], data(each["value"])) for each in given["headers"]])
    else:
        meta = data(given["meta"])
        found = carriage.from_mcp_meta(json_of(meta) if meta else None)
    return accepted(chain=found.token.hex(), proof=found.proof.hex(), chain_digest=found.chain_digest.hex())


def send(given: Given) -> Answer:
    sent = carriage.Carriage(data(given["chain"]), data(given["proof"]), bytes.fromhex(given.get("chain_digest", "")))
    try:
        match given["over"]:
            case "grpc":
                return accepted(sent=True, metadata={name: each.hex() for name, each in carriage.to_metadata(sent)})
            case "http":
                return accepted(sent=True, headers=carriage.to_headers(sent))
            case _:
                return accepted(sent=True, meta=carriage.to_mcp_meta(sent))
    except InvalidRequest:
        return accepted(sent=False)


def reason(given: Given) -> Answer:
    name = errors_pb2.ErrorReason.Name(given["number"]).removeprefix("ERROR_REASON_").lower()
    layer = layer_of(Reason(name))
    return accepted(reason=name, layer=str(layer), grpc_code=Code.Name(_CODE_OF_LAYER[layer]))
