-- What runs wait for people to do. Times are Unix milliseconds; JSON is kept as it came.
CREATE TABLE human_tasks (
    tenant        text     COLLATE "C" NOT NULL,
    id            uuid     NOT NULL, -- the ULID's bytes
    run           uuid     NOT NULL,
    step          integer  NOT NULL,
    generation    integer  NOT NULL,
    approval      text     COLLATE "C" NOT NULL, -- which approval of the step; empty: the step itself
    workflow      text     NOT NULL,
    step_path     text     NOT NULL,
    task_data     bytea    NOT NULL, -- the order: title, data, form, escalations
    status        smallint NOT NULL, -- open below 3
    assignee_role text     COLLATE "C",
    assignee_user text     COLLATE "C",
    claimed_by    text     NOT NULL,
    level         integer  NOT NULL,
    priority      integer  NOT NULL,
    due_at        bigint   NOT NULL,
    next_at       bigint   NOT NULL,
    answer        bytea,
    answered_by   text     NOT NULL,
    answer_key    text     NOT NULL,
    delivered     boolean  NOT NULL,
    version       integer  NOT NULL,
    created_at    bigint   NOT NULL,
    updated_at    bigint   NOT NULL,
    completed_at  bigint   NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE UNIQUE INDEX human_tasks_by_step ON human_tasks (tenant, run, step, generation, approval);
CREATE INDEX human_tasks_open ON human_tasks (tenant, id) WHERE status < 3;
CREATE INDEX human_tasks_due ON human_tasks (next_at) WHERE status < 3 AND next_at > 0;
CREATE INDEX human_tasks_unfinished ON human_tasks (id) WHERE status < 3;
CREATE INDEX human_tasks_undelivered ON human_tasks (id) WHERE status >= 3 AND NOT delivered;
