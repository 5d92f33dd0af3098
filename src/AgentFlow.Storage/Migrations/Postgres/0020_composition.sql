-- Runs that do a step of another one.
ALTER TABLE runs ADD COLUMN parent uuid;
CREATE INDEX runs_by_parent ON runs (tenant, parent) WHERE parent IS NOT NULL;

-- Waiting runs are claimed by rank: when they were accepted, moved by their priority. What waited before goes first.
ALTER TABLE runs ADD COLUMN priority smallint NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN rank     bigint   NOT NULL DEFAULT 0;
DROP INDEX runs_ready;
CREATE INDEX runs_ready ON runs (tenant, rank, id) WHERE status = 0;

-- Places at what the runs of a tenant share by name, in the order in which they were asked for. A permit (kind 1) is held until it
-- is returned; arrivals at a barrier (kind 2) are removed when it opens. A step has one place. Whoever changes the places of a name
-- has locked it first (lock_places), so that numbers rise in the order of commits.
CREATE TABLE places (
    number bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text     COLLATE "C" NOT NULL,
    kind   smallint NOT NULL,
    name   text     COLLATE "C" NOT NULL,
    run    bigint   NOT NULL,
    step   integer  NOT NULL,
    size   integer  NOT NULL,
    held   boolean  NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX places_by_step ON places (run, step);
CREATE INDEX places_by_name ON places (tenant, kind, name, held, number);

-- Names are locked before rows of runs, and in one order, by everybody.
CREATE FUNCTION lock_places(tenants text[], kinds smallint[], names text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name_key integer;
BEGIN
    FOR name_key IN
        SELECT DISTINCT hashtext(current_schema() || '/' || u.tenant || chr(1) || u.kind || chr(1) || u.name) AS k
        FROM unnest(tenants, kinds, names) AS u (tenant, kind, name) ORDER BY k
    LOOP
        PERFORM pg_advisory_xact_lock(44805, name_key);
    END LOOP;
END
$$;

-- Puts an item into a run's inbox and wakes the run; nothing when it has ended or the item is there.
CREATE FUNCTION put_item(run_key bigint, item_kind smallint, item_dedupe text, item_data bytea)
RETURNS TABLE (id uuid, status smallint, owner bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    target record;
BEGIN
    SELECT r.id, r.status, r.owner INTO target FROM runs r WHERE r.key = run_key AND r.status < 6 FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO inbox (run, kind, dedupe, data) VALUES (run_key, item_kind, item_dedupe, item_data) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE runs r SET wake_seq = r.wake_seq + 1, status = CASE WHEN r.status IN (2, 3) THEN 0 ELSE r.status END WHERE r.key = run_key;
    RETURN QUERY SELECT target.id, target.status, target.owner;
END
$$;

CREATE FUNCTION give_place(run_key bigint, step integer, round bigint, pos integer)
RETURNS TABLE (id uuid, status smallint, owner bigint) LANGUAGE sql AS $$
    SELECT * FROM put_item(run_key, 55::smallint, 'place:' || step, convert_to(format('{"node":%s,"round":%s,"position":%s}', step, round, pos), 'UTF8'))
$$;

-- Gives what can be given under a name: permits in the order of asking, by what each one's own workflow says that there are; a
-- barrier's round as soon as as many wait as the largest number that any of them names.
CREATE FUNCTION settle_places(of_tenant text, of_kind smallint, of_name text)
RETURNS TABLE (id uuid, status smallint, owner bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    holders bigint;
    waiting bigint;
    parties integer;
    last_number bigint;
    pos integer;
    place record;
BEGIN
    IF of_kind = 1 THEN
        SELECT count(*) INTO holders FROM places p WHERE p.tenant = of_tenant AND p.kind = 1 AND p.name = of_name AND p.held;
        FOR place IN
            SELECT p.number, p.run, p.step, p.size FROM places p
            WHERE p.tenant = of_tenant AND p.kind = 1 AND p.name = of_name AND NOT p.held ORDER BY p.number
        LOOP
            EXIT WHEN holders >= place.size;
            UPDATE places p SET held = true WHERE p.number = place.number;
            holders := holders + 1;
            RETURN QUERY SELECT * FROM give_place(place.run, place.step, place.number, 1);
        END LOOP;
        RETURN;
    END IF;

    LOOP
        SELECT count(*), max(p.size) INTO waiting, parties FROM places p WHERE p.tenant = of_tenant AND p.kind = of_kind AND p.name = of_name;
        EXIT WHEN waiting = 0 OR waiting < parties;
        SELECT max(f.number) INTO last_number FROM (
            SELECT p.number FROM places p WHERE p.tenant = of_tenant AND p.kind = of_kind AND p.name = of_name ORDER BY p.number LIMIT parties) f;
        pos := 0;
        FOR place IN
            SELECT p.number, p.run, p.step FROM places p
            WHERE p.tenant = of_tenant AND p.kind = of_kind AND p.name = of_name AND p.number <= last_number ORDER BY p.number
        LOOP
            pos := pos + 1;
            DELETE FROM places p WHERE p.number = place.number;
            RETURN QUERY SELECT * FROM give_place(place.run, place.step, last_number, pos);
        END LOOP;
    END LOOP;
END
$$;
