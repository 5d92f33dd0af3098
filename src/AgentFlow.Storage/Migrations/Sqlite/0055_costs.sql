-- What was observed of the use of steps: sums that several processes add to.
CREATE TABLE cost_observations (
    tenant     TEXT    NOT NULL,
    subject    TEXT    NOT NULL, -- a step, an agent or a tool
    measure    TEXT    NOT NULL,
    count      INTEGER NOT NULL,
    sum        REAL    NOT NULL,
    square_sum REAL    NOT NULL,
    PRIMARY KEY (tenant, subject, measure)
) WITHOUT ROWID;
