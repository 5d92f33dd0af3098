-- Stress tests: what was accepted, and what came of it.
CREATE TABLE stress_scenarios (
    tenant      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    round       UUID    NOT NULL, -- ULID
    request     TEXT    NOT NULL, -- hash
    document    BYTEA    NOT NULL, -- JSON
    workflows   BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    ended_at    BIGINT,
    result      BYTEA, -- JSON
    PRIMARY KEY (tenant, id, round)
);

CREATE INDEX stress_scenarios_named ON stress_scenarios (id, round);
CREATE INDEX stress_scenarios_open ON stress_scenarios (round) WHERE ended_at IS NULL;

CREATE TABLE stress_workflows (
    number      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          UUID    NOT NULL UNIQUE, -- ULID
    tenant      TEXT    NOT NULL,
    workflow    TEXT    NOT NULL,
    round       UUID, -- of its scenario
    position    BIGINT NOT NULL,
    key         TEXT, -- idempotency key
    document    BYTEA    NOT NULL, -- JSON
    received_at BIGINT NOT NULL,
    run         UUID, -- ULID
    status      TEXT,
    started_at  BIGINT,
    ended_at    BIGINT,
    tasks       BIGINT NOT NULL DEFAULT 0,
    completed   BIGINT NOT NULL DEFAULT 0,
    failed      BIGINT NOT NULL DEFAULT 0,
    faults      BIGINT NOT NULL DEFAULT 0,
    recovered   BIGINT NOT NULL DEFAULT 0,
    approvals   BIGINT NOT NULL DEFAULT 0,
    cost        BIGINT NOT NULL DEFAULT 0, -- billionths of a dollar
    details     BYTEA -- JSON
);

CREATE UNIQUE INDEX stress_workflows_keyed ON stress_workflows (tenant, key) WHERE key IS NOT NULL;
CREATE INDEX stress_workflows_round ON stress_workflows (round, position) WHERE round IS NOT NULL;
CREATE INDEX stress_workflows_pending ON stress_workflows (number) WHERE ended_at IS NULL;
CREATE INDEX stress_workflows_ended ON stress_workflows (tenant, ended_at);
