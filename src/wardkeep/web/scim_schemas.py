"""What the SCIM server says of itself (RFC 7643 sections 5 to 7): features, resource types, schemas.

Few attributes, because each is personal data of the workforce that somebody has to keep: names of sign-in and display,
whether they are active, and groups.
"""

from typing import Any, Final

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"
LIST: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SEARCH: Final = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
_SCHEMA: Final = "urn:ietf:params:scim:schemas:core:2.0:Schema"
_RESOURCE_TYPE: Final = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
_CONFIG: Final = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"

MOST_RESULTS: Final = 200


def _attribute(name: str, kind: str, words: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": name,
        "type": kind,
        "multiValued": False,
        "description": words,
        "required": False,
        "mutability": "readWrite",
        "returned": "default",
        **more,
    }
    if kind == "string":
        made = {"caseExact": False, "uniqueness": "none", **made}
    return made


def schemas(base: str) -> list[dict[str, Any]]:
    """Return the schemas of the two resources."""
    user = [
        _attribute("userName", "string", "The name at the provider.", required=True, uniqueness="server"),
        _attribute("displayName", "string", "The name to show."),
        _attribute("active", "boolean", "Whether they may do anything here; unassigned is no."),
        _attribute(
            "groups", "complex", "The groups they are in.", multiValued=True, mutability="readOnly",
            subAttributes=[
                _attribute("value", "string", "The group's id.", mutability="readOnly"),
                _attribute("$ref", "reference", "The group.", mutability="readOnly", referenceTypes=["Group"],
                           caseExact=True, uniqueness="none"),
                _attribute("display", "string", "The group's name.", mutability="readOnly"),
            ],
        ),
    ]  # fmt: skip
    group = [
        _attribute("displayName", "string", "The name that decides which roles it stands for.", required=True),
        _attribute(
            "members", "complex", "Who is in it.", multiValued=True,
            subAttributes=[
                _attribute("value", "string", "The user's id.", mutability="immutable"),
                _attribute("$ref", "reference", "The user.", mutability="immutable", referenceTypes=["User"],
                           caseExact=True, uniqueness="none"),
            ],
        ),
    ]  # fmt: skip
    return [
        {
            "schemas": [_SCHEMA], "id": urn, "name": name, "description": name, "attributes": attributes,
            "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{urn}"},
        }
        for urn, name, attributes in ((USER, "User", user), (GROUP, "Group", group))
    ]  # fmt: skip


def resource_types(base: str) -> list[dict[str, Any]]:
    """Return the two resource types."""
    return [
        {
            "schemas": [_RESOURCE_TYPE], "id": name, "name": name, "description": name, "endpoint": f"/{name}s",
            "schema": urn, "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/{name}"},
        }
        for name, urn in (("User", USER), ("Group", GROUP))
    ]  # fmt: skip


def service_provider_config(base: str) -> dict[str, Any]:
    """Return what this server can."""
    return {
        "schemas": [_CONFIG],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MOST_RESULTS},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": False},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer",
                "description": "The credential of `wardkeep scim add`.",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base}/ServiceProviderConfig"},
    }
