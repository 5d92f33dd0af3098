-- The chain of each tenant. Rows are appended and, once exported, dropped by whole segments; nothing ever changes one.
CREATE TABLE audits (
    tenant   text   COLLATE "C" NOT NULL,
    number   bigint NOT NULL,
    at       bigint NOT NULL,
    actor    text   COLLATE "C" NOT NULL,
    action   text   COLLATE "C" NOT NULL,
    resource text   COLLATE "C" NOT NULL,
    decision text   COLLATE "C" NOT NULL,
    trace    text   NOT NULL,
    details  bytea  NOT NULL,
    prev     bytea  NOT NULL,
    hash     bytea  NOT NULL,
    PRIMARY KEY (tenant, number)
);

CREATE TABLE audit_checkpoints (
    tenant    text     COLLATE "C" NOT NULL,
    size      bigint   NOT NULL,
    kind      smallint NOT NULL,
    hash      bytea    NOT NULL,
    at        bigint   NOT NULL,
    key       text     NOT NULL,
    signature bytea    NOT NULL,
    PRIMARY KEY (tenant, size, kind)
);

-- Notes that wait to be chained. Frames wait in the journal, behind the position below.
CREATE TABLE audit_intake (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant   text   NOT NULL,
    at       bigint NOT NULL,
    actor    text   NOT NULL,
    action   text   NOT NULL,
    resource text   NOT NULL,
    decision text   NOT NULL,
    trace    text   NOT NULL,
    details  bytea  NOT NULL
);

-- Who chains: one row, taken over when its holder has been silent for longer than its lease.
CREATE TABLE audit_lease (
    holder     text        NOT NULL,
    expires_at timestamptz NOT NULL,
    position   bigint      NOT NULL DEFAULT 0 -- frames of transactions up to this one are chained
);
INSERT INTO audit_lease (holder, expires_at) VALUES ('', '-infinity');
