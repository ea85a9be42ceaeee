"""Places for what gives access and takes it back: the broken glass, sessions, certificates, provisioning, budgets.

As `duties`, by the API's own lists and forms.
"""

from typing import Final

from wardkeep.policy.roles import Permission
from wardkeep.web.console.duties import Duty, route_of

BREAK_GLASS: Final = Duty(
    path="/break-glass",
    title="Break the glass",
    about="In an emergency, for who treats: a code of your authenticator or envelope, why, and for how long. It widens "
    "what you may see, never to whom it goes; it is told at once, and another officer reviews it (164.312(a)(2)(ii)).",
    listed=("glass.mine", "break_glass"),
    permission=Permission.OWN_ACCOUNT,
    empty="You have not broken the glass.",
    deeds=(("glass.end", "End it now"),),
    begins=(("glass.begin", "Break the glass"),),
)

ACCESS_REGISTERS: Final = (
    Duty(
        path="/registers/break-glass",
        title="Broken glass",
        about="Who widened their access in an emergency, and what the reviewer found; each is reviewed within seven "
        "days by another officer than the person (164.308(a)(1)(ii)(D)).",
        listed=("glass.list", "break_glass"),
        permission=Permission.REGISTRY_READ,
        empty="Nobody broke the glass.",
        deeds=(("glass.review", "Review"), ("glass.end", "End it now")),
        begins=(("glass.codes", "Make codes for a sealed envelope"),),
    ),
    Duty(
        path="/registers/sessions",
        title="Who is signed in",
        about="People with live sessions, and on which devices; ended, the next click asks them to sign in.",
        listed=("session.list", "sessions"),
        permission=Permission.PERSON_CHANGE,
        empty="Nobody is signed in.",
        named="person",
        deeds=(("session.endall", "End all sessions"),),
    ),
    Duty(
        path="/registers/certificates",
        title="Client certificates",
        about="Keys that applications, people and provisioning clients prove to hold when they connect; one that is "
        "revoked is refused from the next call on (164.312(d)).",
        listed=("certificate.list", "certificates"),
        permission=Permission.REGISTRY_READ,
        empty="None is bound.",
        deeds=(("certificate.revoke", "Revoke"),),
        begins=(("certificate.add", "Bind a certificate"),),
    ),
    Duty(
        path="/registers/provisioning",
        title="Provisioning clients",
        about="Identity providers that tell who joins, moves and leaves, and which roles their groups stand for.",
        listed=("scim.list", "clients"),
        permission=Permission.REGISTRY_READ,
        empty="Nobody provisions: people are enrolled here.",
        deeds=(("scim.map", "Say anew what its groups stand for"), ("scim.disable", "End")),
        begins=(("scim.add", "Record a provisioning client"),),
    ),
    Duty(
        path="/registers/budgets",
        title="Budgets",
        about="How many tokens, or how much money, may be used on a day or in a month, and what is used of it now.",
        listed=("budget.list", "budgets"),
        permission=Permission.REGISTRY_READ,
        empty="There is no budget: rates alone bound what is used.",
        deeds=(("budget.remove", "Remove"),),
        begins=(("budget.set", "Set a budget"),),
    ),
)

ACCESS_PAGES: Final = (route_of(BREAK_GLASS),)
