"""`delegation serve`: runs the service until it is told to stop."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from delegation.app import Application
    from delegation.server.telemetry_config import TelemetryConfig

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", show_default=False, help="The configuration; else $DELEGATION_CONFIG."),
]
Development = Annotated[
    bool, typer.Option("--dev", help="For this machine only: makes its own CA, keys and profiles in .delegation.")
]
Listen = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", show_default=False, help="host:port or unix:/path; port 0 takes a free one."),
]
StateDirectory = Annotated[
    Path | None, typer.Option("--state-dir", metavar="DIR", show_default=False, help="Where keys and data are.")
]


def serve(
    config: ConfigFile = None,
    dev: Development = False,
    listen: Listen = None,
    state_dir: StateDirectory = None,
) -> None:
    """Run the service until SIGTERM or Ctrl-C, then finish what was begun."""
    from delegation.cli.connection import quiet_grpc
    from delegation.server.config import load_config

    configured = load_config(config, dev=dev or None, listen=listen, state_dir=state_dir)
    quiet_grpc()
    from delegation.app import serve as run

    _export_telemetry(configured.telemetry)
    run(configured, ready=_announce)


def _export_telemetry(config: TelemetryConfig) -> None:
    """Export spans and metrics if a collector is named; nobody waits for one that is not there."""
    if config.endpoint is not None:
        # The exporters read no other configuration than the standard variables.
        os.environ |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": config.endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": config.protocol,
        }
    if any(name.startswith("OTEL_EXPORTER_OTLP_") and name.endswith("ENDPOINT") for name in os.environ):
        os.environ.setdefault("OTEL_EXPORTER_OTLP_TIMEOUT", str(config.timeout_ms / 1000))
        os.environ.setdefault("OTEL_METRIC_EXPORT_INTERVAL", str(config.metrics_interval_ms))
        os.environ.setdefault("OTEL_SERVICE_NAME", config.service_name)
        from delegation_sdk.tracing import configure_from_environment

        configure_from_environment()


def _announce(application: Application) -> None:
    """Say once what one needs to know; the log goes on on stderr."""
    from delegation.cli.terminal import console
    from delegation.cli.views.serving import print_serving

    config = application.config
    profile = _from_here(config.state_dir / "profile.toml") if config.dev else None
    print_serving(
        console(),
        target=application.target,
        trust_domain=config.trust_domain,
        profile=profile,
        observed=application.observed,
    )


def _from_here(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
