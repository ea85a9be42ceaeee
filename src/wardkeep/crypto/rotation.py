"""Changes to the wrapped keys: a new epoch, the tenant key wrapped anew, and a move from one root to another.

Each function returns a new record and leaves the old one as it is; every record opens at every step. A move keeps the
tenant key under both roots until the new one has opened it at a start: a crash, or a root that turns out not to work,
loses nothing.
"""

import hmac
from dataclasses import replace

from wardkeep.crypto.errors import KeyUnavailable
from wardkeep.crypto.keys import Keyring, OtherWrap, RootKey, WrappedKeys, read_parameters, root_parameters
from wardkeep.crypto.wrapping import new_key, unwrap_key, wrap_key, wrapping_place


def next_epoch(keyring: Keyring, wrapped: WrappedKeys) -> tuple[WrappedKeys, str, bytes]:
    """Return the record with one epoch after the current one, its name and key; the current one stays so.

    One that an earlier attempt left behind is taken up, so that no key is made for nothing.
    """
    tenant_key, tenant = keyring._tenant_key, wrapped.tenant  # noqa: SLF001 - the keyring's own module would outgrow
    number = _number(wrapped.current_epoch) + 1
    name = f"e{number}"
    place = wrapping_place(tenant, "epoch", name)
    if name in wrapped.epochs:
        return wrapped, name, unwrap_key(tenant_key, wrapped.epochs[name], place)
    key = new_key()
    return replace(wrapped, epochs={**wrapped.epochs, name: wrap_key(tenant_key, key, place)}), name, key


def begin_epoch(wrapped: WrappedKeys, name: str) -> WrappedKeys:
    """Return the record with another current epoch. Raises KeyUnavailable: it has no such epoch."""
    if name not in wrapped.epochs:
        raise KeyUnavailable(f"the key record has no epoch {name}: it is older than the ledger; restore the newest one")
    return replace(wrapped, current_epoch=name)


def wrap_anew(keyring: Keyring, wrapped: WrappedKeys, root: RootKey) -> WrappedKeys:
    """Return the record with the tenant key wrapped again under the same root: its newest version, a new nonce.

    Raises:
        KeyUnavailable: it is another root, or what it wrapped does not open.
    """
    if root.key_id != wrapped.root_id:
        raise KeyUnavailable(f"the keys are wrapped under root {wrapped.root_id}, not under {root.key_id}")
    return replace(wrapped, tenant_key=_wrapped(keyring, root))


def add_root(keyring: Keyring, wrapped: WrappedKeys, root: RootKey, line: str) -> WrappedKeys:
    """Return the record with the tenant key under a second root as well. Raises KeyUnavailable, as `wrap_anew`."""
    if root.key_id == wrapped.root_id:
        raise KeyUnavailable(f"the keys are under root {root.key_id} already")
    given = root_parameters(root)
    other = OtherWrap(
        line=line,
        root_id=root.key_id,
        tenant_key=_wrapped(keyring, root),
        passphrase=None if given is None else read_parameters(given),
    )
    return replace(wrapped, other=other)


def leave_old_root(wrapped: WrappedKeys) -> WrappedKeys:
    """Return the record under the second root alone. Raises KeyUnavailable: there is none."""
    other = wrapped.other
    if other is None:
        raise KeyUnavailable("the keys are under one root only")
    return replace(
        wrapped, root_id=other.root_id, tenant_key=other.tenant_key, passphrase=other.passphrase, other=None
    )  # fmt: skip


def drop_new_root(wrapped: WrappedKeys) -> WrappedKeys:
    """Return the record without a second root."""
    return replace(wrapped, other=None)


def _wrapped(keyring: Keyring, root: RootKey) -> bytes:
    """Wrap, and see that it opens again: what a key holder made of it is believed only then."""
    tenant_key = keyring._tenant_key  # noqa: SLF001 - as above
    place = wrapping_place(keyring.tenant, "tenant")
    blob = root.wrap(tenant_key, aad=place)
    if not hmac.compare_digest(root.unwrap(blob, aad=place), tenant_key):
        raise KeyUnavailable(f"{root.key_id} does not give back what it wrapped")
    return blob


def _number(epoch: str) -> int:
    return int(epoch[1:])
