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

-- What was measured, in the order of time.
CREATE TABLE agent_metrics (
    tenant    TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    id        BLOB    NOT NULL,
    agent     TEXT    NOT NULL,
    type      TEXT    NOT NULL,
    dimension TEXT    NOT NULL,
    value     REAL    NOT NULL,
    keyed     INTEGER NOT NULL, -- 1: the id stands for a request that may be sent again
    PRIMARY KEY (tenant, at, id)
) WITHOUT ROWID;
CREATE INDEX agent_metrics_by_agent ON agent_metrics (tenant, agent, at);
CREATE UNIQUE INDEX agent_metrics_by_key ON agent_metrics (tenant, id) WHERE keyed = 1;

-- What each day's values come to: written with them, so that an aggregate over days reads one row a series and day.
CREATE TABLE agent_metric_days (
    tenant    TEXT    NOT NULL,
    type      TEXT    NOT NULL,
    agent     TEXT    NOT NULL,
    dimension TEXT    NOT NULL,
    day       INTEGER NOT NULL, -- since the epoch, UTC
    count     INTEGER NOT NULL,
    sum       REAL    NOT NULL,
    least     REAL    NOT NULL,
    most      REAL    NOT NULL,
    sketch    BLOB    NOT NULL,
    PRIMARY KEY (tenant, type, agent, dimension, day)
) WITHOUT ROWID;
