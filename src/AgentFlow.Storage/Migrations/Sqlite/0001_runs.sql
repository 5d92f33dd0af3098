CREATE TABLE runs (
    key         INTEGER PRIMARY KEY,
    id          BLOB    NOT NULL,
    tenant      TEXT    NOT NULL,
    workflow    TEXT    NOT NULL,
    version     TEXT    NOT NULL,
    definition  BLOB    NOT NULL,
    status      INTEGER NOT NULL,
    wake_seq    INTEGER NOT NULL DEFAULT 0,
    result      TEXT    NOT NULL DEFAULT '',
    cost        INTEGER NOT NULL DEFAULT 0,
    ended_at    INTEGER
);
CREATE UNIQUE INDEX runs_by_id ON runs (tenant, id);
CREATE INDEX runs_ready ON runs (key) WHERE status = 0;

CREATE TABLE idempotency (
    tenant       TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    run          BLOB NOT NULL,
    PRIMARY KEY (tenant, key)
) WITHOUT ROWID;

CREATE TABLE journal (
    frame     INTEGER PRIMARY KEY,
    run       INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    data      BLOB    NOT NULL
);
CREATE UNIQUE INDEX journal_by_run ON journal (run, first_seq);

CREATE TABLE snapshots (
    run  INTEGER PRIMARY KEY,
    seq  INTEGER NOT NULL,
    data BLOB    NOT NULL
);

CREATE TABLE inbox (
    id       INTEGER PRIMARY KEY,
    run      INTEGER NOT NULL,
    kind     INTEGER NOT NULL,
    dedupe   TEXT    NOT NULL,
    data     BLOB    NOT NULL,
    consumed INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX inbox_by_run ON inbox (run, dedupe);

CREATE TABLE timers (
    due   INTEGER NOT NULL,
    run   INTEGER NOT NULL,
    timer INTEGER NOT NULL,
    PRIMARY KEY (due, run, timer)
) WITHOUT ROWID;

CREATE TABLE blobs (
    tenant TEXT NOT NULL,
    hash   BLOB NOT NULL,
    data   BLOB NOT NULL
);
CREATE UNIQUE INDEX blobs_by_hash ON blobs (tenant, hash);

CREATE TABLE workflows (
    tenant      TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    version     TEXT    NOT NULL,
    hash        TEXT    NOT NULL,
    planner     TEXT    NOT NULL,
    description TEXT    NOT NULL,
    yaml        TEXT    NOT NULL,
    path        TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant, name, version)
);
CREATE INDEX workflows_by_hash ON workflows (tenant, hash);

CREATE TABLE workflow_assets (
    tenant TEXT NOT NULL,
    hash   TEXT NOT NULL,
    path   TEXT NOT NULL,
    data   BLOB NOT NULL,
    PRIMARY KEY (tenant, hash, path)
) WITHOUT ROWID;
