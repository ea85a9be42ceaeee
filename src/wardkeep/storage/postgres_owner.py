"""What the owner of the database does, and the run-time role cannot: make the ledger's tables.

Nothing here is used while the instance serves.
"""

from dataclasses import replace

import asyncpg

from wardkeep.storage._postgres import DatabaseLogin, Line
from wardkeep.storage.errors import StoreMismatch
from wardkeep.storage.postgres_schema import GRANTS, SCHEMA, VERSION

_PATIENCE_SECONDS = 30.0


def prepare(login: DatabaseLogin, *, origin: str, role: str) -> bool:
    """Make the tables for one log and grant the run-time role what it needs; return whether they were new.

    Asked again it only grants again: entries that are there stay.

    Raises:
        StoreMismatch: the role does not exist, is too strong, or the database holds another instance's log.
        StoreUnavailable: the database does not answer.
    """
    line = Line(replace(login, answer_seconds=_PATIENCE_SECONDS))
    try:
        return line.ask(_prepare(line.connection, origin, role), within=_PATIENCE_SECONDS)
    finally:
        line.close()


async def _prepare(connection: asyncpg.Connection, origin: str, role: str) -> bool:
    async with connection.transaction():
        # Two who prepare at once wait for each other.
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('wardkeep'))")
        await _check_role(connection, role)
        is_new = await connection.fetchval("SELECT to_regclass('wardkeep.instance') IS NULL")
        if is_new:
            await connection.execute(SCHEMA)
            await connection.execute("INSERT INTO wardkeep.instance VALUES (1, $1, $2)", VERSION, origin)
        row = await connection.fetchrow("SELECT version, origin FROM wardkeep.instance")
        if (row["version"], row["origin"]) != (VERSION, origin):
            raise StoreMismatch("the database holds the log of another instance or version; give each its own database")
        quoted = await connection.fetchval("SELECT format('%I', $1::text)", role)
        for grant in GRANTS:
            await connection.execute(grant.format(role=quoted))
    return bool(is_new)


async def _check_role(connection: asyncpg.Connection, role: str) -> None:
    found = await connection.fetchrow(
        "SELECT rolsuper OR rolcreaterole OR rolbypassrls AS strong, rolname = current_user AS own, "
        "pg_has_role(oid, current_user::regrole, 'MEMBER') AS member FROM pg_roles WHERE rolname = $1",
        role,
    )
    if found is None:
        raise StoreMismatch(f"there is no role {role}; the database's administrator makes it: CREATE ROLE {role} LOGIN")
    if found["strong"] or found["own"] or found["member"]:
        raise StoreMismatch(f"the role {role} is a superuser, or may become the owner, and so could change entries")
