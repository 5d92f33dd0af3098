-- Lists (roles of a subject aside) are texts of one name a line. A time that is NULL has not come.
CREATE TABLE tenants (
    name        TEXT    NOT NULL PRIMARY KEY,
    description TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    disabled_at INTEGER
) WITHOUT ROWID;

CREATE TABLE users (
    tenant        TEXT    NOT NULL,
    id            BLOB    NOT NULL,
    name          TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    disabled_at   INTEGER,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX users_by_name ON users (tenant, name);

CREATE TABLE roles (
    tenant      TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    grants      TEXT NOT NULL,
    tools       TEXT,
    workflows   TEXT,
    max_cost    INTEGER,
    PRIMARY KEY (tenant, name)
) WITHOUT ROWID;

CREATE TABLE role_bindings (
    tenant  TEXT NOT NULL,
    subject BLOB NOT NULL, -- id of a user or of an API key
    role    TEXT NOT NULL,
    PRIMARY KEY (tenant, subject, role)
) WITHOUT ROWID;

CREATE TABLE api_keys (
    tenant      TEXT    NOT NULL,
    id          BLOB    NOT NULL,
    name        TEXT    NOT NULL,
    secret_hash BLOB    NOT NULL,
    owner       BLOB,
    scopes      TEXT,
    created_by  TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER,
    disabled_at INTEGER,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

CREATE TABLE token_families (
    tenant     TEXT    NOT NULL,
    id         BLOB    NOT NULL,
    subject    TEXT    NOT NULL,
    current    BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX token_families_by_subject ON token_families (tenant, subject);
CREATE INDEX token_families_by_end ON token_families (expires_at);

CREATE TABLE revocations (
    tenant TEXT    NOT NULL,
    key    TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    until  INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) WITHOUT ROWID;
CREATE INDEX revocations_by_end ON revocations (until);

CREATE TABLE signing_keys (
    id          TEXT    NOT NULL PRIMARY KEY,
    algorithm   TEXT    NOT NULL,
    public_key  BLOB    NOT NULL,
    private_key BLOB    NOT NULL,
    created_at  INTEGER NOT NULL,
    retires_at  INTEGER
) WITHOUT ROWID;
