-- Stress tests: what was accepted, and what came of it.
CREATE TABLE stress_scenarios (
    tenant      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    round       BLOB    NOT NULL, -- ULID
    request     TEXT    NOT NULL, -- hash
    document    BLOB    NOT NULL, -- JSON
    workflows   INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    ended_at    INTEGER,
    result      BLOB, -- JSON
    PRIMARY KEY (tenant, id, round)
) WITHOUT ROWID;

CREATE INDEX stress_scenarios_named ON stress_scenarios (id, round);
CREATE INDEX stress_scenarios_open ON stress_scenarios (round) WHERE ended_at IS NULL;

CREATE TABLE stress_workflows (
    number      INTEGER PRIMARY KEY,
    id          BLOB    NOT NULL UNIQUE, -- ULID
    tenant      TEXT    NOT NULL,
    workflow    TEXT    NOT NULL,
    round       BLOB, -- of its scenario
    position    INTEGER NOT NULL,
    key         TEXT, -- idempotency key
    document    BLOB    NOT NULL, -- JSON
    received_at INTEGER NOT NULL,
    run         BLOB, -- ULID
    status      TEXT,
    started_at  INTEGER,
    ended_at    INTEGER,
    tasks       INTEGER NOT NULL DEFAULT 0,
    completed   INTEGER NOT NULL DEFAULT 0,
    failed      INTEGER NOT NULL DEFAULT 0,
    faults      INTEGER NOT NULL DEFAULT 0,
    recovered   INTEGER NOT NULL DEFAULT 0,
    approvals   INTEGER NOT NULL DEFAULT 0,
    cost        INTEGER NOT NULL DEFAULT 0, -- billionths of a dollar
    details     BLOB -- JSON
);

CREATE UNIQUE INDEX stress_workflows_keyed ON stress_workflows (tenant, key) WHERE key IS NOT NULL;
CREATE INDEX stress_workflows_round ON stress_workflows (round, position) WHERE round IS NOT NULL;
CREATE INDEX stress_workflows_pending ON stress_workflows (number) WHERE ended_at IS NULL;
CREATE INDEX stress_workflows_ended ON stress_workflows (tenant, ended_at);
