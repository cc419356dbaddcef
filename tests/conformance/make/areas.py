"""All areas: one file of proto/vectors each."""

from __future__ import annotations

from conformance.make import (
    area_allows,
    area_approvals,
    area_arguments,
    area_bundles,
    area_canonical,
    area_carriage,
    area_chains,
    area_constraints,
    area_envelope,
    area_feed,
    area_fields,
    area_keys,
    area_narrowing,
    area_proofs,
    area_reasons,
    area_receipts,
    area_records,
    area_revocations,
    area_statements,
    area_time,
)

AREAS = [
    area_keys.AREA,
    area_envelope.AREA,
    area_canonical.AREA,
    area_fields.AREA,
    area_constraints.AREA,
    area_allows.AREA,
    area_chains.AREA,
    area_narrowing.AREA,
    area_time.AREA,
    area_receipts.AREA,
    area_revocations.AREA,
    area_proofs.AREA,
    area_statements.AREA,
    area_approvals.AREA,
    area_bundles.AREA,
    area_records.AREA,
    area_feed.AREA,
    area_arguments.AREA,
    area_carriage.AREA,
    area_reasons.AREA,
]
