"""Fresh proof of a person beside their personal credential, outside the pages (45 CFR 164.312(d)).

An authenticator's code, once, or a code of a sealed envelope. The keeper alone asks: it owns the last accepted step and
the wrong answers, which count together with those of the sign-in page.
"""

from collections.abc import Callable
from dataclasses import dataclass

from wardkeep.compliance.break_glass import code_mac
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.logins import open_totp
from wardkeep.crypto.keys import DataKeys
from wardkeep.identity.sessions import Guesses, Sessions
from wardkeep.identity.totp import accepted_step
from wardkeep.model.break_glass import GlassMethod
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import Person, Registry

_WAY = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How a person proved themselves; `spent` is what an offline code is kept as, to be taken away with its use."""

    method: GlassMethod
    spent: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """Asks for codes. One an instance."""

    keys: DataKeys
    tenant: str
    sessions: Sessions
    guesses: Guesses
    clock: Callable[[], Instant]

    async def prove(self, registry: Registry, person: Person, code: str) -> Proof:
        """Return the proof.

        Raises:
            NotAllowed: it is not accepted.
            RefusalError: the person has to wait after wrong answers.
            StoreError: the disk does not take the accepted step, so nothing is proven.
        """
        now_us = self.clock().wall_us
        seconds = self.guesses.wait_seconds(_WAY, person.id, now_us)
        if seconds:
            raise RefusalError(Refused(reason=Reason.TOO_MANY_GUESSES, retry_after_seconds=seconds))
        plain = code.replace(" ", "")
        proof = await self._of_authenticator(registry, person, plain, now_us)
        proof = proof or self._of_envelope(registry, person, plain)
        if proof is None:
            self.guesses.failed(_WAY, person.id, now_us)
            raise NotAllowed(
                Reason.MFA_STALE.value,
                what="That code was not accepted.",
                why="Wider access needs fresh proof that it is you (45 CFR 164.312(d)).",
                fix="Use the code that your authenticator shows now, or an unused one of your sealed envelope.",
            )
        self.guesses.succeeded(_WAY, person.id)
        return proof

    async def _of_authenticator(self, registry: Registry, person: Person, code: str, now_us: int) -> Proof | None:
        login = registry.logins.get(person.id)
        if login is None or login.totp is None or not (code.isascii() and code.isdigit() and len(code) == 6):
            return None
        secret = open_totp(self.keys, tenant=self.tenant, person=person.id, body=login.totp)
        mark = f"totp:{person.id}"
        step = accepted_step(secret, code, unix_seconds=now_us / 1e6, last_step=self.sessions.mark(mark))
        if step is None:
            return None
        await self.sessions.advance(mark, step)
        return Proof(method=GlassMethod.TOTP)

    def _of_envelope(self, registry: Registry, person: Person, code: str) -> Proof | None:
        held = registry.offline_codes.get(person.id)
        kept = code_mac(self.keys.api_key_key, person.id, code)
        if held is None or kept not in held.macs:
            return None
        return Proof(method=GlassMethod.OFFLINE_CODE, spent=kept)
