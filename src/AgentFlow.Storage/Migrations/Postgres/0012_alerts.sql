-- Alert rules of tenants' own, silences, and every change of an alert's level.
CREATE TABLE alert_rules (
    tenant   text COLLATE "C" NOT NULL,
    name     text COLLATE "C" NOT NULL,
    document text NOT NULL, -- JSON
    PRIMARY KEY (tenant, name)
);

CREATE TABLE alert_silences (
    tenant   text   COLLATE "C" NOT NULL,
    id       text   COLLATE "C" NOT NULL, -- ULID
    rule     text   NOT NULL,
    resource text   NOT NULL,
    begins   bigint NOT NULL,
    ends     bigint NOT NULL,
    reason   text   NOT NULL,
    actor    text   NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE alert_events (
    tenant   text     COLLATE "C" NOT NULL,
    id       text     COLLATE "C" NOT NULL, -- ULID
    rule     text     COLLATE "C" NOT NULL,
    resource text     COLLATE "C" NOT NULL,
    level    integer  NOT NULL, -- 0 ok, 1 warn, 2 critical
    previous integer  NOT NULL,
    value    bigint, -- millionths
    at       bigint   NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE INDEX alert_events_newest ON alert_events (tenant, rule, resource, id);
