"""Everything that can go wrong with keys and sealed records, and who should do what about it.

    CryptoError
    ├── KeyFileUnsafe      the operator tightens the file's mode or owner
    ├── KeyUnavailable     the operator brings back the root key, or names the right one
    │   └── KeyHolderFailed  the operator mends the module, KMS or Vault that holds the root, as its `fix` says
    ├── UnknownKey         the caller asked for a record of an epoch this process holds no key for
    ├── RecordTampered     a security officer opens an incident: the stored bytes are not what was sealed
    ├── KeyUnusable        the operator stores a vendor credential that is what the vendor's protocol needs
    ├── SignatureInvalid   the verifier's user treats what was signed as unproven
    ├── EvidenceRefused    nothing is sent to the deployment; `check` says what its evidence did not show
    └── CertificateError   the operator mends the local authority's files

No message carries key bytes, plaintext or anything identifiable.
"""

from wardkeep.model.attestation import Check


class CryptoError(Exception):
    """Root of this package's errors; catch a subclass, by name."""


class KeyFileUnsafe(CryptoError):  # noqa: N818 - named for the state found
    """A key file can be read by others, or is no key file; the operator fixes it before anything starts."""


class KeyUnavailable(CryptoError):  # noqa: N818
    """Keys could not be unwrapped: wrong root or passphrase, damaged record; the operator brings the right one."""


class KeyHolderFailed(KeyUnavailable):
    """Who holds the root outside this process did not wrap or unwrap; the operator does what `fix` says."""

    def __init__(self, what: str, *, fix: str) -> None:
        super().__init__(what)
        self.fix = fix


class UnknownKey(CryptoError):  # noqa: N818
    """No key with this id is held by this process; the caller asks the keeper, or the key was not restored."""


class KeyDestroyed(UnknownKey):
    """The key was destroyed with its subject; nothing brings it back."""


class RecordTampered(CryptoError):  # noqa: N818
    """A sealed record does not open: bytes, place or key commitment differ; a security officer investigates."""


class KeyUnusable(CryptoError):  # noqa: N818
    """A vendor's private key cannot be read or is too weak; the operator stores the vendor credential again."""


class SignatureInvalid(CryptoError):  # noqa: N818
    """A signature is not by this key over these bytes; whoever relied on it treats the content as unproven."""


class EvidenceRefused(CryptoError):  # noqa: N818 - an outcome
    """Attestation evidence does not show what its rule asks for; officers look at deployment and allow-list."""

    def __init__(self, check: Check) -> None:
        super().__init__(check.value)
        self.check = check


class CertificateError(CryptoError):
    """The local authority's files are incomplete or unreadable; the operator restores or recreates them."""
