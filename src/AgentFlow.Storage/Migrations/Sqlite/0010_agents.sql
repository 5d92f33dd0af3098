-- Every kind of agent. A limit that is NULL does not hold; a time that is NULL has not come.
CREATE TABLE agents (
    tenant       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    role         TEXT    NOT NULL,
    category     TEXT    NOT NULL,
    specialist   TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    base_url     TEXT,
    last_seen    INTEGER,
    failures     INTEGER NOT NULL,
    load         INTEGER NOT NULL,
    capabilities TEXT    NOT NULL, -- one a line
    limit_tokens INTEGER,
    limit_calls  INTEGER,
    limit_nanos  INTEGER,
    used_tokens  INTEGER NOT NULL,
    used_calls   INTEGER NOT NULL,
    used_nanos   INTEGER NOT NULL,
    document     BLOB    NOT NULL,
    digest       TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
-- Deployed remote agents share names.
CREATE UNIQUE INDEX agents_by_name ON agents (tenant, name) WHERE kind <> 'remote';
CREATE INDEX agents_in_order ON agents (tenant, name, id);

-- The lines of agents.capabilities, to be found by.
CREATE TABLE agent_capabilities (
    tenant     TEXT NOT NULL,
    capability TEXT NOT NULL,
    agent      TEXT NOT NULL,
    PRIMARY KEY (tenant, capability, agent)
) WITHOUT ROWID;
