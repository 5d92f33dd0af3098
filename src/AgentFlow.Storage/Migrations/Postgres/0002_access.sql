-- A time that is NULL has not come.
CREATE TABLE tenants (
    name        text   COLLATE "C" PRIMARY KEY,
    description text   NOT NULL,
    created_at  bigint NOT NULL,
    disabled_at bigint
);

CREATE TABLE users (
    tenant        text   COLLATE "C" NOT NULL,
    id            uuid   NOT NULL, -- the ULID's bytes
    name          text   COLLATE "C" NOT NULL,
    password_hash text   NOT NULL,
    created_at    bigint NOT NULL,
    disabled_at   bigint,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX users_by_name ON users (tenant, name);

CREATE TABLE roles (
    tenant      text   COLLATE "C" NOT NULL,
    name        text   COLLATE "C" NOT NULL,
    description text   NOT NULL,
    grants      text[] NOT NULL,
    tools       text[],
    workflows   text[],
    max_cost    bigint,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE role_bindings (
    tenant  text COLLATE "C" NOT NULL,
    subject uuid NOT NULL, -- id of a user or of an API key
    role    text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, subject, role)
);

CREATE TABLE api_keys (
    tenant      text   COLLATE "C" NOT NULL,
    id          uuid   NOT NULL,
    name        text   NOT NULL,
    secret_hash bytea  NOT NULL,
    owner       uuid,
    scopes      text[],
    created_by  text   NOT NULL,
    created_at  bigint NOT NULL,
    expires_at  bigint,
    disabled_at bigint,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE token_families (
    tenant     text   COLLATE "C" NOT NULL,
    id         uuid   NOT NULL,
    subject    text   COLLATE "C" NOT NULL,
    current    bytea  NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    revoked_at bigint,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX token_families_by_subject ON token_families (tenant, subject);
CREATE INDEX token_families_by_end ON token_families (expires_at);

CREATE TABLE revocations (
    tenant text   COLLATE "C" NOT NULL,
    key    text   COLLATE "C" NOT NULL,
    at     bigint NOT NULL,
    until  bigint NOT NULL,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX revocations_by_end ON revocations (until);

CREATE TABLE signing_keys (
    id          text   COLLATE "C" PRIMARY KEY,
    algorithm   text   NOT NULL,
    public_key  bytea  NOT NULL,
    private_key bytea  NOT NULL,
    created_at  bigint NOT NULL,
    retires_at  bigint
);
