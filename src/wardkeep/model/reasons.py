"""Every reason for which the road closes: the whole vocabulary, in one place.

A reason goes unchanged into the ledger entry, the HTTP body, the console and the docs. Codes are stable: one is never
renamed or reused, only added. Each explanation says what happened, why that closes the road, and how to mend it; none
of them has room for anything a caller sent.

Statuses are chosen so that unmodified SDKs do not retry a refusal (they retry 408, 409, 429 and 5xx); where a status
in that list is the truth, the response carries `x-should-retry`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Reason(StrEnum):
    """Why a call was refused. The value is the stable `code` in every error body."""

    # the wire (web/guard.py)
    REQUEST_MALFORMED = "request_malformed"
    FRAMING_AMBIGUOUS = "framing_ambiguous"
    HOST_INVALID = "host_invalid"
    HEADERS_TOO_LARGE = "headers_too_large"
    REQUEST_TOO_SLOW = "request_too_slow"
    BODY_TOO_LARGE = "body_too_large"
    MEDIA_TYPE_UNSUPPORTED = "media_type_unsupported"
    CONTENT_ENCODED = "content_encoded"
    PATH_UNKNOWN = "path_unknown"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    JSON_MALFORMED = "json_malformed"
    JSON_TOO_DEEP = "json_too_deep"
    JSON_DUPLICATE_KEY = "json_duplicate_key"
    HEADER_INVALID = "header_invalid"
    REQUEST_CROSS_SITE = "request_cross_site"
    # the wire format's fields
    FIELD_UNLISTED = "field_unlisted"
    FIELD_INVALID = "field_invalid"
    FIELD_MISSING = "field_missing"
    FIELD_DENIED = "field_denied"
    FEATURE_DENIED = "feature_denied"
    BETA_UNLISTED = "beta_unlisted"
    CONTENT_UNREADABLE = "content_unreadable"
    # who
    CREDENTIAL_MISSING = "credential_missing"
    CREDENTIAL_INVALID = "credential_invalid"
    CREDENTIAL_EXPIRED = "credential_expired"
    CREDENTIAL_REVOKED = "credential_revoked"
    BUDGET_EXHAUSTED = "budget_exhausted"
    BUDGET_UNPRICED = "budget_unpriced"
    BUDGET_COUNTING = "budget_counting"
    CERTIFICATE_MISSING = "certificate_missing"
    CERTIFICATE_UNKNOWN = "certificate_unknown"
    CERTIFICATE_REVOKED = "certificate_revoked"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_OF_ANOTHER = "certificate_of_another"
    OWNER_INACTIVE = "owner_inactive"
    APPLICATION_INACTIVE = "application_inactive"
    PERSON_MISSING = "person_missing"
    PERSON_NOT_ACCEPTED = "person_not_accepted"
    PERSON_UNVERIFIED = "person_unverified"
    PERSON_TOKEN_INVALID = "person_token_invalid"  # noqa: S105 - a code, no password
    # may they
    PURPOSE_MISSING = "purpose_missing"
    PURPOSE_UNKNOWN = "purpose_unknown"
    PURPOSE_NOT_PERMITTED = "purpose_not_permitted"
    ROUTE_NOT_PERMITTED = "route_not_permitted"
    ROLE_NOT_PERMITTED = "role_not_permitted"
    SUBJECT_MISSING = "subject_missing"
    WORKSPACE_CLOSED = "workspace_closed"
    NOT_IN_WORKSPACE = "not_in_workspace"
    DATA_CLASS_UNKNOWN = "data_class_unknown"
    DATA_CLASS_NOT_PERMITTED = "data_class_not_permitted"
    FIELD_NOT_NECESSARY = "field_not_necessary"
    RELATIONSHIP_MISSING = "relationship_missing"
    PSYCHOTHERAPY_NOT_AUTHORIZED = "psychotherapy_not_authorized"
    SUBSTANCE_USE_CONSENT_MISSING = "substance_use_consent_missing"
    CONSENT_RECIPIENT_NOT_NAMED = "consent_recipient_not_named"
    RESTRICTION_AGREED = "restriction_agreed"
    RESTRICTION_SUBJECT_UNNAMED = "restriction_subject_unnamed"
    TRAINING_OVERDUE = "training_overdue"
    POLICY_UNSIGNED = "policy_unsigned"
    MFA_STALE = "mfa_stale"
    TOO_MANY_GUESSES = "too_many_guesses"
    SIGN_IN_BUSY = "sign_in_busy"
    PASSKEY_NOT_ACCEPTED = "passkey_not_accepted"
    PROVIDER_UNREACHABLE = "provider_unreachable"
    PROVIDER_SIGN_IN_INVALID = "provider_sign_in_invalid"
    PROVIDER_PERSON_UNKNOWN = "provider_person_unknown"
    PROVIDER_SECOND_FACTOR_MISSING = "provider_second_factor_missing"
    RATE_LIMITED = "rate_limited"
    CONCURRENCY_LIMITED = "concurrency_limited"
    # what the vendor may see
    DETECTOR_FAILED = "detector_failed"
    SCHEMA_IDENTIFIES = "schema_identifies"
    OPAQUE_FIELD_IDENTIFIES = "opaque_field_identifies"
    CONVERSATION_NOT_OWNED = "conversation_not_owned"
    CLASS_BLOCKED = "class_blocked"
    SYNTHETIC_ONLY = "synthetic_only"
    THINKING_DATES_SHIFTED = "thinking_dates_shifted"
    # prompt security
    FILE_NOT_READ = "file_not_read"
    PROMPT_SUSPECT = "prompt_suspect"
    PROMPT_HELD = "prompt_held"
    ANSWER_CARRIES_DATA = "answer_carries_data"
    ANSWER_REVEALS = "answer_reveals"
    ANSWER_LEAKS_PROMPT = "answer_leaks_prompt"
    # where it may go
    MODEL_UNKNOWN = "model_unknown"
    SURFACE_MISMATCH = "surface_mismatch"
    TRANSLATION_IMPOSSIBLE = "translation_impossible"
    VENDOR_SUSPENDED = "vendor_suspended"
    BAA_MISSING = "baa_missing"
    BAA_NOT_ACTIVE = "baa_not_active"
    BAA_SUSPENDED = "baa_suspended"
    BAA_TERMINATED = "baa_terminated"
    BAA_NOT_YET_EFFECTIVE = "baa_not_yet_effective"
    BAA_EXPIRED = "baa_expired"
    SCOPE_PARTY = "scope_party"
    SCOPE_PLATFORM = "scope_platform"
    SCOPE_PROJECT = "scope_project"
    SCOPE_ENDPOINT = "scope_endpoint"
    SCOPE_FEATURE = "scope_feature"
    SCOPE_MODEL = "scope_model"
    SCOPE_REGION = "scope_region"
    SCOPE_PURPOSE = "scope_purpose"
    SCOPE_RETENTION = "scope_retention"
    SCOPE_TRAINING = "scope_training"
    RETENTION_NOT_ACCEPTED = "retention_not_accepted"
    TERMS_MISSING = "terms_missing"
    TERMS_ENDPOINT = "terms_endpoint"
    TERMS_FEATURE = "terms_feature"
    TERMS_FIELD = "terms_field"
    TERMS_RETENTION = "terms_retention"
    REGION_UNKNOWN = "region_unknown"
    REGION_CONTRADICTED = "region_contradicted"
    RESIDENCY_FORBIDS = "residency_forbids"
    CREDENTIAL_UNAVAILABLE = "vendor_credential_unavailable"
    ATTESTATION_REQUIRED = "attestation_required"
    ATTESTATION_RULE_MISSING = "attestation_rule_missing"
    ROUTE_DRIFTED = "route_drifted"
    ATTESTATION_UNAVAILABLE = "attestation_unavailable"
    ATTESTATION_FAILED = "attestation_failed"
    PEER_KEY_UNEXPECTED = "peer_key_unexpected"
    # proof
    LEDGER_UNAVAILABLE = "ledger_unavailable"
    LEDGER_TIMEOUT = "ledger_timeout"
    FACTS_UNAVAILABLE = "facts_unavailable"
    FACTS_CHANGING = "facts_changing"
    CLOCK_BACKWARDS = "clock_backwards"
    # what must be kept (compliance/custody.py)
    SHRED_INSIDE_RETENTION = "shred_inside_retention"
    SHRED_UNDER_HOLD = "shred_under_hold"
    SHRED_LEGAL_PROCESS = "shred_legal_process"
    SHRED_RIGHTS_REQUEST = "shred_rights_request"
    PART2_LEGAL_USE = "part2_legal_use"
    RIGHT_RECORD_SET_OPEN = "right_record_set_open"
    RIGHT_GROUND_NOT_ALLOWED = "right_ground_not_allowed"
    RIGHT_NOT_REPRESENTED = "right_not_represented"
    RIGHT_MINOR_DECIDES = "right_minor_decides"
    RIGHT_RESTRICTION_OWED = "right_restriction_owed"
    RIGHT_REVIEWER_INVOLVED = "right_reviewer_involved"
    SHRED_INCIDENT_OPEN = "shred_incident_open"
    # the vendor, and us
    VENDOR_UNREACHABLE = "vendor_unreachable"
    VENDOR_TIMEOUT = "vendor_timeout"
    VENDOR_ANSWER_INVALID = "vendor_answer_invalid"
    VENDOR_ANSWER_TOO_LARGE = "vendor_answer_too_large"
    INTERNAL = "internal_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a caller is told: `what` happened, `why` that closes the road, `fix`, and the HTTP `status`."""

    status: int
    what: str
    why: str
    fix: str


def _row(status: int, what: str, why: str, fix: str) -> Explanation:
    return Explanation(status=status, what=what, why=why, fix=fix)


_UNREAD = "Nothing that Wardkeep has not read may reach a vendor."
_BAA_RULE = "PHI may reach a vendor only under an active business associate agreement (45 CFR 164.308(b), 164.504(e))."
_SCOPE_FIX = (
    "Choose a route inside the agreement, or have the privacy officer amend the scope and a second person activate it "
    "(`wardkeep baa list` shows the scopes)."
)
_AUDIT_RULE = (
    "Every call is recorded durably before it leaves (45 CFR 164.312(b)); without the record it may not leave."
)
_TERMS_RULE = (
    "An agreement opens only what the platform's own terms keep out of storage; what they do not list is outside."
)
_TERMS_FIX = "`wardkeep route terms show` lists what the platform's terms reach, with their dates and doubts."
_BUDGET_RULE = "A limit that somebody set on tokens or cost holds until somebody changes it."
_KEY_RULE = "Who asks proves to be who they claim to be (45 CFR 164.312(d)); what is shown for that must hold."
_MIN = "Access to PHI is limited to permitted people and purposes (45 CFR 164.308(a)(4), 164.502(b))."

EXPLANATIONS: Final[Mapping[Reason, Explanation]] = MappingProxyType(
    {
        Reason.REQUEST_MALFORMED: _row(
            400,
            "The request is not well-formed HTTP/1.1.",
            "A malformed request can be read in two ways.",
            "Send a request that follows RFC 9112; an ordinary HTTP client does.",
        ),
        Reason.FRAMING_AMBIGUOUS: _row(
            400,
            "The request's length is stated twice or not clearly.",
            "Ambiguous framing lets a second request hide in the first (RFC 9112 section 6.3).",
            "Send exactly one Content-Length, or Transfer-Encoding: chunked, never both.",
        ),
        Reason.HOST_INVALID: _row(
            400,
            "The Host header is missing, repeated, or not a name this gateway serves.",
            "Requests for another host are a rebinding or smuggling sign (RFC 9112 section 3.2).",
            "Call the gateway by a configured name; the operator lists them in `hosts` of wardkeep.toml.",
        ),
        Reason.HEADERS_TOO_LARGE: _row(
            431,
            "The request's headers are too large or too many.",
            "Header size is bounded to keep the gateway available.",
            "Send fewer or shorter headers; prompts belong in the body.",
        ),
        Reason.REQUEST_TOO_SLOW: _row(
            408,
            "The request did not arrive in time.",
            "A connection held open by a slow sender starves other callers.",
            "Send the request again over a faster connection.",
        ),
        Reason.BODY_TOO_LARGE: _row(
            413,
            "The request's body is larger than this gateway accepts.",
            "Body size is bounded so that all of it is read.",
            "Send less text in one call, or ask the operator to raise `max_body_bytes`.",
        ),
        Reason.MEDIA_TYPE_UNSUPPORTED: _row(
            415,
            "The body is not application/json in UTF-8.",
            _UNREAD,
            "Send Content-Type: application/json (charset utf-8).",
        ),
        Reason.CONTENT_ENCODED: _row(
            415, "The body is compressed or otherwise encoded.", _UNREAD, "Send the body without Content-Encoding."
        ),
        Reason.PATH_UNKNOWN: _row(
            404,
            "There is no such endpoint here.",
            "Every route is denied unless it is listed.",
            "Use one of /v1/chat/completions, /v1/responses, /v1/embeddings, /v1/messages, /v1/messages/count_tokens, "
            "/v1/models.",
        ),
        Reason.METHOD_NOT_ALLOWED: _row(
            405,
            "This endpoint does not take that method.",
            "Every method is denied unless it is listed.",
            "POST to call a model; GET /v1/models to list them.",
        ),
        Reason.JSON_MALFORMED: _row(
            400, "The body is not valid JSON in UTF-8.", _UNREAD, "Send one JSON object, encoded as RFC 8259 says."
        ),
        Reason.JSON_TOO_DEEP: _row(
            400,
            "The body is nested more than 64 levels deep.",
            "Depth is bounded so that all of it is read.",
            "Flatten the request.",
        ),
        Reason.JSON_DUPLICATE_KEY: _row(
            400,
            "An object in the body has the same key twice.",
            "Two readers may keep different ones, so one could pass unread (RFC 8259 section 4).",
            "Send each key once.",
        ),
        Reason.HEADER_INVALID: _row(
            400,
            "A Wardkeep-* header has a value that cannot be read, or appears twice.",
            "A doubtful statement is no statement.",
            "Send each Wardkeep-* header once: letters, digits and -_.:@ only, 128 at the most.",
        ),
        Reason.FIELD_UNLISTED: _row(
            400,
            "The request has a field that this route does not list.",
            _UNREAD,
            "Remove the field named in `field`, or ask the operator whether the route's terms profile can list it.",
        ),
        Reason.FIELD_INVALID: _row(
            400,
            "A field has a value of the wrong type or outside its listed values.",
            _UNREAD,
            "Correct the field named in `field` as the vendor's API reference describes it.",
        ),
        Reason.FIELD_MISSING: _row(
            400,
            "A required field is missing.",
            "The call cannot be routed without it.",
            "Add the field named in `field`.",
        ),
        Reason.FIELD_DENIED: _row(
            403,
            "The request asks the vendor to keep or share data in a way the terms do not cover.",
            "Zero retention and the agreement's scope hold only without this field.",
            "Remove the field named in `field`, or set it to the value that keeps nothing (for example store: false).",
        ),
        Reason.FEATURE_DENIED: _row(
            403,
            "The request uses a vendor feature that is outside the agreement.",
            "Vendor-run tools send data to places the agreement does not reach.",
            "Use function tools that your own application runs.",
        ),
        Reason.BETA_UNLISTED: _row(
            403,
            "The request turns on a beta feature that this route does not list.",
            _UNREAD,
            "Remove the beta header, or ask the operator whether the route's terms profile can list it.",
        ),
        Reason.CONTENT_UNREADABLE: _row(
            403,
            "The request carries an image, audio or file that this route does not read.",
            _UNREAD,
            "Send the content as text. PDF, DOCX and images are read as text where the route says `reads_files` and "
            "the extra is installed (`wardkeep[documents]`, and `wardkeep[ocr]` for images and scans); audio, DICOM "
            "and links to files are never read.",
        ),
        Reason.CREDENTIAL_MISSING: _row(
            401,
            "The request carries no credential.",
            _MIN,
            "Send your Wardkeep key as `Authorization: Bearer wk_live_...` or `x-api-key: wk_live_...`.",
        ),
        Reason.CREDENTIAL_INVALID: _row(
            401,
            "The credential is not valid here.",
            _MIN,
            "Check that the whole key was copied; keys are shown once, `wardkeep key create` makes a new one.",
        ),
        Reason.CREDENTIAL_EXPIRED: _row(
            401, "The credential has expired.", _MIN, "Ask an administrator for a new key (`wardkeep key create`)."
        ),
        Reason.CREDENTIAL_REVOKED: _row(
            401,
            "The credential was revoked.",
            _MIN,
            "Ask an administrator for a new key, and tell them if you did not expect this.",
        ),
        Reason.BUDGET_EXHAUSTED: _row(
            403,
            "A budget of this key, its application, the person or the workspace is used up.",
            _BUDGET_RULE,
            "Wait for the next day or month of the organisation, or ask an administrator: `wardkeep budget list` shows "
            "what is used, `wardkeep budget set` changes it. Care in an emergency goes on by breaking the glass.",
        ),
        Reason.BUDGET_UNPRICED: _row(
            403,
            "What a cost budget has used cannot be reckoned: something that was used has no price in its currency.",
            _BUDGET_RULE,
            "An operator puts the deployment's price on record with `wardkeep route price add`.",
        ),
        Reason.BUDGET_COUNTING: _row(
            503,
            "What the call's budget has used is being counted from the ledger.",
            _BUDGET_RULE,
            "Send the call again in a second; it takes longer only where the ledger cannot be read.",
        ),
        Reason.CERTIFICATE_MISSING: _row(
            401,
            "The credential is good only with its client certificate, and the connection showed none.",
            _KEY_RULE,
            "Connect over TLS with the certificate and its private key; `wardkeep application certificate list` shows "
            "which one. Tell an administrator if the credential may have been copied.",
        ),
        Reason.CERTIFICATE_UNKNOWN: _row(
            401,
            "The connection's client certificate is bound to nobody here.",
            _KEY_RULE,
            "An administrator binds it (`wardkeep application certificate add` takes a finished one too); or connect "
            "without it, where the credential does not demand one.",
        ),
        Reason.CERTIFICATE_REVOKED: _row(
            401,
            "The connection's client certificate was revoked.",
            _KEY_RULE,
            "Ask an administrator for another one (`wardkeep application certificate add`), with a new private key.",
        ),
        Reason.CERTIFICATE_EXPIRED: _row(
            401,
            "The connection's client certificate has expired.",
            _KEY_RULE,
            "Ask an administrator for another one (`wardkeep application certificate add`).",
        ),
        Reason.CERTIFICATE_OF_ANOTHER: _row(
            401,
            "The connection's client certificate belongs to somebody else than the credential.",
            _KEY_RULE,
            "Connect with the certificate of the application whose key it is, or of the person whose credential it is.",
        ),
        Reason.OWNER_INACTIVE: _row(
            403,
            "The person who owns this credential is no longer active.",
            "Access ends when the person leaves (45 CFR 164.308(a)(3)(ii)(C)).",
            "An administrator assigns the application to an active owner and makes a new key.",
        ),
        Reason.APPLICATION_INACTIVE: _row(
            403,
            "The application that this key belongs to is not active.",
            "Access ends when it is no longer needed (45 CFR 164.308(a)(3)(ii)(C)).",
            "Ask its owner or an administrator: `wardkeep application list` shows where it stands.",
        ),
        Reason.PERSON_MISSING: _row(
            403,
            "The call does not say on whose behalf it is made, and the workspace requires it.",
            "Actions are traced to a person (45 CFR 164.312(a)(2)(i)).",
            "Forward the person's token, or send `Wardkeep-On-Behalf-Of` where the workspace accepts the statement.",
        ),
        Reason.PERSON_NOT_ACCEPTED: _row(
            403,
            "The person that the call is made for is not accepted.",
            "They are unknown or no longer active here, or this application's word for them is not taken.",
            "Check the person's id; an officer records with `wardkeep application add --may-assert-person` whose word "
            "is taken.",
        ),
        Reason.PERSON_TOKEN_INVALID: _row(
            403,
            "The person's token is not accepted.",
            "Its provider, signature, audience, time, the application it was given to and the linked person must hold.",
            "Forward a fresh token that the identity provider gave to this application; `wardkeep provider list` and "
            "`wardkeep application list` show what is on record.",
        ),
        Reason.PERSON_UNVERIFIED: _row(
            403,
            "The workspace requires proof of the person, and the call has only the application's statement.",
            "Person authentication (45 CFR 164.312(d)).",
            "Forward the person's own token from the identity provider.",
        ),
        Reason.WORKSPACE_CLOSED: _row(
            403,
            "The key's workspace does not exist or is closed.",
            "Nobody acts outside a workspace: it says who may do what with which data.",
            "An administrator opens it with `wardkeep workspace add`; `wardkeep workspace list` shows what there is.",
        ),
        Reason.NOT_IN_WORKSPACE: _row(
            403,
            "The person or the application does not belong to the key's workspace.",
            "What belongs to one workspace serves no other (45 CFR 164.308(a)(4)).",
            "Ask the workspace's owner for membership (`wardkeep access request`), or use a key of your own workspace.",
        ),
        Reason.DATA_CLASS_UNKNOWN: _row(
            400,
            "The stated data class is not one this gateway knows.",
            "A doubtful statement is no statement.",
            "Send `Wardkeep-Data-Class: ordinary`, `psychotherapy` or `part2`, joined by commas.",
        ),
        Reason.DATA_CLASS_NOT_PERMITTED: _row(
            403,
            "That class of health information may not be used here.",
            "Workspace, route and role must each list it (45 CFR 164.502(b)).",
            "`wardkeep policy explain` shows which of them does not; ask the privacy officer.",
        ),
        Reason.FIELD_NOT_NECESSARY: _row(
            403,
            "The request uses a field that no role of the caller needs.",
            _MIN,
            "`wardkeep policy explain` lists the fields of each role; leave the field out, or ask for the role.",
        ),
        Reason.RELATIONSHIP_MISSING: _row(
            403,
            "The person is not on the care team of this subject.",
            _MIN,
            "Name the right subject, or have the care team brought up to date (`wardkeep careteam set`). "
            "In an emergency use break-glass.",
        ),
        Reason.PSYCHOTHERAPY_NOT_AUTHORIZED: _row(
            403,
            "Psychotherapy notes are used by their originator, or with an authorization.",
            "45 CFR 164.508(a)(2).",
            "Record the originator or the authorization with `wardkeep careteam set`, or leave the notes out.",
        ),
        Reason.SUBSTANCE_USE_CONSENT_MISSING: _row(
            403,
            "There is no consent on record today for this use of substance use disorder records.",
            "42 CFR 2.31 and 2.33; what comes from a source that nobody cleared counts as such a record.",
            "Record the patient's consent with `wardkeep part2 consent`, have the source cleared with `wardkeep part2 "
            "clear`, or leave the records out; a medical emergency is called for as ETREAT (42 CFR 2.51).",
        ),
        Reason.CONSENT_RECIPIENT_NOT_NAMED: _row(
            403,
            "No consent on record lets this vendor have the substance use disorder records.",
            "A consent names who may receive them (42 CFR 2.31(a)(4)).",
            "Use a route to a recipient that the consent names (`wardkeep part2 consents`), or record another consent.",
        ),
        Reason.RESTRICTION_AGREED: _row(
            403,
            "A restriction was agreed with this individual that forbids this use, or this vendor.",
            "What was agreed binds us, but for emergency treatment (45 CFR 164.522(a)(1)(iii)).",
            "Use another purpose or route, or leave the individual's records out; an officer sees the terms with "
            "`wardkeep rights restrictions`. Emergency treatment is called for as ETREAT.",
        ),
        Reason.RESTRICTION_SUBJECT_UNNAMED: _row(
            403,
            "The call names no subject, and a restriction forbids this use for somebody.",
            "Without a name it could be about that individual (45 CFR 164.522(a)(1)(iii)).",
            "Name the subject with `Wardkeep-Subject`.",
        ),
        Reason.PURPOSE_MISSING: _row(
            403,
            "The call states no purpose of use.",
            _MIN,
            "Send `Wardkeep-Purpose: TREAT` (or HPAYMT, HOPERAT, HRESCH), or give the key a default purpose.",
        ),
        Reason.PURPOSE_UNKNOWN: _row(
            400,
            "The stated purpose of use is not one of the HL7 codes this gateway knows.",
            _MIN,
            "Send one of TREAT, HPAYMT, HOPERAT, HRESCH, ETREAT.",
        ),
        Reason.PURPOSE_NOT_PERMITTED: _row(
            403,
            "This key may not call for that purpose.",
            _MIN,
            "Use a key scoped to the purpose, or ask an administrator.",
        ),
        Reason.ROUTE_NOT_PERMITTED: _row(
            403, "This key may not use that model.", _MIN, "GET /v1/models lists what it may use."
        ),
        Reason.ROLE_NOT_PERMITTED: _row(
            403,
            "The caller's role does not include this action.",
            _MIN,
            "Ask an administrator for the role, with a reason.",
        ),
        Reason.SUBJECT_MISSING: _row(
            403,
            "The call names no subject and the route requires one.",
            "Accounting of disclosures needs to know whom a call is about (45 CFR 164.528).",
            "Send `Wardkeep-Subject: <your opaque handle>`, or `unknown` or `multiple`.",
        ),
        Reason.TRAINING_OVERDUE: _row(
            403,
            "The caller's training is overdue.",
            "Workforce training is required (45 CFR 164.308(a)(5)).",
            "See with `wardkeep training mine` what is due, read the course, and answer its questions: "
            "`wardkeep training take`.",
        ),
        Reason.POLICY_UNSIGNED: _row(
            403,
            "The caller has not acknowledged a required policy.",
            "Policies bind those who know them (45 CFR 164.316).",
            "See with `wardkeep policies list` what is to be signed, read it, and sign it: `wardkeep policies sign`.",
        ),
        Reason.MFA_STALE: _row(
            403,
            "The caller's second factor is missing or too old.",
            "Person authentication (45 CFR 164.312(d)).",
            "Sign in again with a second factor.",
        ),
        Reason.REQUEST_CROSS_SITE: _row(
            403,
            "The form was not sent from one of this console's own pages.",
            "Another site could make a signed-in person's browser act for them.",
            "Open the console's page itself and send the form from there, with a current browser.",
        ),
        Reason.TOO_MANY_GUESSES: _row(
            429,
            "There were too many wrong answers.",
            "Guessing is slowed down (45 CFR 164.308(a)(5)(ii)(C)).",
            "Wait as long as Retry-After says, or sign in with a passkey.",
        ),
        Reason.SIGN_IN_BUSY: _row(
            503,
            "Too many people are signing in at this moment.",
            "Checking a password is expensive on purpose, so few are checked at once.",
            "Try again in a moment, or sign in with a passkey.",
        ),
        Reason.PASSKEY_NOT_ACCEPTED: _row(
            403,
            "The passkey was not accepted.",
            "Person authentication (45 CFR 164.312(d)).",
            "Start again; if it stays so, sign in another way and register the passkey anew.",
        ),
        Reason.PROVIDER_UNREACHABLE: _row(
            502,
            "Your organisation's sign-in service does not answer.",
            "Nobody is signed in on the word of a provider that cannot be asked (45 CFR 164.312(d)).",
            "Sign in with a passkey, or a password and second factor; in an emergency a sealed code breaks the glass.",
        ),
        Reason.PROVIDER_SIGN_IN_INVALID: _row(
            403,
            "The sign-in at your organisation's service is not accepted.",
            "It must begin in this browser, be answered once and in time, and its token must be signed for us, now.",
            "Start again from the sign-in page; if it stays so, the operator compares `wardkeep provider list` with "
            "the provider's own settings and keys.",
        ),
        Reason.PROVIDER_PERSON_UNKNOWN: _row(
            403,
            "Your account at the sign-in service is linked to nobody who is active here.",
            "Who somebody is here is decided by a person, not by a name or group in a token (45 CFR 164.308(a)(4)).",
            "Ask an administrator to link it: `wardkeep provider link`.",
        ),
        Reason.PROVIDER_SECOND_FACTOR_MISSING: _row(
            403,
            "The sign-in service does not say that you showed a second factor just now.",
            "A password alone opens nothing (45 CFR 164.312(d)).",
            "Sign in there with a second factor, or enrol an authenticator here and add its code.",
        ),
        Reason.RATE_LIMITED: _row(
            429,
            "This key has used up its rate.",
            "Rates are bounded so that one caller cannot starve others.",
            "Wait as long as Retry-After says, or ask an administrator for a higher rate.",
        ),
        Reason.CONCURRENCY_LIMITED: _row(
            429,
            "This key has too many calls open at once.",
            "Concurrency is bounded so that one caller cannot starve others.",
            "Wait until a call has ended, or ask an administrator for a higher limit.",
        ),
        Reason.DETECTOR_FAILED: _row(
            503,
            "De-identification could not run on this request.",
            "Text that was not examined may not leave.",
            "Tell the operator; `wardkeep doctor` says what is wrong with the detector.",
        ),
        Reason.SCHEMA_IDENTIFIES: _row(
            403,
            "A tool definition or JSON schema in the request contains an identifier.",
            "Vendors keep schemas outside their PHI protection, so they must hold none.",
            "Move the value out of the schema into a message.",
        ),
        Reason.OPAQUE_FIELD_IDENTIFIES: _row(
            403,
            "An id or label field in the request contains an identifier.",
            "Ids and labels are not rewritten, so they must hold none.",
            "Use an opaque value in the field named in `field`.",
        ),
        Reason.CLASS_BLOCKED: _row(
            403,
            "The request holds an identifier of a class that this route blocks.",
            "The route's privacy policy lets no text with such an identifier out, in any form.",
            "Leave it out, or ask the operator for a route with another policy.",
        ),
        Reason.SYNTHETIC_ONLY: _row(
            403,
            "The workspace takes made-up data only, and the request has something that could be a real person's.",
            "Nobody has agreed that health information of real people is handled here (45 CFR 164.502(a)).",
            "Use values kept for examples (555-0100, example.com) or names on the workspace's list, state no subject "
            "and no special class; or ask for a key of a workspace that is meant for real data.",
        ),
        Reason.THINKING_DATES_SHIFTED: _row(
            403,
            "The request asks for signed thinking on a route that shifts dates.",
            "A signed block may not be changed, so its shifted dates would be shown as if they were true.",
            "Leave thinking out, or use a route that does not shift dates.",
        ),
        Reason.CONVERSATION_NOT_OWNED: _row(
            403,
            "The conversation handle cannot be used by this caller.",
            "A conversation's pseudonyms belong to one principal.",
            "Use a conversation handle of your own.",
        ),
        Reason.FILE_NOT_READ: _row(
            403,
            "A file in the request could not be read whole.",
            _UNREAD,
            "The field says why: damaged, encrypted, too_large (pages, pixels or unpacked size), too_many, too_slow. "
            "Send a smaller or repaired file, or its text.",
        ),
        Reason.PROMPT_SUSPECT: _row(
            403,
            "The request has text that looks like an injected instruction, and this route blocks that.",
            "Text from documents, tools or strangers may try to give the model other orders than yours.",
            "Look at the documents and tool results of the call; take the passage out. The entry names the signals; if "
            "it is a false alarm, an officer changes what happens with `wardkeep route guard set`.",
        ),
        Reason.PROMPT_HELD: _row(
            403,
            "The request has text that looks like an injected instruction, and is held until somebody approves it.",
            "Text from documents, tools or strangers may try to give the model other orders than yours.",
            "An officer reads the entry and approves it with `wardkeep route guard approve INDEX`; then send the same "
            "request again with the same key.",
        ),
        Reason.ANSWER_CARRIES_DATA: _row(
            403,
            "The model's answer has a link that would carry data of this call to a host outside.",
            "A client that shows or fetches the link tells that host what stands in it; injected instructions ask for "
            "such links.",
            "Look for the instruction in the documents and tool results of the call. If the host is yours, an officer "
            "adds it with `wardkeep route guard set` (`--host`).",
        ),
        Reason.ANSWER_REVEALS: _row(
            403,
            "The model's answer has an identifier that was not in the request, and this route blocks that.",
            "It may be another patient's, or made up, and is disclosed by being shown (45 CFR 164.502(a)).",
            "Ask again without asking for people. If it is a false alarm, an officer changes what happens with "
            "`wardkeep route guard set` (`--reveals`).",
        ),
        Reason.ANSWER_LEAKS_PROMPT: _row(
            403,
            "The model's answer repeats the application's own instructions, and this route blocks that.",
            "Whoever reads the instructions learns how to write around them.",
            "Look for what asked for them in the call. If it is a false alarm, an officer changes what happens with "
            "`wardkeep route guard set` (`--leak`).",
        ),
        Reason.MODEL_UNKNOWN: _row(
            404,
            "There is no such model here.",
            "An unknown model is an error, never another model.",
            "GET /v1/models lists the models this key may use.",
        ),
        Reason.SURFACE_MISMATCH: _row(
            400,
            "That model is served in another wire format.",
            "Formats are not translated on this route.",
            "Call OpenAI-format models at /v1/chat/completions and Anthropic-format models at /v1/messages.",
        ),
        Reason.TRANSLATION_IMPOSSIBLE: _row(
            400,
            "The vendor's format has no word for the field named in `field`.",
            "What cannot be translated is refused, not dropped: the answer would be to another question.",
            "Send the request without the field, or use a model whose deployment speaks your client's format.",
        ),
        Reason.VENDOR_SUSPENDED: _row(
            403, "The vendor is suspended.", _BAA_RULE, "The privacy officer decides when it is resumed."
        ),
        Reason.BAA_MISSING: _row(
            403,
            "No agreement covers the vendor behind this model.",
            _BAA_RULE,
            "Record it with `wardkeep baa add`; a second person activates it.",
        ),
        Reason.BAA_NOT_ACTIVE: _row(
            403,
            "The agreement with the vendor behind this model has not been activated.",
            _BAA_RULE,
            "A second person activates it with `wardkeep baa activate`.",
        ),
        Reason.BAA_SUSPENDED: _row(
            403,
            "The agreement with the vendor behind this model is suspended.",
            _BAA_RULE,
            "The privacy officer decides when it is resumed (`wardkeep baa list` shows the reason).",
        ),
        Reason.BAA_TERMINATED: _row(
            403, "The agreement with the vendor behind this model was terminated.", _BAA_RULE, "Record a new agreement."
        ),
        Reason.BAA_NOT_YET_EFFECTIVE: _row(
            403,
            "The agreement with the vendor behind this model is not in effect yet.",
            _BAA_RULE,
            "Wait until its effective date.",
        ),
        Reason.BAA_EXPIRED: _row(
            403,
            "The agreement with the vendor behind this model has expired.",
            _BAA_RULE,
            "Renew it: `wardkeep baa add` records the renewal, a second person activates it.",
        ),
        Reason.SCOPE_PARTY: _row(
            403, "The agreement is with another legal party than the one that serves this model.", _BAA_RULE, _SCOPE_FIX
        ),
        Reason.SCOPE_PLATFORM: _row(
            403, "The agreement does not cover the platform that serves this model.", _BAA_RULE, _SCOPE_FIX
        ),
        Reason.SCOPE_PROJECT: _row(
            403, "The agreement does not cover the vendor project this route uses.", _BAA_RULE, _SCOPE_FIX
        ),
        Reason.SCOPE_ENDPOINT: _row(403, "The agreement does not cover this endpoint.", _BAA_RULE, _SCOPE_FIX),
        Reason.SCOPE_FEATURE: _row(
            403, "The agreement does not cover a feature this call uses.", _BAA_RULE, _SCOPE_FIX
        ),
        Reason.SCOPE_MODEL: _row(403, "The agreement does not cover this model.", _BAA_RULE, _SCOPE_FIX),
        Reason.SCOPE_REGION: _row(
            403, "The agreement does not cover the region that serves this model.", _BAA_RULE, _SCOPE_FIX
        ),
        Reason.SCOPE_PURPOSE: _row(403, "The agreement does not cover this purpose of use.", _BAA_RULE, _SCOPE_FIX),
        Reason.SCOPE_RETENTION: _row(
            403,
            "The vendor may keep what it is sent.",
            "Zero retention is required; anything longer needs a time-limited risk acceptance by two people.",
            _SCOPE_FIX,
        ),
        Reason.SCOPE_TRAINING: _row(
            403,
            "The agreement does not forbid training on what is sent.",
            "PHI is never training data by default (45 CFR 164.502(a)).",
            _SCOPE_FIX,
        ),
        Reason.RETENTION_NOT_ACCEPTED: _row(
            403,
            "The agreement lets the vendor keep what it is sent for some days, and nobody accepted that risk.",
            "Retention under an agreement opens only with a time-limited risk acceptance by two people.",
            "Record it with `wardkeep baa risk add`; a second person activates it. Or use a route with zero retention.",
        ),
        Reason.TERMS_MISSING: _row(
            403,
            "There is no terms profile for the platform and protocol behind this model.",
            "Of a platform without terms nothing is known, and unknown is refused.",
            "The operator records the deployment under a platform that `wardkeep route terms list` shows.",
        ),
        Reason.TERMS_ENDPOINT: _row(
            403, "This endpoint is outside the platform's zero-retention terms.", _TERMS_RULE, _TERMS_FIX
        ),
        Reason.TERMS_FEATURE: _row(
            403,
            "The request uses the feature named in `field`, which is outside the platform's terms.",
            _TERMS_RULE,
            f"Send the request without it. {_TERMS_FIX}",
        ),
        Reason.TERMS_FIELD: _row(
            403,
            "The request has the field named in `field`, which the platform's terms exclude.",
            _TERMS_RULE,
            f"Remove the field. {_TERMS_FIX}",
        ),
        Reason.TERMS_RETENTION: _row(
            403,
            "The platform keeps what this model is sent, whatever was agreed.",
            "An agreement on zero retention is not kept by a model that the platform serves with retention only.",
            "Use another model, or agree on the days it keeps and accept the risk (`wardkeep baa risk add`).",
        ),
        Reason.REGION_UNKNOWN: _row(
            403,
            "The region that would process this call is not known.",
            "Unknown residency is refused.",
            "The operator records a deployment with its region (`wardkeep route add`).",
        ),
        Reason.REGION_CONTRADICTED: _row(
            403,
            "The recorded region is not the one that the address, inference profile or deployment type stands for.",
            "What a platform would do counts, not what was written down.",
            "The operator records the deployment with the region that the platform's profile tells (docs/vendors.md).",
        ),
        Reason.RESIDENCY_FORBIDS: _row(
            403,
            "A residency rule of the workspace does not allow the region that serves this model.",
            "Where health information may be processed is bound by state law and by the organisation's own rules.",
            "Use a route inside the allowed places (`wardkeep route residency list` shows the rules).",
        ),
        Reason.CREDENTIAL_UNAVAILABLE: _row(
            503,
            "The vendor credential for this model cannot be read.",
            "The call cannot be authenticated to the vendor.",
            "The operator stores it again with `wardkeep route add --credential-file`.",
        ),
        Reason.ATTESTATION_REQUIRED: _row(
            403,
            "The route is for attested deployments only, and the one behind it is not.",
            "The route promises that the machine proves what it runs before it sees PHI.",
            "The operator records a deployment with `wardkeep route add --attestation`, or uses another route.",
        ),
        Reason.ATTESTATION_RULE_MISSING: _row(
            403,
            "The deployment must be attested, and no allow-list of it is active.",
            "Without an allow-list any program could answer.",
            "One person records it with `wardkeep route attestation add`; another activates it.",
        ),
        Reason.ROUTE_DRIFTED: _row(
            403,
            "What the vendor tells of the deployment contradicts what is on record of it.",
            "Where calls are processed, or what is kept of them, may not be what was agreed.",
            "`wardkeep route checks` shows what; mend it, check again, and an officer runs `wardkeep route confirm`.",
        ),
        Reason.ATTESTATION_UNAVAILABLE: _row(
            503,
            "The deployment gave no evidence of what it runs.",
            "Without evidence nothing is sent to it; nothing was.",
            "Send the call again later; the operator looks whether the evidence endpoint answers.",
        ),
        Reason.ATTESTATION_FAILED: _row(
            403,
            "The deployment's evidence does not show what its allow-list asks for; `field` names the check.",
            "A machine that cannot prove what it runs gets no PHI; nothing was sent.",
            "The operator compares deployment and allow-list (docs/attestation.md lists the checks).",
        ),
        Reason.PEER_KEY_UNEXPECTED: _row(
            502,
            "The vendor's TLS key is not one of those pinned for it, or not the one that was just attested.",
            "The name alone does not say who answers; nothing was sent.",
            "Send the call again; if it stays, the operator compares the key with `wardkeep route pin`.",
        ),
        Reason.LEDGER_UNAVAILABLE: _row(
            503,
            "The ledger cannot be written.",
            _AUDIT_RULE,
            "Tell the operator; /readyz and `wardkeep doctor` say what is wrong. Calls resume when it is mended. "
            "When care cannot wait, follow docs/downtime.md.",
        ),
        Reason.LEDGER_TIMEOUT: _row(
            503,
            "The ledger did not answer in time.",
            _AUDIT_RULE,
            "Tell the operator; /readyz and `wardkeep doctor` say what is wrong. Calls resume when it is mended.",
        ),
        Reason.FACTS_UNAVAILABLE: _row(
            503,
            "The facts needed to decide are not available.",
            "Missing facts deny.",
            "Tell the operator; `wardkeep doctor` says what is missing.",
        ),
        Reason.FACTS_CHANGING: _row(
            503,
            "Agreements or permissions changed while the call was being decided.",
            "A decision on old facts is no decision.",
            "Send the call again.",
        ),
        Reason.CLOCK_BACKWARDS: _row(
            503,
            "The clock went backwards.",
            "Expiry cannot be judged without a trustworthy clock.",
            "The operator mends time synchronisation.",
        ),
        Reason.SHRED_INSIDE_RETENTION: _row(
            403,
            "The subject's records must still be kept.",
            "The longest retention rule that may apply to the newest of them has not ended.",
            "`wardkeep retention list` shows the rules; propose it again after the last of them has ended.",
        ),
        Reason.SHRED_UNDER_HOLD: _row(
            403,
            "A legal hold keeps the subject's records.",
            "What a lawsuit may ask for is not destroyed.",
            "`wardkeep hold list` shows it; counsel's release is recorded with `wardkeep hold release`.",
        ),
        Reason.SHRED_LEGAL_PROCESS: _row(
            403,
            "A legal process about the subject's records is open.",
            "What a court or an authority asked for is produced first (45 CFR 164.512(e), (f)).",
            "`wardkeep hold list` shows it; release it with `wardkeep hold release` when it has ended.",
        ),
        Reason.SHRED_RIGHTS_REQUEST: _row(
            403,
            "A request of the individual is open.",
            "Access, amendment and accounting are answered from the records (45 CFR 164.524, 164.526, 164.528).",
            "Answer it (`wardkeep rights list`), or release its hold when it is answered (`wardkeep hold list`).",
        ),
        Reason.PART2_LEGAL_USE: _row(
            403,
            "Substance use disorder records are not disclosed for use in a proceeding against the patient.",
            "That takes the patient's own consent to it, or a court order with a subpoena (42 CFR 2.12(d), 2.61).",
            "Name a consent of the kind legal, or an order (`wardkeep part2 order`); where the records are of another "
            "kind, state so with `--not-part2`; where it is for no proceeding, with `--not-proceeding`.",
        ),
        Reason.RIGHT_RECORD_SET_OPEN: _row(
            409,
            "It is not decided whether what is asked for is in a designated record set.",
            "Access and amendment reach exactly that set (45 CFR 164.501, 164.524(a)(1), 164.526(a)(1)).",
            "Decide it with `wardkeep rights record-set`, then answer in accordance with it.",
        ),
        Reason.RIGHT_GROUND_NOT_ALLOWED: _row(
            400,
            "The answer has no ground, or one that the rule does not know for this kind of request.",
            "A denial rests on the rule's own grounds and on no others (45 CFR 164.522 to 164.528).",
            "`wardkeep rights grounds` lists them by kind of request; a grant has none.",
        ),
        Reason.RIGHT_NOT_REPRESENTED: _row(
            403,
            "Nobody on record represents this individual under this id today.",
            "Only who has the authority is treated as the individual (45 CFR 164.502(g), 164.514(h)).",
            "Record the representative with `wardkeep rights represent`; another person confirms it.",
        ),
        Reason.RIGHT_MINOR_DECIDES: _row(
            403,
            "A minor decides alone about some of this care, so no parent or guardian is granted all of the records.",
            "There neither of them is the representative (45 CFR 164.502(g)(3)(i)).",
            "Answer with `partly` or `denied` and the ground `minor_consented`, without that care; in a review, decide "
            "once that care is on record no more.",
        ),
        Reason.RIGHT_RESTRICTION_OWED: _row(
            403,
            "This restriction is owed: it keeps from a health plan what the individual paid in full.",
            "It must be agreed to, and only the individual ends it (45 CFR 164.522(a)(1)(vi), (a)(2)).",
            "Grant it, for payment and operations; end it only when the individual asked for that.",
        ),
        Reason.RIGHT_REVIEWER_INVOLVED: _row(
            403,
            "The reviewer took part in the denial, is no licensed professional, or is not the one who was named.",
            "A denial is reviewed by a licensed professional who had no part in it (45 CFR 164.524(a)(4)).",
            "Name a clinician or nurse who did not take, judge or answer the request, and has no access from who did.",
        ),
        Reason.SHRED_INCIDENT_OPEN: _row(
            403,
            "An open incident touches the subject, or may.",
            "Who was affected is found out from the records (45 CFR 164.402, 164.404).",
            "Count the incident's reach or close it: `wardkeep incident list`.",
        ),
        Reason.VENDOR_UNREACHABLE: _row(
            502,
            "The vendor could not be reached.",
            "The call was recorded; no answer came.",
            "Send the call again later.",
        ),
        Reason.VENDOR_TIMEOUT: _row(
            504,
            "The vendor did not answer in time.",
            "The call was recorded; no whole answer came.",
            "Send the call again later.",
        ),
        Reason.VENDOR_ANSWER_INVALID: _row(
            502,
            "The vendor's answer could not be read.",
            "An answer that cannot be read cannot be recorded or restored.",
            "Send the call again; tell the operator if it stays.",
        ),
        Reason.VENDOR_ANSWER_TOO_LARGE: _row(
            502,
            "The vendor's answer is larger than this gateway accepts.",
            "Memory is bounded.",
            "Ask for a shorter answer.",
        ),
        Reason.INTERNAL: _row(
            500,
            "Wardkeep failed on this call.",
            "When in doubt the road closes.",
            "Tell the operator the ledger index or request id; nothing of your prompt was logged.",
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A refusal. `field` is the path of a listed field or a vetted field name; never a value that was sent.

    `signals` are codes of prompt security for the record, `tag` the keyed tag under which a held request is approved.
    """

    reason: Reason
    field: str | None = None
    retry_after_seconds: int | None = None
    signals: tuple[str, ...] = ()
    tag: str | None = None

    @property
    def explanation(self) -> Explanation:
        """What the caller is told."""
        return EXPLANATIONS[self.reason]


class RefusalError(Exception):
    """Carries a `Refused` through code that cannot return it (the wire, the stream). Caught only where recorded."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason.value)
        self.refused = refused
