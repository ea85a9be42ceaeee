"""A privacy policy: for each class of identifier what becomes of it, and in which of three modes.

Interactive: pseudonyms that the gateway restores; the text stays PHI (DESIGN 3.6). Released: nothing can be restored,
under Safe Harbor or an Expert Determination, 45 CFR 164.514(b). Limited: a limited data set, 164.514(e), PHI still.

What the law asks of a mode is checked when a policy is loaded; a policy that would release an identifier does not load.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from wardkeep.privacy.detect.nomination import Policy as DetectorPolicy
from wardkeep.privacy.errors import PolicyInvalid
from wardkeep.privacy.policies.classes import classes

SHIPPED: Final = ("strict", "balanced", "safe_harbor", "limited_data_set")
_KEYS: Final = frozenset({"name", "mode", "detector", "basis", "about", "actions"})
_LONGEST_NAME: Final = 64


class Action(StrEnum):
    """What becomes of an identifier. Values stand in policies and reports: never rename one."""

    MASK = "mask"
    """Its class in brackets; nothing tells two values apart."""
    SURROGATE = "surrogate"
    """A token: the same value, the same token. Restorable in interactive use, a random code in released data."""
    SHIFT = "shift"
    """A date moved by the subject's own number of days, which keeps intervals."""
    GENERALISE = "generalise"
    """What the rule leaves of it: the year, the state with three digits of the ZIP code, `90+`."""
    ALLOW = "allow"
    """It stays."""
    BLOCK = "block"
    """The whole text is refused."""


class Mode(StrEnum):
    """What the result is for."""

    INTERACTIVE = "interactive"
    RELEASED = "released"
    LIMITED = "limited"


_GENERALISED: Final = frozenset({"LOCATION", "DATE", "AGE", "DEMOGRAPHIC"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyPolicy:
    """A checked policy. Make one with `parse_policy`, `shipped`, or from another one by `amended`."""

    name: str
    mode: Mode
    detector: DetectorPolicy
    basis: str
    about: str
    actions: Mapping[str, Action]

    def action(self, name: str) -> Action:
        """Return what becomes of a class."""
        return self.actions[name]

    def amended(self, actions: Mapping[str, str], *, expert: bool = False) -> "PrivacyPolicy":
        """Return this policy with other actions for some classes.

        Args:
            actions: class to action, by name.
            expert: whether an Expert Determination (164.514(b)(1)) covers the use: only then dates may be shifted.

        Raises:
            PolicyInvalid: a class or action is unknown, or the mode does not permit it.
        """
        changed = {name: _action(value) for name, value in actions.items()}
        made = PrivacyPolicy(
            name=self.name,
            mode=self.mode,
            detector=self.detector,
            basis=self.basis,
            about=self.about,
            actions=MappingProxyType({**self.actions, **changed}),
        )
        _check(made, expert=expert)
        return made


@cache
def shipped(name: str) -> PrivacyPolicy:
    """Return a policy that comes with the product.

    Raises:
        PolicyInvalid: there is none of that name, or its file is damaged.
    """
    if name not in SHIPPED:
        raise PolicyInvalid(f"there is no policy of that name; there are {', '.join(SHIPPED)}")
    return parse_policy((files("wardkeep.privacy.policies") / f"{name}.toml").read_text(encoding="utf-8"))


def interactive(name: str, actions: Mapping[str, str]) -> PrivacyPolicy:
    """Return what a route does to identifiers: a shipped interactive policy with its own actions for some classes.

    Raises:
        PolicyInvalid: there is no such policy, class or action, or what it makes cannot be restored.
    """
    policy = shipped(name)
    if policy.mode is not Mode.INTERACTIVE:
        raise PolicyInvalid("a route needs an interactive policy; data sets are released with deid file")
    if Action.GENERALISE in map(_action, actions.values()):
        # A model that is told "2024" for a day answers about another question than the clinician asked.
        raise PolicyInvalid("a route cannot generalise; keep, shift, replace, mask or block")
    return policy.amended(actions) if actions else policy


def parse_policy(text: str) -> PrivacyPolicy:
    """Return the policy in a TOML text.

    Raises:
        PolicyInvalid: it cannot be read, a key, class or action is unknown, a class has no action, or the mode does not
            permit an action. The sentence names our own words only.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise PolicyInvalid("the policy is not TOML") from None
    if set(table) != _KEYS:
        raise PolicyInvalid(f"a policy has exactly these keys: {', '.join(sorted(_KEYS))}")
    actions = table.pop("actions")
    if not all(isinstance(value, str) and value for value in table.values()) or not isinstance(actions, dict):
        raise PolicyInvalid("every value of a policy is a text, and [actions] a table of them")
    name = table["name"]
    if len(name) > _LONGEST_NAME or not name.isascii() or not name.replace("-", "_").isidentifier():
        raise PolicyInvalid("a policy's name is at most 64 letters, digits, - and _")
    if table["mode"] not in set(Mode):
        raise PolicyInvalid(f"the mode is one of {', '.join(Mode)}")
    if table["detector"] not in {"strict", "balanced"}:
        raise PolicyInvalid("the detector is strict or balanced")
    policy = PrivacyPolicy(
        name=name,
        mode=Mode(table["mode"]),
        detector="strict" if table["detector"] == "strict" else "balanced",
        basis=table["basis"],
        about=table["about"],
        actions=MappingProxyType({key: _action(value) for key, value in actions.items()}),
    )
    _check(policy, expert=False)
    return policy


def _action(value: object) -> Action:
    if not isinstance(value, str) or value not in set(Action):
        raise PolicyInvalid(f"an action is one of {', '.join(Action)}")
    return Action(value)


def _check(policy: PrivacyPolicy, *, expert: bool) -> None:
    """Return when every class has an action that its mode permits. Raises PolicyInvalid."""
    known = classes()
    if unknown := [name for name in policy.actions if name not in known]:
        raise PolicyInvalid(f"{len(unknown)} of the classes named are unknown; the classes are {', '.join(known)}")
    if missing := [name for name in known if name not in policy.actions]:
        raise PolicyInvalid(f"the policy does not say what becomes of {', '.join(missing)}")
    for name, action in policy.actions.items():
        if action is Action.SHIFT and name != "DATE":
            raise PolicyInvalid(f"{name} cannot be shifted; only DATE can")
        if action is Action.GENERALISE and name not in _GENERALISED:
            raise PolicyInvalid(f"{name} has nothing broader to stand for it; mask it")
    if policy.mode is Mode.RELEASED:
        _check_released(policy, expert=expert)
    elif policy.mode is Mode.LIMITED:
        _check_limited(policy)


def _check_released(policy: PrivacyPolicy, *, expert: bool) -> None:
    for name, each in classes().items():
        action = policy.actions[name]
        if each.paragraph is not None and action is Action.ALLOW:
            raise PolicyInvalid(f"{name} cannot be released: {each.citation}")
        if action is Action.SHIFT and not expert:
            # A shifted date still is one: Safe Harbor leaves the year alone.
            raise PolicyInvalid("shifted dates are released only under an Expert Determination, 45 CFR 164.514(b)(1)")


def _check_limited(policy: PrivacyPolicy) -> None:
    for name, each in classes().items():
        if each.limited is not None and policy.actions[name] is Action.ALLOW:
            raise PolicyInvalid(f"{name} is removed from a limited data set: 45 CFR {each.limited}")
