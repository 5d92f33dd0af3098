-- What registered agents that have a cap have spent, and processes have taken to spend, by calendar month (UTC): billionths of a dollar.
CREATE TABLE agent_spend (
    tenant       text COLLATE "C" NOT NULL,
    agent        text COLLATE "C" NOT NULL, -- its id; the agent need not be there any more
    month        text COLLATE "C" NOT NULL, -- for example 2026-11
    nano_dollars bigint NOT NULL,
    PRIMARY KEY (tenant, agent, month)
);
