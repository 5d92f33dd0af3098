-- The chain of each tenant. Rows are appended and, once exported, dropped by whole segments; nothing ever changes one.
CREATE TABLE audits (
    tenant   TEXT    NOT NULL,
    number   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    action   TEXT    NOT NULL,
    resource TEXT    NOT NULL,
    decision TEXT    NOT NULL,
    trace    TEXT    NOT NULL,
    details  BLOB    NOT NULL,
    prev     BLOB    NOT NULL,
    hash     BLOB    NOT NULL,
    PRIMARY KEY (tenant, number)
) WITHOUT ROWID;

CREATE TABLE audit_checkpoints (
    tenant    TEXT    NOT NULL,
    size      INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    hash      BLOB    NOT NULL,
    at        INTEGER NOT NULL,
    key       TEXT    NOT NULL,
    signature BLOB    NOT NULL,
    PRIMARY KEY (tenant, size, kind)
) WITHOUT ROWID;

-- Notes that wait to be chained.
CREATE TABLE audit_intake (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant   TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    action   TEXT    NOT NULL,
    resource TEXT    NOT NULL,
    decision TEXT    NOT NULL,
    trace    TEXT    NOT NULL,
    details  BLOB    NOT NULL
);

-- The last frame of the journal that was chained; the chains begin with what happens from now on.
CREATE TABLE audit_cursor (frame INTEGER NOT NULL);
INSERT INTO audit_cursor (frame) SELECT coalesce(max(frame), 0) FROM journal;
