-- Which workflows a trigger's runs may start in turn, and at what cost: a line for each role of the owner. NULL: every one.
ALTER TABLE triggers ADD COLUMN starts text;
