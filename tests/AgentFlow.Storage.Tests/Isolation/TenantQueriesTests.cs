using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;
using AgentFlow.Storage.Sqlite;

namespace AgentFlow.Storage.Tests.Isolation;

/// <summary>
/// Reads every SQL text out of the compiled assembly: whoever touches a table that belongs to tenants says which tenant is
/// meant, or comes by a key that the store handed out for one, or stands in the list below with the reason. It reads texts, not
/// plans: a name of a table that is bound anywhere in a statement counts as bound.
/// </summary>
public sealed partial class TenantQueriesTests
{
    /// <summary>What concerns all tenants, by how the statement begins.</summary>
    private static readonly (string Beginning, string Reason)[] Exceptions =
    [
        ("SELECT tenant FROM runs WHERE status = 0 AND tenant >", "A worker claims for every tenant: it asks for the next one that has work."),
        ("SELECT 1 FROM runs WHERE status = 0 LIMIT 1", "Whether there is work at all."),
        ("SELECT count(*) FROM (SELECT 1 FROM runs WHERE status = 0", "How much work waits, for the limit of the deployment."),
        ("SELECT count(*) FROM (SELECT FROM runs WHERE status = 0", "The same."),
        ("SELECT EXISTS (SELECT FROM runs WHERE status = 0)", "Whether there is work at all."),
        ("UPDATE runs SET status = 0 WHERE status = 1", "A process that is gone owned them: whoever opens the file makes them free."),
        ("UPDATE runs SET status = 0 WHERE owner = $1 AND status = 1", "A process that ends gives its runs back, whosever they are."),
        ("WITH RECURSIVE owners (owner) AS", "A process that is gone owned them: they are made free."),
        ("SELECT r.id FROM runs r WHERE r.owner = $1 AND r.status = 1 AND EXISTS", "What came for the runs that this process owns, whosever they are."),
        ("SELECT due, run, timer FROM timers ORDER BY due", "One clock wakes the runs of every tenant."),
        ("SELECT min(due) FROM timers", "The same."),
        ("UPDATE inbox SET consumed = 1 WHERE id = ?", "The engine names items that it read from the inbox of the run that it owns."),
        ("WITH RECURSIVE t (tenant) AS", "An open server finds a run by its id alone: whoever reaches it acts in every tenant."),
        ("SELECT tenant, key, at, until FROM revocations WHERE until >", "Every process knows all revocations, each with its tenant."),
        ("DELETE FROM revocations WHERE until <=", "What has ended for everybody is forgotten."),
        ("DELETE FROM token_families WHERE expires_at <=", "The same."),
        ("SELECT tenant, at, actor, action, resource, decision, trace, details, id FROM audit_intake", "One process chains the notes of every tenant; each says whose it is."),
        ("SELECT j.frame, r.tenant, r.id, r.definition, j.first_seq, j.data FROM journal j", "The same, for what runs did."),
        ("SELECT r.tenant, r.id, r.definition, j.first_seq, j.data", "The same, by transactions."),
        ("WITH moved AS", "A database that was restored elsewhere numbers all its transactions anew."),
        ("DELETE FROM audit_intake WHERE id", "What is chained waits no more, whosever it is."),
        ("SELECT tenant, count(*), sum(status <> 'offline') FROM agents", "How many agents a deployment has, by tenant."),
        ("SELECT tenant, count(*), count(*) FILTER (WHERE status <> 'offline') FROM agents", "The same."),
        ("SELECT tenant, id, name, last_seen FROM agents WHERE kind = 'remote' AND last_seen <", "One process watches for every tenant; each agent says whose it is."),
        ("SELECT tenant, max(id), rule, resource, level, previous, value, at FROM alert_events GROUP BY", "One process watches for every tenant; each event says whose it is."),
        ("SELECT * FROM (\n    SELECT DISTINCT ON (tenant, rule, resource) tenant, id", "The same."),
        ("SELECT tenant FROM alert_rules UNION SELECT tenant FROM alert_silences", "The same: names of tenants whose rules it reads next."),
        ("SELECT tenant, id, name, coalesce(last_seen, 0) FROM agents WHERE kind = 'remote' AND status <> 'offline'", "One clock watches the remote agents of every tenant; each says whose it is."),
        ("UPDATE agents SET status = 'offline' WHERE kind = 'remote' AND status <> 'offline'", "The same."),
        ("DELETE FROM access_requests WHERE created_at <", "What nobody repeats any more is forgotten, whosever it is."),
        ("SELECT tenant FROM run_counts", "Which tenants' runs are counted: a process begins with all of them."),
        ("INSERT INTO sessions (name, tag, process, lease, expires_at, counts)", "Whether any tenant's runs are counted."),
        ("SELECT tenant, max(version) FROM config_versions GROUP BY tenant", "Each process learns which tenants' settings to read again."),
        ("SELECT number, tenant, id, run, step, generation, agent, action, payload, status, requested_by, trace, priority, timeout_ms, retry, tries, due, last_try, result, error, delivered, replay_of, replayed_as, created_at, updated_at FROM bridge_tasks WHERE status < 4 AND due", "One clock ends the tasks of every tenant; each says whose it is."),
        ("SELECT number, tenant, id, run, step, generation, agent, action, payload, status, requested_by, trace, priority, timeout_ms, retry, tries, due, last_try, result, error, delivered, replay_of, replayed_as, created_at, updated_at FROM bridge_tasks WHERE status >= 4 AND delivered = 0", "Ends are brought to the runs of every tenant; each says whose it is."),
        ("SELECT number, tenant, id, run, step, generation, agent, action, payload, status, requested_by, trace, priority, timeout_ms, retry, tries, due, last_try, result, error, delivered, replay_of, replayed_as, created_at, updated_at FROM bridge_tasks WHERE status >= 4 AND NOT delivered", "The same."),
        ("SELECT number, tenant, id, run, step, generation, agent, action, payload, status, requested_by, trace, priority, timeout_ms, retry, tries, due, last_try, result, error, delivered, replay_of, replayed_as, created_at, updated_at FROM bridge_tasks WHERE status < 4 AND number", "Tasks of every tenant follow their runs; each says whose it is."),
        ("SELECT number, tenant, id, run, step, generation, agent, action, payload, status, requested_by, trace, priority, timeout_ms, retry, tries, due, last_try, result, error, delivered, replay_of, replayed_as, created_at, updated_at FROM bridge_tasks WHERE delivered = 1 AND updated_at", "What is old for everybody is forgotten."),
        ("WITH over AS (DELETE FROM bridge_tasks", "The same."),
        ("SELECT tenant, id, url, secret, types, sources, created_by, created_at, cursor, failures, next_at, problem, suspended_at FROM bridge_subscriptions s WHERE s.suspended_at", "Events are sent for every tenant; each subscription says whose it is."),
        ("SELECT tenant, id, run, step, generation, approval, workflow, step_path, task_data, status, assignee_role, assignee_user, claimed_by, level, due_at, next_at, answer, answered_by, answer_key, delivered, version, created_at, updated_at, completed_at FROM human_tasks WHERE status < 3 AND next_at > 0", "One clock escalates and ends the tasks of every tenant; each says whose it is."),
        ("SELECT tenant, id, run, step, generation, approval, workflow, step_path, task_data, status, assignee_role, assignee_user, claimed_by, level, due_at, next_at, answer, answered_by, answer_key, delivered, version, created_at, updated_at, completed_at FROM human_tasks WHERE status >= 3 AND delivered = 0", "Ends are brought to the runs of every tenant; each says whose it is."),
        ("SELECT tenant, id, run, step, generation, approval, workflow, step_path, task_data, status, assignee_role, assignee_user, claimed_by, level, due_at, next_at, answer, answered_by, answer_key, delivered, version, created_at, updated_at, completed_at FROM human_tasks WHERE status >= 3 AND NOT delivered", "The same."),
        ("SELECT tenant, id, run, step, generation, approval, workflow, step_path, task_data, status, assignee_role, assignee_user, claimed_by, level, due_at, next_at, answer, answered_by, answer_key, delivered, version, created_at, updated_at, completed_at FROM human_tasks WHERE status < 3 AND id >", "Tasks of every tenant follow their runs; each says whose it is."),
        ("SELECT tenant, workflow, name, schedule, next_at, paused, last_at, last_run, owner, permissions, tools, starts, version FROM triggers WHERE next_at > 0", "One clock fires the schedules of every tenant; each says whose it is."),
        ("SELECT count(*) FROM stress_workflows WHERE ended_at IS NULL", "How many stress tests wait, for the limit of the deployment."),
        ("SELECT tenant, id, round, request, document, workflows, received_at, ended_at, result FROM stress_scenarios WHERE ended_at IS NULL", "One runner carries out the scenarios of every tenant; each says whose it is."),
        ("SELECT number, id, tenant, workflow, round, position, document, received_at, run, status, started_at, ended_at, tasks, completed, failed, faults, recovered, approvals, cost, details FROM stress_workflows WHERE ended_at IS NULL AND number >", "The same, for workflows."),
        ("DELETE FROM bridge_events WHERE number IN", "What is old for everybody is forgotten."),
    ];

    [Fact]
    public void EveryStatement_SaysWhichTenantIsMeant()
    {
        string[] statements = [.. Statements()];
        Assert.InRange(statements.Length, 100, 10_000);
        string[] escaped = [.. statements.Where(s => Exceptions.All(e => !s.StartsWith(e.Beginning, StringComparison.Ordinal))).SelectMany(Escapes)];
        Assert.True(escaped.Length == 0, "These statements reach rows of any tenant:\n" + string.Join('\n', escaped));
    }

    [Fact]
    public void Exceptions_AreAllNeeded()
    {
        string[] statements = [.. Statements()];
        string[] needless = [.. Exceptions.Where(e => !statements.Any(s => s.StartsWith(e.Beginning, StringComparison.Ordinal) && Escapes(s).Any())).Select(e => e.Beginning)];
        Assert.True(needless.Length == 0, "These exceptions excuse nothing:\n" + string.Join('\n', needless));
        Assert.All(Exceptions, e => Assert.EndsWith(".", e.Reason));
    }

    [Theory]
    [InlineData("SELECT data FROM blobs WHERE hash = ?")]
    [InlineData("SELECT id FROM runs r JOIN journal j ON j.run = r.key WHERE r.id = ?")]
    [InlineData("DELETE FROM users WHERE id = $1")]
    [InlineData("UPDATE users SET password_hash = $1 WHERE id = $2")]
    [InlineData("INSERT INTO roles (name) VALUES (?)")]
    [InlineData("SELECT a.data FROM workflows w JOIN workflow_assets a ON a.hash = w.hash WHERE w.tenant = ?")]
    [InlineData("SELECT w.yaml FROM workflows w, users u WHERE w.tenant = ?")]
    public void EveryStatement_ThatForgetsTheTenant_IsFound(string sql) => Assert.NotEmpty(Escapes(sql));

    /// <summary>The tables that a statement reaches without a tenant or a key.</summary>
    private static IEnumerable<string> Escapes(string sql)
    {
        foreach (Match reference in TableReference().Matches(sql))
        {
            string table = reference.Groups["table"].Value.ToLowerInvariant();
            string alias = reference.Groups["alias"].Value;
            bool own = Tables.Value.Owned.Contains(table);
            if (!own && !Tables.Value.OfRuns.Contains(table))
            {
                continue;
            }

            string name = Keywords.Contains(alias.ToUpperInvariant()) || alias.Length == 0 ? "" : Regex.Escape(alias) + @"\.";
            bool written = reference.Groups["verb"].Value.Equals("INTO", StringComparison.OrdinalIgnoreCase);
            string[] bounds = (own, written) switch
            {
                (true, true) => [$@"INTO\s+{table}\s*\([^)]*\btenant\b"],
                (false, true) => [$@"INTO\s+{table}\s*\([^)]*\brun\b"],
                // Row keys never come from outside: the store hands them out with a run of a tenant.
                (true, false) when table == "runs" => [$@"(?<![\w.]){name}tenant\s*=", $@"(?<![\w.]){name}key\s*(=|IN\b)"],
                (true, false) => [$@"(?<![\w.]){name}tenant\s*="],
                _ => [$@"(?<![\w.]){name}run\s*="],
            };
            if (!bounds.Any(b => Regex.IsMatch(sql, b, RegexOptions.IgnoreCase)))
            {
                yield return $"{table}: {Regex.Replace(sql, @"\s+", " ")}";
            }
        }
    }

    private static readonly string[] Keywords = ["WHERE", "SET", "SELECT", "ON", "JOIN", "LEFT", "CROSS", "ORDER", "LIMIT", "USING", "FOR", "VALUES", "GROUP", "UNION", "RETURNING", "INDEXED"];

    /// <summary>Which tables have a tenant, and which hang on a run, out of the migrations.</summary>
    private static readonly Lazy<(HashSet<string> Owned, HashSet<string> OfRuns)> Tables = new(() =>
    {
        var owned = new HashSet<string>(StringComparer.Ordinal);
        var ofRuns = new HashSet<string>(StringComparer.Ordinal);
        foreach (Migration migration in Migration.All("Sqlite").Concat(Migration.All("Postgres")))
        {
            foreach (Match table in TableDefinition().Matches(migration.Sql))
            {
                string columns = table.Groups["columns"].Value;
                if (Regex.IsMatch(columns, @"^\s*tenant\s", RegexOptions.Multiline))
                {
                    owned.Add(table.Groups["table"].Value);
                }
                else if (Regex.IsMatch(columns, @"^\s*run\s", RegexOptions.Multiline))
                {
                    ofRuns.Add(table.Groups["table"].Value);
                }
            }
        }

        return (owned, ofRuns);
    });

    private static IEnumerable<string> Statements()
    {
        using FileStream file = File.OpenRead(typeof(SqliteDatabase).Assembly.Location);
        using var image = new PEReader(file);
        MetadataReader metadata = image.GetMetadataReader();
        var found = new List<string>();
        for (UserStringHandle at = metadata.GetNextHandle(MetadataTokens.UserStringHandle(0)); !at.IsNil; at = metadata.GetNextHandle(at))
        {
            string text = metadata.GetUserString(at);
            if (Statement().IsMatch(text))
            {
                found.Add(text);
            }
        }

        return found;
    }

    // Migrations come as resources, not as texts of the code.
    [GeneratedRegex(@"\b(SELECT|INSERT|UPDATE|DELETE|FROM|JOIN)\b")]
    private static partial Regex Statement();

    [GeneratedRegex(@"\b(?<verb>FROM|JOIN|INTO|UPDATE|USING)\s+(?<table>[a-z_]+)(\s+(AS\s+)?(?<alias>[A-Za-z_]+))?|,\s*(?<verb>)(?<table>[a-z_]+)\s+(?<alias>[a-z]{1,2})(?=\s+WHERE)", RegexOptions.IgnoreCase)]
    private static partial Regex TableReference();

    [GeneratedRegex(@"CREATE TABLE (?<table>[a-z_]+) \((?<columns>.*?)\n\)", RegexOptions.Singleline)]
    private static partial Regex TableDefinition();
}
