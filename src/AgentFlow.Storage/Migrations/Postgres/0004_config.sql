-- What tenants have set. Versions are only ever added; the newest change of a setting holds.
CREATE TABLE config_versions (
    tenant      text   COLLATE "C" NOT NULL,
    version     bigint NOT NULL,
    at          bigint NOT NULL,
    actor       text   NOT NULL,
    rollback_to bigint NOT NULL, -- -1: an ordinary change
    PRIMARY KEY (tenant, version)
);

CREATE TABLE config_changes (
    tenant    text   COLLATE "C" NOT NULL,
    setting   text   COLLATE "C" NOT NULL,
    workflow  text   COLLATE "C" NOT NULL,
    version   bigint NOT NULL,
    old_value text,
    new_value text,
    PRIMARY KEY (tenant, setting, workflow, version)
);
