-- What runs wait for people to do. Times are Unix milliseconds; JSON is kept as it came.
CREATE TABLE human_tasks (
    tenant        TEXT    NOT NULL,
    id            BLOB    NOT NULL, -- ULID
    run           BLOB    NOT NULL,
    step          INTEGER NOT NULL,
    generation    INTEGER NOT NULL,
    approval      TEXT    NOT NULL, -- which approval of the step; empty: the step itself
    workflow      TEXT    NOT NULL,
    step_path     TEXT    NOT NULL,
    task_data     BLOB    NOT NULL, -- the order: title, data, form, escalations
    status        INTEGER NOT NULL, -- open below 3
    assignee_role TEXT,
    assignee_user TEXT,
    claimed_by    TEXT    NOT NULL,
    level         INTEGER NOT NULL,
    priority      INTEGER NOT NULL,
    due_at        INTEGER NOT NULL,
    next_at       INTEGER NOT NULL,
    answer        BLOB,
    answered_by   TEXT    NOT NULL,
    answer_key    TEXT    NOT NULL,
    delivered     INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    completed_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

CREATE UNIQUE INDEX human_tasks_by_step ON human_tasks (tenant, run, step, generation, approval);
CREATE INDEX human_tasks_open ON human_tasks (tenant, id) WHERE status < 3;
CREATE INDEX human_tasks_due ON human_tasks (next_at) WHERE status < 3 AND next_at > 0;
CREATE INDEX human_tasks_unfinished ON human_tasks (id) WHERE status < 3;
CREATE INDEX human_tasks_undelivered ON human_tasks (id) WHERE status >= 3 AND delivered = 0;
