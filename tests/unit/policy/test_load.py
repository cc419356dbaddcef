"""Loading a policy: what does not type-check is refused whole, and the words say file, line, rule and reason."""

import hashlib
import json

import pytest
from cedarpy import policies_to_json_str

from delegation.core.trust import Catalogue, CatalogueTool, Effect
from delegation.errors import ConfigError
from delegation.policy.load import DEFAULT_POLICY, examine, load_policy
from delegation.policy.rule import Rule, rule_of
from delegation.policy.source import Fault, PolicyRejectedError, Source, Written
from support.policies import CATALOGUE, PERMIT, faults_of, policy_of

CALL = 'forbid (principal, action == Action::"call", resource)'
REFUND = 'forbid (principal, action == Action::"call", resource == Tool::"billing.refund")'


def only_fault(text):
    (fault,) = faults_of(PERMIT + text)
    prefix = "policy.cedar:2: "
    assert fault.startswith(prefix)
    return fault.removeprefix(prefix)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f'@id("r") {CALL} when {{ context.depth > "3" }};', "r: unexpected type: expected Long but saw String"),
        (f'@id("r") {CALL} when {{ context.dept > 3 }};', "r: attribute `dept` in context for Action::"),
        (
            f'@id("r") {CALL} when {{ principal.owner == "x" }};',
            "r: attribute `owner` on entity type `Agent` not found",
        ),
        (f'@id("r") {CALL} whe {{ true }};', "invalid policy condition: whe"),
        (f'@id("r") {CALL} when {{ context.callsLeft < 3 }};', "r: unable to guarantee safety of access to optional"),
        ('@id("r") forbid (principal, action == Action::"cal", resource);', "r: unrecognized action `Action::"),
        ('@id("r") forbid (principal == ?principal, action, resource);', "a rule has no slots"),
        (";", "unexpected token `;`"),
        ("//\n;", "unexpected token `;`"),
    ],
)
def test_what_does_not_type_check_is_refused(text, reason):
    faults = faults_of(PERMIT + text)
    assert any(reason in fault for fault in faults), faults


@pytest.mark.parametrize("condition", ["", "when { context.depth > 3 }"])
def test_a_rule_about_no_action_is_refused(condition):
    fault, *_ = faults_of(f'{PERMIT}@id("r") forbid (principal, action in [], resource) {condition};')
    assert fault == "policy.cedar:2: r: it names no action: it would never apply"
    assert not faults_of(f'{PERMIT}@id("r") forbid (principal, action in [Action::"call"], resource) {condition};')


PARSED = json.loads(policies_to_json_str('@id("r") forbid (principal, action, resource);'))
(RULE,) = PARSED["staticPolicies"].values()


def of_parts(**parts):
    """Read a rule as the engine of another day may give it."""
    written = Written("policy.cedar", 1, "…")
    return rule_of(written, {"templates": {}, "staticPolicies": {"policy0": {**RULE, **parts}}})


@pytest.mark.parametrize("parts", [{"effect": "advise"}, {"effect": "Forbid"}, {"after": []}])
def test_a_rule_that_is_read_as_something_unknown_is_refused(parts):
    fault = of_parts(**parts)
    assert fault == Fault("policy.cedar", 1, "", "the engine reads it as something that is not known here")
    assert isinstance(of_parts(), Rule)


def test_a_failure_while_a_rule_is_checked_is_a_fault_of_that_rule():
    """Here of the engine, which takes no such text: the policy is refused, and nothing ends."""
    catalogue = Catalogue((CatalogueTool("a", "b\ud800", frozenset({Effect.READ})),))
    (fault,) = faults_of(PERMIT, catalogue)
    assert fault.startswith("policy.cedar:1: permit: the engine reads it as something that is not known here (")


def test_every_fault_is_told_with_its_line():
    faults = faults_of(
        f'{PERMIT}\n@id("a")\n{CALL} when {{ context.x }};\n\n// then\n@id("b") {CALL} when {{ context.y }};'
    )
    assert [fault.partition(": attribute")[0] for fault in faults] == ["policy.cedar:3: a", "policy.cedar:7: b"]


def test_a_faulty_policy_is_refused_whole_in_one_line():
    text = f'{PERMIT}@id("a") {CALL} when {{ context.x }};\n@id("b") {CALL} when {{ context.y }};'
    with pytest.raises(ConfigError) as refused:
        policy_of(text)
    assert isinstance(refused.value, PolicyRejectedError)
    assert len(refused.value.faults) == 2
    words = str(refused.value)
    assert words.startswith("policy.cedar:2: a: attribute `x` in context")
    assert words.endswith("(and 1 more: see `delegation policy check`)")
    assert "\n" not in words


@pytest.mark.parametrize("empty", ["", "\n// nothing\n"])
def test_a_file_without_a_rule_is_refused(empty):
    assert faults_of(empty) == ["policy.cedar:1: there is no rule in it"]


def test_no_file_at_all_is_refused():
    assert len(examine([], CATALOGUE)[1]) == 1


# -- tools and other words -------------------------------------------------------------------------------


def test_a_misspelt_tool_is_refused():
    fault = only_fault('@id("r") forbid (principal, action, resource == Tool::"billing.refnud");')
    assert fault == "r: the catalogue lists no tool billing.refnud: a tool that it does not list is an UnlistedTool"


def test_a_catalogue_without_tools_has_none_to_name():
    assert faults_of('@id("r") forbid (principal, action, resource == Tool::"a.b");', Catalogue())
    assert not faults_of('@id("r") forbid (principal, action, resource is UnlistedTool);', Catalogue())


def test_a_listed_tool_is_not_named_as_an_unlisted_one():
    fault = only_fault('@id("r") forbid (principal, action, resource == UnlistedTool::"mail.send");')
    assert fault == 'r: the catalogue lists mail.send: write Tool::"mail.send"'


@pytest.mark.parametrize(
    "condition",
    [
        'context.effects.contains("extern")',
        '!context.taskEffects.containsAny(["read", "raed"])',
        'context.taskLabels.containsAll(["persnal"])',
        'if context.labels.contains("sekret") then true else false',
        'context.taskTools.contains("crm.raed")',
        '["oidc"].contains(context.principalBasis)',
        'context.principalBasis == "oidc"',
        '"oidc" != context.principalBasis',
        'context.taskLabels == ["personel"]',
    ],
)
def test_a_misspelt_word_is_refused(condition):
    assert "r: there is no " in only_fault(f'@id("r") {CALL} when {{ {condition} }};')


@pytest.mark.parametrize(
    "condition",
    [
        'context.effects.containsAny(["external", "privilege"])',
        'context.taskLabels.contains("secret")',
        'context.taskTools.contains("crm.read")',
        'context.principalBasis == "oidc_id_token"',
        'context.purpose == "anything"',
    ],
)
def test_what_is_spelt_right_is_taken(condition):
    assert not faults_of(f'{PERMIT}@id("r") {CALL} when {{ {condition} }};')


def test_labels_of_the_catalogue_are_words_too():
    tools = (CatalogueTool("lab", "read", frozenset({Effect.READ}), labels=frozenset({"embargoed"})),)
    text = f'@id("r") {CALL} when {{ context.taskLabels.contains("embargoed") }};'
    assert not faults_of(text, Catalogue(tools))
    assert faults_of(text)


@pytest.mark.parametrize("audience", ['a"b', "a\\", "ü.example", "*", "a b"])
def test_any_name_of_a_tool_can_be_written(audience):
    catalogue = Catalogue((CatalogueTool(audience, "run", frozenset({Effect.READ})),))
    written = audience.replace("\\", "\\\\").replace('"', '\\"').replace(".", "%2E")
    assert not faults_of(f'@id("r") forbid (principal, action, resource == Tool::"{written}.run");', catalogue)


# -- annotations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotations", "reason"),
    [
        ("", "it needs an id"),
        ('@id("")', "it needs an id"),
        ("@id", "it needs an id"),
        ('@id("a b")', "it needs an id"),
        (f'@id("{"a" * 65}")', "it needs an id"),
        ('@id("r") @obligaton("approve")', "r: @obligaton is not known"),
        ('@id("r") @obligation("encrypt")', 'r: @obligation("encrypt") is not known'),
        ('@id("r") @obligation', 'r: @obligation("") is not known'),
        ('@id("r") @obligation("notify")', 'r: @obligation("notify") belongs to a permit'),
        ('@id("r") @approvers("eve")', 'r: @approvers belongs to @obligation("approve")'),
        ('@id("r") @threshold("2")', 'r: @threshold belongs to @obligation("approve")'),
        ('@id("r") @approval_level("signed")', 'r: @approval_level belongs to @obligation("approve")'),
        ('@id("r") @obligation("approve") @approval_level("SIGNED")', "r: @approval_level is one of attested, signed"),
        ('@id("r") @obligation("approve") @approval_level("")', "r: @approval_level is one of attested, signed"),
        (
            '@id("r") @obligation("approve") @approvers("a, b") @threshold("3")',
            "r: @approvers and @threshold: a threshold",
        ),
        ('@id("r") @obligation("approve") @approvers("")', "r: @approvers and @threshold: an approver is empty"),
        ('@id("r") @obligation("approve") @threshold("0")', "r: @threshold is a number"),
        ('@id("r") @obligation("approve") @threshold("two")', "r: @threshold is a number"),
        ('@id("r") @obligation("approve") @principal_may_approve("yes")', "r: @principal_may_approve is"),
        ('@id("r") @arguments("amount: decimal")', "r: @arguments needs"),
        ('@id("permit")', "permit: its id is that of the rule at policy.cedar:1"),
    ],
)
def test_annotations_that_make_no_sense_are_refused(annotations, reason):
    assert only_fault(f"{annotations} {CALL};").startswith(reason)


def test_an_approval_of_a_permission_is_refused():
    fault = only_fault('@id("r") @obligation("approve") permit (principal, action == Action::"call", resource);')
    assert fault == 'r: @obligation("approve") belongs to a forbid, which approval lifts'


@pytest.mark.parametrize(
    "action", ["action", 'action == Action::"grant"', 'action in [Action::"call", Action::"handOff"]']
)
def test_an_approval_of_anything_but_calls_is_refused(action):
    fault = only_fault(f'@id("r") @obligation("approve") forbid (principal, {action}, resource);')
    assert fault.startswith("r: people approve calls")


def test_a_rule_reads_the_arguments_that_it_declares():
    assert not faults_of(
        f'{PERMIT}@id("r") @arguments("amount: decimal") {REFUND} when '
        '{ context.arguments has amount && context.arguments.amount.greaterThan(decimal("5.0")) };'
    )


def test_a_rule_that_reads_an_argument_without_declaring_it_is_refused():
    fault = only_fault(f'@id("r") {REFUND} when {{ context.arguments has amount }};')
    assert fault.endswith('a rule about one Tool says what it reads: @arguments("amount: decimal")')


def test_two_rules_that_take_an_argument_for_different_things_are_refused():
    fault = only_fault(f'@id("a") @arguments("n: long") {REFUND}; @id("b") @arguments("n: decimal") {REFUND};')
    assert fault == "b: its argument n is a decimal; to the rule a it is a long"


def test_arguments_of_different_tools_may_have_one_name():
    send = REFUND.replace("billing.refund", "mail.send")
    assert not faults_of(f'{PERMIT}@id("a") @arguments("n: long") {REFUND}; @id("b") @arguments("n: decimal") {send};')


# -- the whole -------------------------------------------------------------------------------------------


def test_the_digest_is_that_of_the_text():
    assert policy_of(PERMIT).digest == hashlib.sha256(PERMIT.encode()).digest()
    assert policy_of(PERMIT + " ").digest != policy_of(PERMIT).digest


def test_rules_come_from_several_files():
    other = f'@id("r")\n{CALL} when {{ context.nothing }};'
    with pytest.raises(PolicyRejectedError, match=r"^other\.cedar:1: r: attribute `nothing`"):
        load_policy([Source("one.cedar", PERMIT), Source("other.cedar", other)], CATALOGUE)


def test_the_shipped_policy_type_checks_against_any_catalogue():
    for catalogue in (CATALOGUE, Catalogue()):
        assert examine([Source("default.cedar", DEFAULT_POLICY.read_text())], catalogue)[1] == ()
