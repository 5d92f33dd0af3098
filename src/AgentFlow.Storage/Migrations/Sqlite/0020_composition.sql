-- Runs that do a step of another one.
ALTER TABLE runs ADD COLUMN parent BLOB;
CREATE INDEX runs_by_parent ON runs (tenant, parent) WHERE parent IS NOT NULL;

-- Waiting runs are claimed by rank: when they were accepted, moved by their priority. What waited before goes first.
ALTER TABLE runs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN rank     INTEGER NOT NULL DEFAULT 0;
DROP INDEX runs_ready;
CREATE INDEX runs_ready ON runs (tenant, rank, key) WHERE status = 0;

-- Places at what the runs of a tenant share by name, in the order in which they were asked for. A permit (kind 1) is held until it
-- is returned; arrivals at a barrier (kind 2) are removed when it opens. A step has one place.
CREATE TABLE places (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT    NOT NULL,
    kind   INTEGER NOT NULL,
    name   TEXT    NOT NULL,
    run    INTEGER NOT NULL,
    step   INTEGER NOT NULL,
    size   INTEGER NOT NULL,
    held   INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX places_by_step ON places (run, step);
CREATE INDEX places_by_name ON places (tenant, kind, name, held, number);
