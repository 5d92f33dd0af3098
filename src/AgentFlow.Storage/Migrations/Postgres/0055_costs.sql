-- What was observed of the use of steps: sums that several processes add to.
CREATE TABLE cost_observations (
    tenant     text COLLATE "C" NOT NULL,
    subject    text COLLATE "C" NOT NULL, -- a step, an agent or a tool
    measure    text COLLATE "C" NOT NULL,
    count      bigint NOT NULL,
    sum        double precision NOT NULL,
    square_sum double precision NOT NULL,
    PRIMARY KEY (tenant, subject, measure)
);
