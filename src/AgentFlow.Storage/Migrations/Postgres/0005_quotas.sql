-- What tenants were given; a kind that is absent has the deployment's default.
CREATE TABLE quotas (
    tenant text   COLLATE "C" NOT NULL,
    kind   text   COLLATE "C" NOT NULL,
    most   bigint, -- NULL: no limit, whatever the default
    PRIMARY KEY (tenant, kind)
);

-- Runs that have not ended, of the tenants for which that matters; each commit that begins or ends one of theirs keeps it.
CREATE TABLE run_counts (
    tenant text    COLLATE "C" PRIMARY KEY,
    active bigint  NOT NULL,
    begun  uuid    NOT NULL, -- which beginning of the count the number belongs to
    ready  boolean NOT NULL  -- whether what was going before is in it
) WITH (fillfactor = 50);

-- Whether some tenant's runs are counted, told to each process where it looks with every commit: one that does not count yet
-- writes nothing, begins to, and tries again. So nothing is asked, and nothing is paid, as long as nobody has a quota.
ALTER TABLE sessions ADD COLUMN counts boolean NOT NULL DEFAULT false;

CREATE FUNCTION hold_session(session bigint, counting boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    needed boolean;
BEGIN
    SELECT s.counts INTO needed FROM sessions s WHERE s.id = session FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'session % has lost its lease', session USING ERRCODE = 'AF001';
    END IF;
    IF needed AND NOT counting THEN
        RAISE EXCEPTION 'runs are counted now' USING ERRCODE = 'AF002';
    END IF;
END
$$;

-- What a key of an earlier request has created.
CREATE TABLE access_requests (
    tenant       text   COLLATE "C" NOT NULL,
    key          text   COLLATE "C" NOT NULL,
    request_hash text   NOT NULL,
    resource     text   NOT NULL,
    created_at   bigint NOT NULL,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX access_requests_by_age ON access_requests (created_at);

CREATE INDEX audits_by_actor ON audits (tenant, actor, number);
CREATE INDEX audits_by_resource ON audits (tenant, resource, number);
