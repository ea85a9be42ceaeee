"""Calls the running server over its admin socket (HTTP/1.1 on a Unix socket) with a personal credential.

The socket may be opened by the server's own user only; the credential says which person acts. A credential file that
others can read is refused: whoever copies it acts as that person.
"""

import http.client
import json
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from wardkeep.cli._failure import CommandFailed
from wardkeep.model.sensitive import Secret
from wardkeep.settings import Settings, load
from wardkeep.transport.listen import reachable

_TIMEOUT_SECONDS: Final = 30.0


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket; `host` is only the Host header."""

    def __init__(self, host: str, path: Path) -> None:
        super().__init__(host, timeout=_TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT_SECONDS)
        with reachable(self._path) as name:
            self.sock.connect(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One person's way to the control API of one home."""

    settings: Settings
    credential: Secret[str]

    def get(self, *parts: str, **query: str) -> Any:
        """Return the answer to a GET. Raises CommandFailed."""
        return self._call("GET", parts, query, None)

    def post(self, *parts: str, **body: object) -> Any:
        """Return the answer to a POST of a form; absent fields are left out. Raises CommandFailed."""
        return self._call("POST", parts, {}, {name: value for name, value in body.items() if value is not None})

    def post_form(self, part: str, form: dict[str, object]) -> Any:
        """Return the answer to a POST of a whole form, nulls included. Raises CommandFailed."""
        return self.post_whole(part, form=form)

    def post_whole(self, *parts: str, form: dict[str, object]) -> Any:
        """Return the answer to a POST of a whole form to a record. Raises CommandFailed."""
        return self._call("POST", parts, {}, form)

    def _call(self, method: str, parts: tuple[str, ...], query: dict[str, str], body: object) -> Any:
        path = "/api/" + "/".join(quote(part, safe="") for part in parts) + (f"?{urlencode(query)}" if query else "")
        place = self.settings.admin_socket_path
        connection = UnixConnection(self.settings.listen.hosts[0], place)
        headers = {"Authorization": f"Bearer {self.credential.reveal()}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise CommandFailed(
                "server_not_running",
                what=f"No server answers at {place}.",
                why="Changes go through the running server, which records them.",
                fix=f"Start it with `wardkeep serve --home {self.settings.home}`.",
            ) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise CommandFailed(
                "server_failed",
                what=f"The server at {place} did not answer as expected ({type(error).__name__}).",
                why="Whether a change was made is not known.",
                fix="Look at `wardkeep audit head` and the list of what you changed before trying again.",
            ) from error
        finally:
            connection.close()
        if response.status != 200:
            told = answer.get("error", {})
            recorded = told.get("ledger_index")
            why = told.get("why", "")
            raise CommandFailed(
                str(told.get("code", "refused")),
                what=str(told.get("what", told.get("message", "The server refused."))),
                why=why if recorded is None else f"{why} The refusal is ledger entry {recorded}.",
                fix=str(told.get("fix", "")),
            )
        return answer


def client(home: Path, person: str | None) -> Client:
    """Return the client of a home for a person.

    Raises:
        SettingsInvalid: there is no such home.
        CommandFailed: the credential file is absent, ambiguous, or readable by others.
    """
    settings = load(home)
    return Client(settings=settings, credential=credential_of(settings, person))


def credential_of(settings: Settings, person: str | None) -> Secret[str]:
    """Return the credential of whoever acts. Raises CommandFailed."""
    directory = settings.credentials_directory
    named = os.environ.get("WARDKEEP_CREDENTIAL_FILE")
    if person is not None:
        path = directory / Path(person).name
    elif named:
        path = Path(named)
    else:
        held = sorted(directory.iterdir()) if directory.is_dir() else []
        if len(held) != 1:
            who = ", ".join(each.name for each in held)
            raise CommandFailed(
                "who_is_asking",
                what="It is not said who is acting.",
                why="Every change is made by a person (45 CFR 164.312(d)).",
                fix=f"Add --as ID{f' (here: {who})' if who else ''}, or set WARDKEEP_CREDENTIAL_FILE.",
            )
        path = held[0]
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(
            "credential_unreadable",
            what=f"The credential file {path} cannot be read.",
            fix="Name a person whose credential is here with --as ID, or set WARDKEEP_CREDENTIAL_FILE.",
        ) from error
    if stat.S_IMODE(mode) & 0o077:
        raise CommandFailed(
            "credential_exposed",
            what=f"The credential file {path} can be read by others.",
            why="Whoever copies it acts as that person.",
            fix=f"Run `chmod 600 {path}`, and have a new credential made if somebody may have read it.",
        )
    return Secret(text)
