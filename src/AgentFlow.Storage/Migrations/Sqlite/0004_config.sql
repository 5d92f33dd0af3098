-- What tenants have set. Versions are only ever added; the newest change of a setting holds.
CREATE TABLE config_versions (
    tenant      TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    actor       TEXT    NOT NULL,
    rollback_to INTEGER NOT NULL, -- -1: an ordinary change
    PRIMARY KEY (tenant, version)
) WITHOUT ROWID;

CREATE TABLE config_changes (
    tenant    TEXT    NOT NULL,
    setting   TEXT    NOT NULL,
    workflow  TEXT    NOT NULL,
    version   INTEGER NOT NULL,
    old_value TEXT,
    new_value TEXT,
    PRIMARY KEY (tenant, setting, workflow, version)
) WITHOUT ROWID;
