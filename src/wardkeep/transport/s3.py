"""Objects under S3 Object Lock, by boto3 (extra `archive`): kept until a date that no credential can shorten.

COMPLIANCE mode: not even the account's root user deletes or overwrites a version before its date. Credentials come from
boto3's own chain (instance role, environment), never from our settings. Each object is sent with its SHA-256, so that
what is stored is what was meant.
"""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from wardkeep.transport.errors import ObjectRefused

_NOT_FOUND: Final = frozenset({"404", "NoSuchKey", "NotFound"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedBucket:
    """One bucket and prefix. `keep_days` is how long each new object is locked."""

    client: Any
    bucket: str
    prefix: str
    keep_days: int
    now: Callable[[], datetime]

    def put(self, key: str, content: bytes) -> None:
        """Store an object, locked. Raises ObjectRefused."""
        errors = _errors()
        try:
            self.client.put_object(
                Bucket=self.bucket,
                Key=self.prefix + key,
                Body=content,
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=b64encode(sha256(content).digest()).decode(),
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=self.now().astimezone(UTC) + timedelta(days=self.keep_days),
            )
        except errors as error:
            raise ObjectRefused(f"the bucket did not take an object ({type(error).__name__})") from error

    def get(self, key: str) -> bytes | None:
        """Return an object, or None. Raises ObjectRefused."""
        errors = _errors()
        try:
            found: bytes = self.client.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"].read()
        except errors as error:
            code = getattr(error, "response", {}).get("Error", {}).get("Code")
            if code in _NOT_FOUND:
                return None
            raise ObjectRefused(f"the bucket did not give an object ({type(error).__name__})") from error
        return found


def locked_bucket(
    address: str, *, endpoint: str, region: str, keep_days: int, now: Callable[[], datetime]
) -> LockedBucket:
    """Return the bucket of an address `s3://bucket/prefix`, once it is seen that it locks objects.

    Raises:
        ObjectRefused: the extra is not installed, the bucket is not there, or it has no Object Lock.
    """
    try:
        import boto3  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        raise ObjectRefused("S3 needs the extra `archive`: pip install 'wardkeep[archive]'") from error
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    client = boto3.client("s3", endpoint_url=endpoint or None, region_name=region or None)
    errors = _errors()
    try:
        lock = client.get_object_lock_configuration(Bucket=bucket)
    except errors as error:
        raise ObjectRefused(f"the bucket has no Object Lock, or is not there ({type(error).__name__})") from error
    if lock.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
        raise ObjectRefused("the bucket's Object Lock is not enabled; it can only be when the bucket is made")
    prefix = prefix.rstrip("/") + "/" if prefix else ""
    return LockedBucket(client=client, bucket=bucket, prefix=prefix, keep_days=keep_days, now=now)


def _errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - comes with the optional dependency

    return BotoCoreError, ClientError
