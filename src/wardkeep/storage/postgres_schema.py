"""The ledger's tables in PostgreSQL, made by the owner's role, who alone may ever remove anything.

The run-time role may insert entries, payloads and checkpoints and read them; it can neither change nor delete nor
truncate them (45 CFR 164.312(c)(1)). What it may change follows from the entries: the head, of which the entries are
the proof, and the list of requests that are not closed yet. `add_month` is the one thing it can have done in the
owner's name: it makes the partition that this month's payloads go into.

Headers and leaf hashes stand in one table, because they are kept longest and every proof needs them. Payloads, which
are most of the bytes and what retention lets go, stand in a partition for each month: dropping one removes the bytes
at once, and the log verifies as before, because a leaf holds its payload's hash and nothing of it.
"""

from typing import Final

VERSION: Final = 1

# A month is the number yyyymm in UTC, by the database's clock, and never lower than the entry before it.
SCHEMA: Final = """
CREATE SCHEMA wardkeep;
REVOKE ALL ON SCHEMA wardkeep FROM PUBLIC;
CREATE TABLE wardkeep.instance(
  one integer PRIMARY KEY CHECK (one = 1),
  version integer NOT NULL,
  origin text NOT NULL
);
CREATE TABLE wardkeep.head(
  one integer PRIMARY KEY CHECK (one = 1),
  size bigint NOT NULL,
  month integer NOT NULL,
  frontier bytea NOT NULL,
  facts_epoch bigint NOT NULL,
  signatures bytea NOT NULL,
  note bytea NOT NULL
) WITH (fillfactor = 10);
INSERT INTO wardkeep.head VALUES (1, 0, 0, '', 0, '', '');
CREATE TABLE wardkeep.entries(
  idx bigint PRIMARY KEY,
  id bytea NOT NULL UNIQUE,
  month integer NOT NULL,
  header bytea NOT NULL,
  leaf_hash bytea NOT NULL,
  signature bytea
);
CREATE TABLE wardkeep.payloads(
  month integer NOT NULL,
  idx bigint NOT NULL,
  payload bytea NOT NULL,
  PRIMARY KEY (month, idx)
) PARTITION BY LIST (month);
-- Sealed bytes do not compress; trying to would only cost time.
ALTER TABLE wardkeep.payloads ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE TABLE wardkeep.checkpoints(size bigint PRIMARY KEY, frontier bytea NOT NULL, note bytea NOT NULL);
CREATE TABLE wardkeep.open_requests(
  id bytea PRIMARY KEY,
  idx bigint NOT NULL,
  owner text NOT NULL,
  opened text NOT NULL
);

CREATE FUNCTION wardkeep.keep_head() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  IF NEW.size < OLD.size OR NEW.month < OLD.month OR NEW.facts_epoch < OLD.facts_epoch THEN
    RAISE EXCEPTION 'the head only moves forward' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_head BEFORE UPDATE ON wardkeep.head FOR EACH ROW EXECUTE FUNCTION wardkeep.keep_head();

CREATE FUNCTION wardkeep.add_month(wanted integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
BEGIN
  IF wanted NOT BETWEEN to_char(now() AT TIME ZONE 'UTC' - interval '40 days', 'YYYYMM')::integer
                    AND to_char(now() AT TIME ZONE 'UTC' + interval '40 days', 'YYYYMM')::integer THEN
    RAISE EXCEPTION 'only a month of now is made' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF to_regclass(format('wardkeep.payloads_%s', wanted)) IS NULL THEN
    EXECUTE format('CREATE TABLE wardkeep.payloads_%s PARTITION OF wardkeep.payloads FOR VALUES IN (%s)',
                   wanted, wanted);
  END IF;
END $$;
REVOKE ALL ON FUNCTION wardkeep.add_month(integer), wardkeep.keep_head() FROM PUBLIC;
"""

# `{role}` is put in by the server's own quoting (`format('%I')`).
GRANTS: Final = (
    "GRANT USAGE ON SCHEMA wardkeep TO {role}",
    "GRANT SELECT ON wardkeep.instance TO {role}",
    "GRANT SELECT, UPDATE ON wardkeep.head TO {role}",
    "GRANT SELECT, INSERT ON wardkeep.entries, wardkeep.payloads, wardkeep.checkpoints TO {role}",
    "GRANT SELECT, INSERT, DELETE ON wardkeep.open_requests TO {role}",
    "GRANT EXECUTE ON FUNCTION wardkeep.add_month(integer) TO {role}",
)

# Whatever of this is true, the role could rewrite what it has recorded.
IS_TOO_STRONG: Final = """
SELECT bool_or(has_table_privilege(t, 'UPDATE, DELETE, TRUNCATE'))
FROM unnest(ARRAY['wardkeep.entries', 'wardkeep.payloads', 'wardkeep.checkpoints']) AS t
"""
