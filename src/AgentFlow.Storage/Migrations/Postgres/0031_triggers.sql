-- What is remembered of workflows' triggers. Times are Unix milliseconds.
CREATE TABLE triggers (
    tenant      text    COLLATE "C" NOT NULL,
    workflow    text    COLLATE "C" NOT NULL,
    name        text    COLLATE "C" NOT NULL,
    schedule    text    NOT NULL, -- cron text and zone; empty for a webhook
    next_at     bigint  NOT NULL, -- 0 for a webhook
    paused      boolean NOT NULL,
    last_at     bigint  NOT NULL,
    last_run    text    NOT NULL,
    owner       text    NOT NULL, -- the actor for whom runs are started
    permissions text    NOT NULL, -- what they may do, by names
    tools       text,             -- which tools they may call, by patterns; NULL: every one
    version     integer NOT NULL,
    PRIMARY KEY (tenant, workflow, name)
);

CREATE INDEX triggers_due ON triggers (next_at) WHERE next_at > 0 AND NOT paused;
