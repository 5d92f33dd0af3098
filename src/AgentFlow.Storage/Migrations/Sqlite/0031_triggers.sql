-- What is remembered of workflows' triggers. Times are Unix milliseconds.
CREATE TABLE triggers (
    tenant      TEXT    NOT NULL,
    workflow    TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    schedule    TEXT    NOT NULL, -- cron text and zone; empty for a webhook
    next_at     INTEGER NOT NULL, -- 0 for a webhook
    paused      INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    last_run    TEXT    NOT NULL,
    owner       TEXT    NOT NULL, -- the actor for whom runs are started
    permissions TEXT    NOT NULL, -- what they may do, by names
    tools       TEXT,             -- which tools they may call, by patterns; NULL: every one
    version     INTEGER NOT NULL,
    PRIMARY KEY (tenant, workflow, name)
) WITHOUT ROWID;

CREATE INDEX triggers_due ON triggers (next_at) WHERE next_at > 0 AND paused = 0;
