-- Each tenant's waiting runs are one stretch of the index: a claim steps from tenant to tenant.
DROP INDEX runs_ready;
CREATE INDEX runs_ready ON runs (tenant, key) WHERE status = 0;
