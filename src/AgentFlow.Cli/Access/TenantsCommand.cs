using System.CommandLine;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Access;

/// <summary><c>af tenants</c>: the tenants of a deployment.</summary>
internal static class TenantsCommand
{
    private static readonly Argument<string> Name = new("name") { Description = "The tenant's name." };
    private static readonly Option<string?> Admin = new("--admin") { Description = "Name of its first administrator. Default: admin.", HelpName = "name" };
    private static readonly Option<string?> About = new("--description") { Description = "What the tenant is.", HelpName = "text" };

    private static readonly (string Kind, Option<string?> Option)[] Quotas =
    [
        ("runs", Limit("--runs", "Runs that may be going at once: a number, unlimited, or default for what the settings say.")),
        ("workflows", Limit("--workflows", "Names of workflows.")),
        ("workflow_versions", Limit("--workflow-versions", "Versions of workflows.")),
        ("storage", Limit("--storage", "Bytes, or a size such as 20GiB.")),
        ("agents", Limit("--agents", "Registered agents.")),
    ];

    public static Command Create() => new("tenants", "Manage the tenants of a deployment.")
    {
        ConnectedVerb.Create("list", "List tenants by name.", ListAsync, []),
        ConnectedVerb.Create("create", "Add a tenant and print the password of its first administrator, once.", CreateAsync, [Name], Admin, About),
        ConnectedVerb.Create("disable", "Let nobody of a tenant in any more.", (i, c) => ChangeAsync(i, c.Client.DisableTenantAsync), [Name]),
        ConnectedVerb.Create("enable", "Enable a tenant again.", (i, c) => ChangeAsync(i, c.Client.EnableTenantAsync), [Name]),
        ConnectedVerb.Create("quota", "Show what a tenant may have and what it uses, or set it.", QuotaAsync, [Name], [.. Quotas.Select(q => q.Option)]),
    };

    private static async Task<int> ListAsync(Invocation invocation, Connection connection)
    {
        List<TenantInfo> tenants = await Listing.AllAsync((cursor, size) => connection.Client.ListTenantsAsync(cursor, size, invocation.Cancelled));
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteArray(tenants, CliJson.Default.TenantInfo);
            return ExitCode.Ok;
        }

        var table = new TableView(invocation.Terminal, new TableColumn("Tenant", IsFixed: true), new TableColumn("Description"), new TableColumn("Created", IsFixed: true), new TableColumn("Disabled", IsFixed: true));
        foreach (TenantInfo tenant in tenants)
        {
            table.Add(tenant.Name, tenant.Description, Listing.Time(tenant.CreatedAt), Listing.Time(tenant.DisabledAt));
        }

        table.Print();
        return ExitCode.Ok;
    }

    private static async Task<int> CreateAsync(Invocation invocation, Connection connection)
    {
        CreatedTenant created = await connection.Client.CreateTenantAsync(new NewTenant(invocation.Get(Name)!, invocation.Get(About), invocation.Get(Admin)), invocation.Cancelled);
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(created, CliJson.Default.CreatedTenant);
        }
        else if (created.Password is { } password)
        {
            invocation.Terminal.Out.WriteLine(password);
            invocation.Terminal.Note($"this is the password of '{created.Admin}' in tenant {created.Tenant.Name}; it is shown once.");
        }
        else
        {
            invocation.Terminal.Note($"tenant {created.Tenant.Name} had users before; they are as they were.");
        }

        return ExitCode.Ok;
    }

    private static async Task<int> ChangeAsync(Invocation invocation, Func<string, CancellationToken, Task<TenantInfo>> change)
    {
        TenantInfo tenant = await change(invocation.Get(Name)!, invocation.Cancelled);
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(tenant, CliJson.Default.TenantInfo);
        }
        else
        {
            invocation.Terminal.Say($"{tenant.Name} is {(tenant.DisabledAt is null ? "enabled" : "disabled")}.", Tone.Strong);
        }

        return ExitCode.Ok;
    }

    private static Option<string?> Limit(string name, string description) => new(name) { Description = description, HelpName = "limit" };

    private static async Task<int> QuotaAsync(Invocation invocation, Connection connection)
    {
        string tenant = invocation.Get(Name)!;
        var limits = Quotas.Where(q => invocation.Get(q.Option) is not null).ToDictionary(q => q.Kind, q => invocation.Get(q.Option)!, StringComparer.Ordinal);
        TenantQuotas quotas = limits.Count == 0
            ? await connection.Client.GetTenantQuotasAsync(tenant, invocation.Cancelled)
            : await connection.Client.SetTenantQuotasAsync(tenant, limits, invocation.Cancelled);
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(quotas, CliJson.Default.TenantQuotas);
            return ExitCode.Ok;
        }

        var table = new TableView(invocation.Terminal, new TableColumn("Quota", IsFixed: true), new TableColumn("Limit", IsFixed: true), new TableColumn("Set by", IsFixed: true), new TableColumn("Used", IsFixed: true));
        foreach (TenantQuota quota in quotas.Quotas)
        {
            table.Add(quota.Kind, Number(quota.Limit) ?? "unlimited", quota.Source, Number(quota.Used) ?? "not counted");
        }

        table.Print();
        return ExitCode.Ok;
    }

    private static string? Number(long? number) => number?.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
