"""The tables `logs` and `telemetry` of the configuration: what the service says about itself, and to whom."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from delegation.server.config_sections import Section


class LogsConfig(Section):
    """The log on standard error. `auto` writes for people on a terminal, and JSON anywhere else."""

    format: Literal["auto", "json", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class TelemetryConfig(Section):
    """Where spans and metrics go, over OTLP; without an endpoint here or in `OTEL_EXPORTER_OTLP_*`, nowhere.

    What is said here comes before those variables. A collector's secrets belong into `OTEL_EXPORTER_OTLP_HEADERS`,
    which is never shown.
    """

    endpoint: str | None = None
    protocol: Literal["grpc", "http/protobuf"] = "grpc"
    # Nobody waits for a collector: what it does not take within this time is dropped.
    timeout_ms: Annotated[int, Field(ge=100, le=60_000)] = 2_000
    metrics_interval_ms: Annotated[int, Field(ge=100, le=3_600_000)] = 15_000
    service_name: Annotated[str, Field(min_length=1, max_length=200)] = "delegation"

    @field_validator("endpoint")
    @classmethod
    def _is_an_address_without_secrets(cls, endpoint: str | None) -> str | None:
        if endpoint is not None and (not endpoint.startswith(("http://", "https://")) or "@" in endpoint):
            raise ValueError("write http://host:port or https://host:port, without a name or password")
        return endpoint
