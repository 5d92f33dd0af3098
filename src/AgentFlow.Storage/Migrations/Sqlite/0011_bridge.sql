-- Tasks of remote agents. Times are Unix milliseconds; JSON is kept as it came.
CREATE TABLE bridge_tasks (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    run          BLOB    NOT NULL,
    step         INTEGER,
    generation   INTEGER,
    agent        TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    payload      BLOB    NOT NULL,
    status       INTEGER NOT NULL,
    requested_by TEXT    NOT NULL,
    trace        TEXT    NOT NULL,
    priority     INTEGER,
    timeout_ms   INTEGER,
    retry        INTEGER,
    tries        INTEGER NOT NULL DEFAULT 0,
    due          INTEGER NOT NULL DEFAULT 0,
    last_try     INTEGER NOT NULL DEFAULT 0,
    result       BLOB    NOT NULL DEFAULT x'',
    error        BLOB    NOT NULL DEFAULT x'',
    delivered    INTEGER NOT NULL DEFAULT 0,
    replay_of    TEXT,
    replayed_as  TEXT,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
);
CREATE UNIQUE INDEX bridge_tasks_by_id ON bridge_tasks (tenant, id);
CREATE INDEX bridge_tasks_in_order ON bridge_tasks (tenant, number);
CREATE INDEX bridge_tasks_dead ON bridge_tasks (tenant, number) WHERE status >= 6;
CREATE INDEX bridge_tasks_open ON bridge_tasks (tenant, agent) WHERE status < 4;
CREATE INDEX bridge_tasks_unfinished ON bridge_tasks (number) WHERE status < 4;
CREATE INDEX bridge_tasks_due ON bridge_tasks (due) WHERE status < 4 AND due > 0;
CREATE INDEX bridge_tasks_undelivered ON bridge_tasks (number) WHERE status >= 4 AND delivered = 0;
CREATE INDEX bridge_tasks_over ON bridge_tasks (updated_at) WHERE delivered = 1;

CREATE TABLE bridge_task_history (
    tenant TEXT    NOT NULL,
    task   TEXT    NOT NULL,
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    status INTEGER NOT NULL,
    agent  TEXT    NOT NULL,
    note   TEXT    NOT NULL,
    PRIMARY KEY (tenant, task, number)
) WITHOUT ROWID;

-- What remote agents told. Numbers are given in the order of the commits.
CREATE TABLE bridge_events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT    NOT NULL,
    agent  TEXT    NOT NULL,
    id     TEXT    NOT NULL,
    type   TEXT    NOT NULL,
    source TEXT    NOT NULL,
    data   BLOB    NOT NULL,
    time   TEXT    NOT NULL,
    trace  TEXT    NOT NULL,
    at     INTEGER NOT NULL
);
CREATE UNIQUE INDEX bridge_events_by_id ON bridge_events (tenant, agent, id);
CREATE INDEX bridge_events_in_order ON bridge_events (tenant, number);
CREATE INDEX bridge_events_by_time ON bridge_events (at);

CREATE TABLE bridge_subscriptions (
    tenant       TEXT    NOT NULL,
    id           BLOB    NOT NULL,
    url          TEXT    NOT NULL,
    secret       TEXT    NOT NULL, -- a reference, never the secret
    types        TEXT,             -- one a line
    sources      TEXT,             -- one a line
    created_by   TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    cursor       INTEGER NOT NULL,
    failures     INTEGER NOT NULL,
    next_at      INTEGER NOT NULL,
    problem      TEXT    NOT NULL,
    suspended_at INTEGER,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
