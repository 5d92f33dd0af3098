-- What tenants were given; a kind that is absent has the deployment's default.
CREATE TABLE quotas (
    tenant TEXT NOT NULL,
    kind   TEXT NOT NULL,
    most   INTEGER, -- NULL: no limit, whatever the default
    PRIMARY KEY (tenant, kind)
) WITHOUT ROWID;

-- Runs that have not ended, of the tenants for which that matters; each commit that begins or ends one of theirs keeps it.
CREATE TABLE run_counts (
    tenant TEXT    NOT NULL PRIMARY KEY,
    active INTEGER NOT NULL
) WITHOUT ROWID;

-- What a key of an earlier request has created.
CREATE TABLE access_requests (
    tenant       TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    request_hash TEXT    NOT NULL,
    resource     TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) WITHOUT ROWID;
CREATE INDEX access_requests_by_age ON access_requests (created_at);

CREATE INDEX audits_by_actor ON audits (tenant, actor, number);
CREATE INDEX audits_by_resource ON audits (tenant, resource, number);
