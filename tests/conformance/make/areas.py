"""All areas: one file of proto/vectors each."""

from __future__ import annotations

from conformance.make import (
    area_canonical,
    area_chains,
    area_envelope,
    area_feed,
    area_fields,
    area_keys,
    area_narrowing,
    area_proofs,
    area_receipts,
    area_revocations,
    area_time,
)

AREAS = [
    area_keys.AREA,
    area_envelope.AREA,
    area_canonical.AREA,
    area_fields.AREA,
    area_chains.AREA,
    area_narrowing.AREA,
    area_time.AREA,
    area_receipts.AREA,
    area_revocations.AREA,
    area_proofs.AREA,
    area_feed.AREA,
]
