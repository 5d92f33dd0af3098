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

    public static Command Create() => new("tenants", "Manage the tenants of a deployment.")
    {
        ConnectedVerb.Create("list", "List tenants by name.", ListAsync, []),
        ConnectedVerb.Create("create", "Add a tenant and print the password of its first administrator, once.", CreateAsync, [Name], Admin, About),
        ConnectedVerb.Create("disable", "Let nobody of a tenant in any more.", (i, c) => ChangeAsync(i, c.Client.DisableTenantAsync), [Name]),
        ConnectedVerb.Create("enable", "Enable a tenant again.", (i, c) => ChangeAsync(i, c.Client.EnableTenantAsync), [Name]),
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
}
