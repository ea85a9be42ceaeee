"""A platform's terms as the road reads them: what its zero-retention and BAA terms are known to reach.

Terms are hints that only ever close (DESIGN section 6): a call needs a scope of a signed agreement first, and then
nothing in it may stand outside the platform's terms. What terms do not list is outside them. They come from versioned
profiles (`compliance.profiles`); `narrowed` joins the version an organisation adopted with the newest one.
"""

from dataclasses import dataclass, field

from wardkeep.model.residency import PlatformRegions


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRetention:
    """Models that the vendor does not serve without keeping what they are sent. `match` is a prefix of their names."""

    match: str
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a platform's terms reach. An empty set reaches nothing.

    `endpoints` are the vendor's endpoints that keep nothing (`dialects.endpoint_of`); `features` what a call may use,
    `fields_denied` top-level request fields that no agreement here opens, `retaining` models that keep.
    """

    platform: str
    version: int
    dialects: frozenset[str]
    endpoints: frozenset[str]
    features: frozenset[str]
    fields_denied: frozenset[str] = frozenset()
    retaining: tuple[ModelRetention, ...] = ()
    regions: PlatformRegions = field(default_factory=PlatformRegions)

    def retained_days(self, model: str) -> int:
        """Return for how many days the platform keeps what this model is sent, whatever was agreed; usually 0."""
        return max((each.days for each in self.retaining if model.startswith(each.match)), default=0)


def narrowed(adopted: Terms, newest: Terms) -> Terms:
    """Return what both versions reach.

    A newer version that closes something holds at once, because it reports what a vendor no longer promises. One that
    opens something waits until two people adopted it: an update of this software never opens a road.
    """
    return Terms(
        platform=newest.platform,
        version=adopted.version,
        dialects=adopted.dialects & newest.dialects,
        endpoints=adopted.endpoints & newest.endpoints,
        features=adopted.features & newest.features,
        fields_denied=adopted.fields_denied | newest.fields_denied,
        retaining=adopted.retaining + newest.retaining,
        # How a platform tells where it processes is no opening or closing: the newest knowledge holds.
        regions=newest.regions,
    )
