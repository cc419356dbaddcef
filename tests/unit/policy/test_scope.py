"""To what a rule may apply: every shape of a scope is known exactly, or nothing is concluded from it."""

import json

import pytest
from cedarpy import is_authorized, policies_to_json_str

from delegation.policy.port import Action, Concern, Denial, Permit
from delegation.policy.scope import Reach, read_scope
from support.policies import PLANNER, WORKER, call, policy_of, question, word

EVERY = frozenset(Action)
TOOLS = ["docs.read", "iam.add_role", "web.get"]
ANYTHING = Reach(EVERY, None, None)
ALL = {"op": "All"}
DOCS = {"type": "Tool", "id": "docs.read"}
CALL = {"type": "Action", "id": "call"}


def scope_of(text):
    (rule,) = json.loads(policies_to_json_str(f"permit ({text});"))["staticPolicies"].values()
    return read_scope(rule["principal"], rule["action"], rule["resource"])


@pytest.mark.parametrize(
    ("text", "reach"),
    [
        ("principal, action, resource", ANYTHING),
        ("principal, action, resource is Tool", Reach(EVERY, "Tool", None)),
        ("principal, action, resource is UnlistedTool", Reach(EVERY, "UnlistedTool", None)),
        ('principal, action, resource == Tool::"docs.read"', Reach(EVERY, "Tool", "docs.read")),
        ('principal, action, resource in Tool::"docs.read"', Reach(EVERY, "Tool", "docs.read")),
        ('principal, action, resource is Tool in Tool::"docs.read"', Reach(EVERY, "Tool", "docs.read")),
        ('principal, action, resource is UnlistedTool in UnlistedTool::"a.b"', Reach(EVERY, "UnlistedTool", "a.b")),
        ('principal, action, resource == Tool::"docs\\u{2e}read"', Reach(EVERY, "Tool", "docs.read")),
        ('principal, action == Action::"call", resource', Reach(frozenset({Action.CALL}), None, None)),
        ('principal, action in Action::"call", resource', Reach(frozenset({Action.CALL}), None, None)),
        (
            'principal, action in [Action::"grant", Action::"handOff"], resource',
            Reach(EVERY - {Action.CALL}, None, None),
        ),
        ("principal, action in [], resource", Reach(frozenset(), None, None)),
    ],
)
def test_a_scope_that_is_known_is_exact(text, reach):
    assert scope_of(text) == (reach, True)


@pytest.mark.parametrize(
    "principal",
    ["principal is Agent", *(f'principal {of} Agent::"{WORKER}"' for of in ("==", "in", "is Agent in"))],
)
def test_a_scope_that_says_who_acts_reaches_the_same_and_is_not_exact(principal):
    reach = Reach(EVERY, "Tool", "docs.read")
    assert scope_of(f'{principal}, action, resource == Tool::"docs.read"') == (reach, False)
    assert scope_of('principal, action, resource == Tool::"docs.read"') == (reach, True)


@pytest.mark.parametrize(
    "resource",
    [
        {"op": "is", "entity_type": "Tool", "in": {"slot": "?resource"}},
        {"op": "is", "entity_type": "Tool", "in": {"entity": DOCS, "except": DOCS}},
        {"op": "is", "entity_type": "Tool", "in": {"entities": [DOCS]}},
        {"op": "is", "entity_type": "Tool", "in": {"entity": {"type": "UnlistedTool", "id": "docs.read"}}},
        {"op": "is", "entity_type": "Tool", "in": {"entity": {"__entity": DOCS}}},
        {"op": "is", "entity_type": "Shop::Tool"},
        {"op": "is", "entity_type": "Agent"},
        {"op": "is", "entity_type": None},
        {"op": "is", "entity_type": "Tool", "unless": True},
        {"op": "==", "slot": "?resource"},
        {"op": "==", "entity": {"type": "Agent", "id": "a"}},
        {"op": "==", "entity": {**DOCS, "tag": "x"}},
        {"op": "==", "entity": DOCS, "in": {"entity": DOCS}},
        {"op": "in", "entities": [DOCS]},
        {"op": "in", "entity": {"type": "Tools", "id": "all"}},
        {"op": "All", "in": {"entity": DOCS}},
        {"op": "matches", "entity": DOCS},
        {},
        None,
    ],
)
def test_of_tools_in_a_shape_that_is_not_known_nothing_is_concluded(resource):
    assert read_scope(ALL, ALL, resource) == (ANYTHING, False)
    assert read_scope(ALL, ALL, {"op": "==", "entity": DOCS}) == (Reach(EVERY, "Tool", "docs.read"), True)


@pytest.mark.parametrize(
    "action",
    [
        {"op": "==", "slot": "?action"},
        {"op": "==", "entity": {"type": "Shop::Action", "id": "call"}},
        {"op": "in", "entity": {"type": "Action", "id": "everything"}},
        {"op": "in", "entities": [CALL, {"type": "Action", "id": "everything"}]},
        {"op": "in", "entities": CALL},
        {"op": "in", "entities": [CALL], "entity": CALL},
        {"op": "is", "entity_type": "Action"},
        {"op": "All", "entity": CALL},
        {},
        None,
    ],
)
def test_of_actions_in_a_shape_that_is_not_known_nothing_is_concluded(action):
    assert read_scope(ALL, action, ALL) == (ANYTHING, False)
    assert read_scope(ALL, {"op": "==", "entity": CALL}, ALL) == (Reach(frozenset({Action.CALL}), None, None), True)


# -- in decisions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "resource",
    ['is Tool in Tool::"docs.read"', 'is UnlistedTool in UnlistedTool::"web.get"', 'in Tool::"docs.read"', "is Tool"],
)
@pytest.mark.parametrize("principal", ["", " is Agent", f' is Agent in Agent::"{WORKER}"', f' == Agent::"{PLANNER}"'])
@pytest.mark.parametrize("action", ["action", 'action in Action::"call"', 'action in [Action::"call"]'])
def test_a_permission_is_one_for_what_its_scope_says_and_for_nothing_else(resource, principal, action):
    text = f'@id("p") permit (principal{principal}, {action}, resource {resource});'
    policy = policy_of(text)
    for tool in TOOLS:
        asked = question(tool)
        request = {
            "principal": {"type": "Agent", "id": WORKER},
            "action": {"type": "Action", "id": "call"},
            "resource": {"type": "Tool" if asked.listed else "UnlistedTool", "id": tool},
        }
        assert (word(policy.decide(asked)) == "permit") is is_authorized(request, text, []).allowed, tool


def test_beside_a_narrow_permission_the_rules_that_are_left_are_asked():
    policy = policy_of(
        '@id("docs") permit (principal, action, resource is Tool in Tool::"docs.read");'
        '@id("r") forbid (principal, action == Action::"call", resource) when { context.effects.contains("external") };'
    )
    assert {tool: word(policy.decide(question(tool))) for tool in TOOLS} == {
        "docs.read": "permit",
        "iam.add_role": "deny",
        "web.get": "deny",
    }


@pytest.mark.parametrize(
    ("resource", "concern"),
    [("", Concern(Permit())), (' is Tool in Tool::"docs.read"', Concern(Denial((), "no rule permits it")))],
)
def test_what_is_always_answered_is_known_beforehand(resource, concern):
    policy = policy_of(f'@id("p") permit (principal, action, resource{resource});')
    refund = question("billing.refund")
    assert policy.concern(Action.CALL, refund.tool, listed=True) == concern
    assert policy.decide(refund) == concern.answer


def test_what_depends_on_who_acts_is_not():
    policy = policy_of(f'@id("p") permit (principal == Agent::"{WORKER}", action, resource);')
    assert policy.concern(Action.CALL, question("docs.read").tool, listed=True) == Concern(None)


def test_a_permission_without_a_condition_denies_an_argument_of_another_type_too():
    policy = policy_of(
        '@id("p") @arguments("amount: decimal") '
        'permit (principal, action == Action::"call", resource == Tool::"billing.refund");'
    )
    assert word(policy.decide(call("billing.refund", {"amount": "ten"}))) == "deny"
    assert word(policy.decide(call("billing.refund", {"amount": 10}))) == "permit"
