"""The codes that the Web SDK reports for a join that failed, and what each of them means for joinwatch."""

from __future__ import annotations

from typing import Final, NamedTuple


class Meaning(NamedTuple):
    """`name` is short and stable; `sentence` is for a person who reads the status page."""

    name: str
    sentence: str


OTHER: Final = "other"
LOCAL: Final = "local"
"""An error without a code: the SDK threw it before it asked Zoom."""

KNOWN: Final[dict[str, Meaning]] = {
    # Zoom's web API answers errorCode 200 with a text; the SDK makes these codes of the text.
    "3704": Meaning(
        "wrong_key", "Zoom does not know the key: another environment's, or not a Meeting SDK app's."
    ),
    "3705": Meaning(
        "signature_expired", "The signature's exp has passed: it was cached, or issued with a late clock."
    ),
    "3706": Meaning("wrong_meeting_number", "Zoom does not accept the meeting number."),
    "3707": Meaning("meeting_not_found", "Zoom does not find the meeting."),
    "3708": Meaning("wrong_role", "The role is neither 0 (participant) nor 1 (host)."),
    "3709": Meaning("host_not_found", "Zoom does not find the meeting's host."),
    "3710": Meaning("app_disabled", "The account or the app has been deactivated for this key."),
    "3711": Meaning("foreign_host", "The signature asks for the host role in another account's meeting."),
    "3712": Meaning(
        "invalid_signature",
        "Zoom refuses the signature: its iat is still ahead, its secret is wrong, or it is malformed.",
    ),
    "3713": Meaning("no_permission", "This app may not join this meeting."),
    # Of the SDK itself.
    "1": Meaning(
        "failed", "Client View's code for a failure that it has no name for, a lost connection among them."
    ),
    "200": Meaning("failed", "Component View's code for a failure that it has no name for."),
    "-3000": Meaning("connection_error", "Component View did not reach Zoom, or could not read its answer."),
    "403": Meaning("service_offline", "The SDK takes Zoom's service for offline."),
    "4003": Meaning("invalid_parameter", "The page passed join an option that the SDK does not accept."),
    LOCAL: Meaning(
        "local_error", "The SDK threw an error of its own before it asked Zoom: see the error's message."
    ),
    # Common ones that say that the signature was not what failed.
    "2": Meaning("not_initialised", "The page called join before init had finished."),
    "3000": Meaning("other_meeting", "The host has another meeting in progress."),
    "3001": Meaning("meeting_gone", "The meeting does not exist, or has ended."),
    "3003": Meaning("not_host", "The user is not the meeting's host."),
    "3004": Meaning("wrong_passcode", "The meeting's passcode is missing or wrong."),
    "3005": Meaning("email_required", "This webinar asks for an e-mail address."),
    "3008": Meaning("not_started", "The meeting has not started."),
    "3009": Meaning("removed", "The user was removed from this meeting before."),
    "3099": Meaning("registration_required", "The meeting asks for registration."),
    "3100": Meaning("login_required", "The meeting asks for a Zoom login."),
    "3110": Meaning("captcha", "Zoom asks for a captcha, after too many wrong passcodes."),
    "3603": Meaning("no_web_client", "The account does not allow joining from the browser."),
    "3610": Meaning("meeting_gone", "The meeting does not exist, or its registrant's token has expired."),
    "3625": Meaning("host_inactive", "The meeting's host is not active."),
    "3633": Meaning(
        "too_frequent", "The page called the SDK too often: join is limited to once in ten seconds."
    ),
    "3634": Meaning("too_frequent", "The page called join too often."),
    "3635": Meaning("wasm_failed", "The SDK could not load its WebAssembly files."),
    "3702": Meaning("host_missing", "The meeting's host does not exist."),
    "3703": Meaning("invalid_id", "The meeting id is not one."),
    "4004": Meaning("ended", "The meeting has ended."),
    "4005": Meaning("full", "The meeting is full."),
    "4006": Meaning("locked", "The meeting is locked."),
    "4007": Meaning("barriers", "The account's information barriers forbid this join."),
    "4008": Meaning("already_in", "The participant is in the meeting already."),
    "4009": Meaning("server_error", "Zoom's meeting server failed."),
    "4011": Meaning(
        "other_account", "The app belongs to another account: such joins need an OBF token or a ZAK."
    ),
    "5012": Meaning("duplicated_join", "The page called join while a join was under way."),
    "5013": Meaning("invalid_parameter", "The page passed join a parameter that the SDK does not accept."),
    "6603": Meaning("blocked", "The host account's administrator blocks this join."),
    "10000": Meaning("sdk_too_old", "Zoom does not accept this version of the SDK any more."),
}
"""Sources: Zoom's documented error codes of the Meeting SDK for web, and the code table in the SDK 6.2.0 itself."""

LABELS: Final[frozenset[str]] = frozenset(
    {*(str(code) for code in range(3704, 3714)), "1", "200", "-3000", "403", "4003", LOCAL, OTHER}
)
"""The values of the label `code` of joinwatch_join_failures_total."""


def code_label(code: str | None) -> str:
    """A code as sent -> a value of the label `code`; a failure whose code nobody could read is "other"."""
    return code if code is not None and code in LABELS else OTHER


def meaning(code: str | None) -> Meaning:
    """What a code means; for an unknown one that it is unknown."""
    unknown = Meaning("unknown", "The SDK reported a failure for which joinwatch has no explanation.")
    return KNOWN.get(code, unknown) if code is not None else unknown
