-- Every kind of agent. A limit that is NULL does not hold; a time that is NULL has not come. Heartbeats change no indexed
-- column: with room in its page a row is renewed without touching an index.
CREATE TABLE agents (
    tenant       text   COLLATE "C" NOT NULL,
    id           text   COLLATE "C" NOT NULL,
    name         text   COLLATE "C" NOT NULL,
    kind         text   COLLATE "C" NOT NULL,
    role         text   COLLATE "C" NOT NULL,
    category     text   COLLATE "C" NOT NULL,
    specialist   text   COLLATE "C" NOT NULL,
    status       text   COLLATE "C" NOT NULL,
    base_url     text,
    last_seen    bigint,
    failures     integer NOT NULL,
    load         integer NOT NULL,
    capabilities text[]  COLLATE "C" NOT NULL,
    limit_tokens bigint,
    limit_calls  bigint,
    limit_nanos  bigint,
    used_tokens  bigint NOT NULL,
    used_calls   bigint NOT NULL,
    used_nanos   bigint NOT NULL,
    document     bytea  NOT NULL,
    digest       text   NOT NULL,
    version      bigint NOT NULL,
    created_at   bigint NOT NULL,
    updated_at   bigint NOT NULL,
    PRIMARY KEY (tenant, id)
) WITH (fillfactor = 70);
-- Deployed remote agents share names.
CREATE UNIQUE INDEX agents_by_name ON agents (tenant, name) WHERE kind <> 'remote';
CREATE INDEX agents_in_order ON agents (tenant, name, id);

-- The elements of agents.capabilities, to be found by.
CREATE TABLE agent_capabilities (
    tenant     text COLLATE "C" NOT NULL,
    capability text COLLATE "C" NOT NULL,
    agent      text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, capability, agent)
);

-- What was measured, in the order of time.
CREATE TABLE agent_metrics (
    tenant    text   COLLATE "C" NOT NULL,
    at        bigint NOT NULL,
    id        uuid   NOT NULL, -- the ULID's bytes
    agent     text   COLLATE "C" NOT NULL,
    type      text   COLLATE "C" NOT NULL,
    dimension text   COLLATE "C" NOT NULL,
    value     double precision NOT NULL,
    keyed     boolean NOT NULL, -- the id stands for a request that may be sent again
    PRIMARY KEY (tenant, at, id)
);
CREATE INDEX agent_metrics_by_agent ON agent_metrics (tenant, agent, at);
CREATE UNIQUE INDEX agent_metrics_by_key ON agent_metrics (tenant, id) WHERE keyed;
