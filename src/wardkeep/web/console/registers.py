"""The other registers: rarely opened, each a list with its deeds, found together under one entry of the menu.

As `duties`, by the API's own lists and forms; here stands only which there are and what the rule calls them.
"""

from typing import Final

from wardkeep.policy.roles import Permission
from wardkeep.web.console.access import ACCESS_REGISTERS
from wardkeep.web.console.duties import DUTIES, Duty, route_of
from wardkeep.web.console.shell import may
from wardkeep.web.page import Page, PageRoute, Visit

REGISTERS: Final = (
    Duty(
        path="/registers/retained-days",
        title="Retained days accepted",
        about="A vendor that keeps data for days under its agreement opens nothing until two people accepted that "
        "risk, for one agreement and until a day (164.306(b), 164.308(a)(1)(ii)(B)).",
        listed=("acceptance.list", "acceptances"),
        permission=Permission.REGISTRY_READ,
        empty="Nothing is accepted: only agreements with zero retention open a road.",
        deeds=(("acceptance.activate", "Activate"), ("acceptance.withdraw", "Withdraw")),
        begins=(("acceptance.add", "Propose an acceptance"),),
    ),
    Duty(
        path="/registers/residency",
        title="Where data may be",
        about="Regions that a State's law or a contract allows; a region that nobody knows is refused.",
        listed=("residency.list", "rules"),
        permission=Permission.REGISTRY_READ,
        empty="No rule of your own: the regions of each agreement's scope are the bound.",
        deeds=(("residency.remove", "Remove"),),
        begins=(("residency.add", "Add a rule"),),
    ),
    Duty(
        path="/registers/terms",
        title="Vendors' terms",
        about="Which version of a platform's terms the organisation holds its calls to. A newer one is proposed by one "
        "person and adopted by another.",
        listed=("terms.list", "terms"),
        permission=Permission.REGISTRY_READ,
        empty="No terms are known.",
        named="platform",
        deeds=(("terms.propose", "Propose a version"), ("terms.adopt", "Adopt the proposed version")),
    ),
    Duty(
        path="/registers/holds",
        title="Legal holds",
        about="What must be kept: while a hold stands, nothing it covers is destroyed.",
        listed=("hold.list", "holds"),
        permission=Permission.REGISTRY_READ,
        empty="No hold stands.",
        deeds=(("hold.release", "Release"),),
        begins=(("hold.place", "Place a hold"),),
    ),
    Duty(
        path="/registers/retention",
        title="Retention",
        about="How long each class of record is kept (164.316(b)(2)(i), 164.528).",
        listed=("retention.list", "retention"),
        permission=Permission.REGISTRY_READ,
        empty="No rule is in force.",
        deeds=(("retention.remove", "Remove"),),
        begins=(("retention.set", "Set a rule"),),
    ),
    Duty(
        path="/registers/shreds",
        title="Destruction of records",
        about="A subject's key is destroyed by two people, never inside retention or under a hold; its entry stays.",
        listed=("shred.list", "shreds"),
        permission=Permission.REGISTRY_READ,
        empty="Nothing was destroyed.",
        deeds=(("shred.approve", "Approve"), ("shred.withdraw", "Withdraw")),
        begins=(("shred.propose", "Propose"),),
    ),
    Duty(
        path="/registers/restrictions",
        title="Restrictions agreed",
        about="What was agreed with individuals not to be done; what holds bars the road from the next call on "
        "(164.522(a)).",
        listed=("restriction.list", "restrictions"),
        permission=Permission.LEDGER_READ,
        empty="None is on record. One begins with the answer to a request.",
        deeds=(("restriction.end", "End"),),
    ),
    Duty(
        path="/registers/channels",
        title="Confidential communication",
        about="Who is to be written to another way; where is sealed in the entry named (164.522(b)).",
        listed=("channel.list", "channels"),
        permission=Permission.LEDGER_READ,
        empty="None is on record. One begins with the answer to a request.",
        deeds=(("channel.end", "End"),),
    ),
    Duty(
        path="/registers/representatives",
        title="Personal representatives",
        about="Who is treated as the individual, recorded by one and confirmed by another (164.502(g), 164.514(h)).",
        listed=("representative.list", "representatives"),
        permission=Permission.LEDGER_READ,
        empty="None is on record.",
        deeds=(("representative.confirm", "Confirm"), ("representative.end", "End")),
        begins=(("representative.add", "Record a representative"),),
    ),
    Duty(
        path="/registers/minors",
        title="Minors' own care",
        about="Care about which a minor decides alone: no parent is granted all of the records (164.502(g)(3)).",
        listed=("minor.list", "minor_care"),
        permission=Permission.LEDGER_READ,
        empty="None is on record.",
        deeds=(("minor.end", "End"),),
        begins=(("minor.add", "Record a minor's own care"),),
    ),
    Duty(
        path="/registers/consents",
        title="Part 2 consents",
        about="Consents to use of substance use disorder records: from whom, to whom, for what, until when; without "
        "one that counts a call with such records is refused (42 CFR 2.31 to 2.33).",
        listed=("consent.list", "consents"),
        permission=Permission.LEDGER_READ,
        empty="None is on record: no call may carry such records, but in a medical emergency.",
        deeds=(("consent.confirm", "Confirm"), ("consent.revoke", "Revoke")),
        begins=(("consent.add", "Record a consent"),),
    ),
    Duty(
        path="/registers/sources",
        title="Part 2 sources",
        about="Whether what comes from a workspace or application is such a record. Once one is tagged, one that "
        "nobody cleared counts as well (42 CFR 2.12).",
        listed=("source.list", "sources"),
        permission=Permission.REGISTRY_READ,
        empty="There is no workspace yet.",
        deeds=(("source.tag", "Tag"), ("source.clear", "Propose to clear"), ("source.approve", "Clear")),
    ),
    Duty(
        path="/registers/orders",
        title="Court orders",
        about="Orders under which such records may go into a proceeding; without one, or the patient's own consent, "
        "none may (42 CFR 2.12(d), 2.61).",
        listed=("order.list", "orders"),
        permission=Permission.LEDGER_READ,
        empty="None is on record.",
        deeds=(("order.confirm", "Confirm"), ("order.end", "End")),
        begins=(("order.add", "Record an order"),),
    ),
    Duty(
        path="/registers/disclosures",
        title="Disclosures outside",
        about="What people disclosed beside the gateway; the ledger and it make an individual's accounting (164.528).",
        listed=("disclosure.list", "disclosures"),
        permission=Permission.LEDGER_READ,
        empty="None is on record.",
        deeds=(("disclosure.withdraw", "Withdraw"),),
        begins=(("disclosure.add", "Record a disclosure"), ("suspension.add", "Suspend an accounting")),
    ),
    Duty(
        path="/registers/sanctions",
        title="Sanctions",
        about="What followed when somebody broke a policy, proposed by one and confirmed by another "
        "(164.308(a)(1)(ii)(C), 164.530(e)).",
        listed=("sanction.list", "sanctions"),
        permission=Permission.LEDGER_READ,
        empty="None is on record.",
        deeds=(("sanction.confirm", "Confirm"),),
        begins=(("sanction.propose", "Propose a sanction"),),
    ),
    Duty(
        path="/registers/releases",
        title="Released data sets",
        about="De-identified data that left: by Safe Harbor or an expert's determination (164.514).",
        listed=("release.list", "releases"),
        permission=Permission.REGISTRY_READ,
        empty="Nothing was released.",
        deeds=(("release.sign", "Sign"), ("release.withdraw", "Withdraw")),
    ),
    Duty(
        path="/registers/training",
        title="Training of everybody",
        about="Who took what, and who is late (164.308(a)(5), 164.530(b)).",
        listed=("training.report", "rows"),
        permission=Permission.REGISTRY_READ,
        empty="No course is assigned to anybody.",
        named="person",
    ),
    Duty(
        path="/registers/care-teams",
        title="Care teams",
        about="Who treats whom, where a workspace demands that relationship.",
        listed=("careteam.list", "care_teams"),
        permission=Permission.LEDGER_READ,
        empty="No team is on record.",
        begins=(("careteam.set", "Set a team"),),
    ),
    Duty(
        path="/registers/sinks",
        title="Where the record goes",
        about="Places that are sent the record as it grows, each with its lag and its alarm (164.312(b)).",
        listed=("sink.list", "sinks"),
        permission=Permission.REGISTRY_READ,
        empty="None: the record is on this host only.",
        deeds=(("sink.remove", "Remove"),),
        begins=(("sink.add", "Add a place"),),
    ),
    Duty(
        path="/registers/guards",
        title="Prompt guards",
        about="What is done with text that tries to steer a model, by route or workspace.",
        listed=("guard.list", "guards"),
        permission=Permission.REGISTRY_READ,
        empty="No rule of your own: the default holds everywhere.",
        begins=(("guard.set", "Set a rule"),),
    ),
    Duty(
        path="/registers/prices",
        title="Prices",
        about="What a vendor charges, so that usage can be told in money.",
        listed=("price.list", "prices"),
        permission=Permission.REGISTRY_READ,
        empty="No price is on record: usage is told in tokens only.",
        deeds=(("price.remove", "Remove"),),
        begins=(("price.add", "Record a price"),),
    ),
    *ACCESS_REGISTERS,
)


async def _all(visit: Visit) -> Page:
    shown = [each for each in (*DUTIES, *REGISTERS) if may(visit, each.permission)]
    return Page(template="console/registers.html", values={"registers": shown})


REGISTER_ROUTES: Final = (
    PageRoute(method="GET", path="/registers", handler=_all, permission=Permission.REGISTRY_READ),
    *(route_of(duty) for duty in REGISTERS),
)
