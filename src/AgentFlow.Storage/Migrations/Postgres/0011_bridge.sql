-- Tasks of remote agents. Times are Unix milliseconds; JSON is kept as it came.
CREATE TABLE bridge_tasks (
    number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant       text   COLLATE "C" NOT NULL,
    id           uuid   NOT NULL,
    run          uuid   NOT NULL, -- the ULID's bytes
    step         integer,
    generation   integer,
    agent        text   COLLATE "C" NOT NULL,
    action       text   COLLATE "C" NOT NULL,
    payload      bytea  NOT NULL,
    status       smallint NOT NULL,
    requested_by text   NOT NULL,
    trace        text   NOT NULL,
    priority     integer,
    timeout_ms   bigint,
    retry        integer,
    tries        integer NOT NULL DEFAULT 0,
    due          bigint NOT NULL DEFAULT 0,
    last_try     boolean NOT NULL DEFAULT false,
    result       bytea  NOT NULL DEFAULT '',
    error        bytea  NOT NULL DEFAULT '',
    delivered    boolean NOT NULL DEFAULT false,
    replay_of    uuid,
    replayed_as  uuid,
    created_at   bigint NOT NULL,
    updated_at   bigint NOT NULL
);
CREATE UNIQUE INDEX bridge_tasks_by_id ON bridge_tasks (tenant, id);
CREATE INDEX bridge_tasks_in_order ON bridge_tasks (tenant, number);
CREATE INDEX bridge_tasks_dead ON bridge_tasks (tenant, number) WHERE status >= 6;
CREATE INDEX bridge_tasks_open ON bridge_tasks (tenant, agent) WHERE status < 4;
CREATE INDEX bridge_tasks_due ON bridge_tasks (due) WHERE status < 4 AND due > 0;
CREATE INDEX bridge_tasks_unfinished ON bridge_tasks (number) WHERE status < 4;
CREATE INDEX bridge_tasks_undelivered ON bridge_tasks (number) WHERE status >= 4 AND NOT delivered;
CREATE INDEX bridge_tasks_over ON bridge_tasks (updated_at) WHERE delivered;

CREATE TABLE bridge_task_history (
    tenant text   COLLATE "C" NOT NULL,
    task   uuid   NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    at     bigint NOT NULL,
    status smallint NOT NULL,
    agent  text   NOT NULL,
    note   text   NOT NULL,
    PRIMARY KEY (tenant, task, number)
);

-- What remote agents told. Numbers are given in the order of the commits: whoever adds some holds a lock until then.
CREATE TABLE bridge_events (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text   COLLATE "C" NOT NULL,
    agent  text   COLLATE "C" NOT NULL,
    id     text   COLLATE "C" NOT NULL,
    type   text   NOT NULL,
    source text   NOT NULL,
    data   bytea  NOT NULL,
    time   text   NOT NULL,
    trace  text   NOT NULL,
    at     bigint NOT NULL
);
CREATE UNIQUE INDEX bridge_events_by_id ON bridge_events (tenant, agent, id);
CREATE INDEX bridge_events_in_order ON bridge_events (tenant, number);
CREATE INDEX bridge_events_by_time ON bridge_events (at);

CREATE TABLE bridge_subscriptions (
    tenant       text   COLLATE "C" NOT NULL,
    id           uuid   NOT NULL, -- the ULID's bytes
    url          text   NOT NULL,
    secret       text   NOT NULL, -- a reference, never the secret
    types        text[],
    sources      text[],
    created_by   text   NOT NULL,
    created_at   bigint NOT NULL,
    cursor       bigint NOT NULL,
    failures     integer NOT NULL,
    next_at      bigint NOT NULL,
    problem      text   NOT NULL,
    suspended_at bigint,
    PRIMARY KEY (tenant, id)
);
