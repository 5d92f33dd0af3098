-- Alert rules of tenants' own, silences, and every change of an alert's level.
CREATE TABLE alert_rules (
    tenant   TEXT NOT NULL,
    name     TEXT NOT NULL,
    document TEXT NOT NULL, -- JSON
    PRIMARY KEY (tenant, name)
) WITHOUT ROWID;

CREATE TABLE alert_silences (
    tenant   TEXT    NOT NULL,
    id       TEXT    NOT NULL, -- ULID
    rule     TEXT    NOT NULL,
    resource TEXT    NOT NULL,
    begins   INTEGER NOT NULL,
    ends     INTEGER NOT NULL,
    reason   TEXT    NOT NULL,
    actor    TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

CREATE TABLE alert_events (
    tenant   TEXT    NOT NULL,
    id       TEXT    NOT NULL, -- ULID
    rule     TEXT    NOT NULL,
    resource TEXT    NOT NULL,
    level    INTEGER NOT NULL, -- 0 ok, 1 warn, 2 critical
    previous INTEGER NOT NULL,
    value    INTEGER, -- millionths
    at       INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

CREATE INDEX alert_events_newest ON alert_events (tenant, rule, resource, id);
