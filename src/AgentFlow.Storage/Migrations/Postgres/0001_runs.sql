-- Processes. A row is a lease: it is renewed by its owner and deleted by whoever finds it expired, by this database's clock.
CREATE TABLE sessions (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text        NOT NULL,
    tag        text        NOT NULL, -- application_name of the process's connections
    process    text        NOT NULL, -- by which another process on the same machine can tell that it has ended
    lease      interval    NOT NULL,
    expires_at timestamptz NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    claim      bigint      NOT NULL DEFAULT 0, -- number of the last claim; the same number asked again gives the same runs
    claimed    bigint[]                        -- what it took
) WITH (fillfactor = 50);

-- First statement of every transaction that writes for a session. The lock lets renewals pass and a takeover (DELETE) wait,
-- so that a session that was there at the first statement is there at the commit.
CREATE FUNCTION hold_session(session bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM sessions WHERE id = session FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'session % has lost its lease', session USING ERRCODE = 'AF001';
    END IF;
END
$$;

-- Row keys are handed out in blocks, so that a process knows a run's key before it writes anything.
CREATE SEQUENCE run_keys AS bigint INCREMENT BY 1024;

CREATE TABLE runs (
    key             bigint   PRIMARY KEY,
    id              uuid     NOT NULL, -- the ULID's bytes
    tenant          text     COLLATE "C" NOT NULL,
    workflow        text     COLLATE "C" NOT NULL,
    version         text     NOT NULL,
    definition      bytea    NOT NULL,
    status          smallint NOT NULL,
    owner           bigint   NOT NULL, -- session that owns the run while status = 1, or that owned it last
    epoch           integer  NOT NULL DEFAULT 1, -- counts owners
    wake_seq        bigint   NOT NULL DEFAULT 0,
    result          text     NOT NULL DEFAULT '',
    cost            bigint   NOT NULL DEFAULT 0,
    ended_at        bigint,
    idempotency_key text     COLLATE "C",
    request_hash    text
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX runs_by_id ON runs (tenant, id);
CREATE UNIQUE INDEX runs_by_idempotency_key ON runs (tenant, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX runs_ready ON runs (tenant, id) WHERE status = 0;
CREATE INDEX runs_owned ON runs (owner) WHERE status = 1;

CREATE TABLE journal (
    run       bigint NOT NULL,
    first_seq bigint NOT NULL,
    xid       bigint NOT NULL DEFAULT (pg_current_xact_id()::text)::bigint, -- the transaction that wrote it
    data      bytea  NOT NULL,
    PRIMARY KEY (run, first_seq)
);

-- Whoever must not miss a frame reads by transaction, below the oldest one that is still open. Rows are appended in nearly that
-- order, so that an index of block ranges finds them, which costs an insertion nothing.
CREATE INDEX journal_by_xid ON journal USING brin (xid) WITH (pages_per_range = 16, autosummarize = on);

CREATE TABLE snapshots (
    run  bigint PRIMARY KEY,
    seq  bigint NOT NULL,
    data bytea  NOT NULL
);

CREATE TABLE inbox (
    id       bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run      bigint   NOT NULL,
    kind     smallint NOT NULL,
    dedupe   text     COLLATE "C" NOT NULL,
    data     bytea    NOT NULL,
    consumed boolean  NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX inbox_by_run ON inbox (run, dedupe);
CREATE INDEX inbox_open ON inbox (run, id) WHERE NOT consumed;

CREATE TABLE timers (
    due   bigint  NOT NULL,
    run   bigint  NOT NULL,
    timer integer NOT NULL,
    PRIMARY KEY (due, run, timer)
);

CREATE TABLE blobs (
    tenant text  COLLATE "C" NOT NULL,
    hash   bytea NOT NULL,
    data   bytea NOT NULL,
    PRIMARY KEY (tenant, hash)
);

CREATE TABLE workflows (
    tenant      text   COLLATE "C" NOT NULL,
    name        text   COLLATE "C" NOT NULL,
    version     text   COLLATE "C" NOT NULL,
    hash        text   COLLATE "C" NOT NULL,
    planner     text   NOT NULL,
    description text   NOT NULL,
    yaml        text   NOT NULL,
    path        text   NOT NULL,
    created_at  bigint NOT NULL,
    PRIMARY KEY (tenant, name, version)
);
CREATE INDEX workflows_by_hash ON workflows (tenant, hash);

CREATE TABLE workflow_assets (
    tenant text  COLLATE "C" NOT NULL,
    hash   text  COLLATE "C" NOT NULL,
    path   text  COLLATE "C" NOT NULL,
    data   bytea NOT NULL,
    PRIMARY KEY (tenant, hash, path)
);
