"""All areas: one file of proto/vectors each."""

from __future__ import annotations

from conformance.make import area_canonical, area_chains, area_envelope, area_fields, area_keys

AREAS = [area_keys.AREA, area_envelope.AREA, area_canonical.AREA, area_fields.AREA, area_chains.AREA]
