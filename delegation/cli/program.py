"""The commands of `delegation`, put together. Command modules are light; what is heavy they import when they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from delegation.cli.commands import (
    agents_list,
    agents_register,
    agents_remove,
    approvals_answer,
    approvals_list,
    approvals_make_key,
    approvals_show,
    approvals_watch,
    approvals_withdraw,
    break_glass_make_key,
    break_glass_sign,
    calls,
    config_show,
    db_accept_root,
    db_acknowledge_rollback,
    db_backup,
    db_restore,
    db_upgrade,
    demo,
    doctor,
    inspect,
    keys_compromise,
    keys_init,
    keys_issue,
    keys_rotate,
    keys_show,
    keys_sign_bundle,
    policy_check,
    policy_explain,
    policy_replay,
    policy_test,
    revoke,
    scope_suggest,
    scope_unused,
    serve,
    tools_import,
    tools_reported,
    trace,
    verify,
    version,
    why,
)
from delegation.cli.exit_codes import MEANING

_HELP = {"help_option_names": ["-h", "--help"]}
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
_DASHES = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
"""Of a command whose argument may begin with a dash, as one in 64 public keys does."""

_COMMANDS: tuple[tuple[Callable[..., Any], str], ...] = (
    (serve.serve, "Run the service."),
    (doctor.doctor, "What is wrong with a service, and what to do."),
    (demo.demo, "Watch it work, on real processes and files."),
    (inspect.inspect, "What a token says; nothing is verified."),
    (verify.verify, "Check a token as a tool would."),
    (trace.trace, "A task as a tree of handoffs with its calls."),
    (calls.calls, "List calls, allowed and refused."),
    (why.why, "Why a call was allowed or refused."),
    (revoke.revoke, "Take authority back, at once."),
    (version.version, "The version of this program."),
)
_AGENTS: tuple[tuple[Callable[..., Any], str], ...] = (
    (agents_list.list_agents, "Who is registered, and who answers for whom."),
    (agents_register.register, "Say who answers for an agent."),
    (agents_remove.remove, "Strike an agent off."),
)
_APPROVALS: tuple[tuple[Callable[..., Any], str], ...] = (
    (approvals_list.list_approvals, "What waits for somebody's consent."),
    (approvals_watch.watch, "The same, as it comes."),
    (approvals_show.show, "One request, with its arguments."),
    (approvals_answer.approve, "Consent to one call, once."),
    (approvals_answer.refuse, "Refuse a request."),
    (approvals_withdraw.withdraw, "Take a request back."),
    (approvals_make_key.make_key, "Make a key that signs what you approve."),
)
_KEYS: tuple[tuple[Callable[..., Any], str], ...] = (
    (keys_init.init, "Make root key, service keys and trust bundle."),
    (keys_rotate.rotate, "A new key, published before it signs."),
    (keys_compromise.compromise, "Give up a key that somebody else has."),
    (keys_sign_bundle.sign_bundle, "Sign the next trust bundle."),
    (keys_show.show, "The trust bundle and its keys."),
    (keys_issue.issue, "Give an agent or tool its development identity."),
)
_DATABASE: tuple[tuple[Callable[..., Any], str], ...] = (
    (db_upgrade.upgrade, "Bring the schema up to date."),
    (db_backup.backup, "Copy the database while the service runs."),
    (db_restore.restore, "Put a copy back where the database was."),
    (db_acknowledge_rollback.acknowledge_rollback, "Go on after a restore."),
    (db_accept_root.accept_root, "Go on under another root key."),
)
_BREAK_GLASS: tuple[tuple[Callable[..., Any], str], ...] = (
    (break_glass_make_key.make_key, "Make a key for emergencies."),
    (break_glass_sign.sign, "Order tools to go on without the service."),
)
_POLICY: tuple[tuple[Callable[..., Any], str], ...] = (
    (policy_check.check, "Type-check a policy against the catalogue."),
    (policy_test.test, "Ask a policy the questions of a file."),
    (policy_replay.replay, "What past calls it would have decided differently."),
    (policy_explain.explain, "Which rules decided a call, as they are written."),
)
_SCOPE: tuple[tuple[Callable[..., Any], str], ...] = (
    (scope_unused.unused, "What was granted in a task and never used."),
    (scope_suggest.suggest, "The tightest scope that would have served."),
)
_TOOLS: tuple[tuple[Callable[..., Any], str], ...] = (
    (tools_import.import_tools, "Take a live MCP server's tools into the catalogue."),
    (tools_reported.reported, "Tools that are not as the catalogue has them."),
)
_CONFIG: tuple[tuple[Callable[..., Any], str], ...] = ((config_show.show, "The whole configuration, with defaults."),)


def program() -> typer.Typer:
    """Make the program."""
    app = _group("Signed, attenuated delegation for agents.", epilog=_exit_codes())
    app.callback()(_common)
    for command, short in _COMMANDS:
        context = _PASSED_ON if command is demo.demo else _HELP
        app.command(short_help=short, context_settings=context)(command)
    for name, commands, short in (
        ("agents", _AGENTS, "Registered agents and their owners."),
        ("approvals", _APPROVALS, "People's consent to single calls."),
        ("keys", _KEYS, "Keys, trust bundle and development identities."),
        ("db", _DATABASE, "The service's database."),
        ("break-glass", _BREAK_GLASS, "When the service is away and work must go on."),
        ("policy", _POLICY, "The operator's rules about grants, handoffs and calls."),
        ("scope", _SCOPE, "Least privilege, measured by what was called."),
        ("tools", _TOOLS, "The operator's catalogue of tools."),
        ("config", _CONFIG, "The service's configuration."),
    ):
        group = _group(short)
        group.callback()(_nothing)
        for command, command_short in commands:
            settings = _DASHES if command is db_accept_root.accept_root else None
            group.command(_name(command), short_help=command_short, context_settings=settings)(command)
        app.add_typer(group, name=name, short_help=short)
    return app


def _name(command: Callable[..., Any]) -> str:
    if command is tools_import.import_tools:
        return "import"
    lists = (agents_list.list_agents, approvals_list.list_approvals)
    return "list" if command in lists else command.__name__.replace("_", "-")


def _group(text: str, *, epilog: str | None = None) -> typer.Typer:
    return typer.Typer(
        help=text,
        epilog=epilog,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=_HELP,
    )


def _exit_codes() -> str:
    # \b keeps the lines as they are.
    return "\b\nExit codes:\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANING.items())


def _common(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an unexpected failure came from.")] = False,
) -> None:
    del debug  # read in `outcome`, which must know it even when the command line makes no sense


def _nothing() -> None:
    """Keep a group a group, even with one command in it."""
