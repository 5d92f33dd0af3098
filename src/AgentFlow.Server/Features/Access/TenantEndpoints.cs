using System.Buffers.Text;
using System.Security.Cryptography;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access;

/// <summary>
/// The tenants of the deployment. Whoever makes one gives it its first administrator and sees nothing of it afterwards.
/// </summary>
internal sealed class TenantEndpoints(Principals principals, PasswordLogin passwords, AuditRecorder audit, UlidFactory ids, TimeProvider clock)
{
    private const int MaxDescription = 1000;
    private const int MaxName = 200;
    private const int PasswordBytes = 18;

    private IAccessStore Store => principals.Store;

    public async Task CreateAsync(HttpContext context, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string name = body.Text("name", MaxName) ?? "";
        string description = body.Text("description", MaxDescription) ?? "";
        string admin = body.Text("admin", MaxName) ?? BuiltInRoles.Admin;
        if (!TenantName.IsValid(name))
        {
            body.Fault("name", $"'name' must match {TenantName.Pattern}", "Use 1 to 63 lower-case letters, digits, '_' and '-', beginning with a letter or digit.");
        }

        if (!UserName.IsValid(admin))
        {
            body.Fault("admin", $"'admin' must match {UserName.Pattern}");
        }

        body.End();
        var once = CreationKey.Of(context, "tenant.create", name, description, admin);
        if (once is not null && await once.CreatedAsync(context, Store, cancellationToken).ConfigureAwait(false) is not null)
        {
            await AnswerCreatedAsync(context, await FindAsync(name, cancellationToken).ConfigureAwait(false), null, null).ConfigureAwait(false);
            return;
        }

        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var tenant = new TenantAccount(name, description, now);
        string password = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(PasswordBytes));
        string hash = await passwords.CreateAsync(password, cancellationToken).ConfigureAwait(false);
        await audit.AllowAsync(context, Tenant.Of(context), "tenant.create", $"tenant:{name}", d => d.Text("admin"u8, admin)).ConfigureAwait(false);
        var first = new UserAccount(ids.Create(), admin, hash, [BuiltInRoles.Admin], now);
        // Without a key of the caller's one that nobody has: the tenant and its administrator are added together or not at all.
        var request = new AccessRequest(once?.Key ?? $"{Caller.ActorOf(context)}/{first.Id}", once?.Hash ?? "", $"{name}/{first.Id}", now);
        switch (await Store.AddTenantOnceAsync(Tenant.Of(context), tenant, first, request, cancellationToken).ConfigureAwait(false))
        {
            case AddOutcome.Exists:
                throw new ProblemException(ErrorCode.TenantExists, $"There is a tenant '{name}'.");
            case AddOutcome.Repeated:
                await once!.CreatedAsync(context, Store, cancellationToken).ConfigureAwait(false);
                await AnswerCreatedAsync(context, await FindAsync(name, cancellationToken).ConfigureAwait(false), null, null).ConfigureAwait(false);
                return;
        }

        // A tenant may have had users before it was registered, when the server was open: then nobody is added to them.
        bool added = await Store.FindUserAsync(name, first.Id, cancellationToken).ConfigureAwait(false) is not null;
        principals.Forget();
        await AnswerCreatedAsync(context, tenant, added ? admin : null, added ? password : null).ConfigureAwait(false);
    }

    public async Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        query.End();
        AccessPage<TenantAccount> tenants = await Store.ListTenantsAsync(page.Cursor, page.Size, cancellationToken).ConfigureAwait(false);
        var view = new PageView<TenantView>([.. tenants.Items.Select(TenantView.Of)], tenants.HasMore ? tenants.Items[^1].Name : null, tenants.Total);
        await Reply.TaggedJsonAsync(context, view, ServerJson.Default.PageViewTenantView).ConfigureAwait(false);
    }

    public async Task GetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        await Reply.TaggedJsonAsync(context, TenantView.Of(await FindAsync(id, cancellationToken).ConfigureAwait(false)), ServerJson.Default.TenantView).ConfigureAwait(false);
    }

    public Task DisableAsync(HttpContext context, string id, CancellationToken cancellationToken) => SetStateAsync(context, id, clock.GetUtcNow().ToUnixTimeMilliseconds(), cancellationToken);

    public Task EnableAsync(HttpContext context, string id, CancellationToken cancellationToken) => SetStateAsync(context, id, null, cancellationToken);

    private static Task AnswerCreatedAsync(HttpContext context, TenantAccount tenant, string? admin, string? password)
    {
        context.Response.Headers.Location = $"{AgentFlowApp.ApiBase}/access/tenants/{tenant.Name}";
        context.Response.Headers.CacheControl = "no-store";
        return Reply.JsonAsync(context, StatusCodes.Status201Created, new CreatedTenantView(TenantView.Of(tenant), admin, password), ServerJson.Default.CreatedTenantView);
    }

    private static ProblemException NotFound() => new(ErrorCode.TenantNotFound, "There is no such tenant. GET /api/v1/access/tenants lists the tenants.");

    private async Task SetStateAsync(HttpContext context, string id, long? disabledAt, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        (await JsonBody.ReadAsync(context).ConfigureAwait(false)).End();
        if (disabledAt is not null && id == Caller.Of(context).Tenant)
        {
            throw new ProblemException(ErrorCode.PermissionDenied, "That is your own tenant: nobody could enable it again.");
        }

        await audit.AllowAsync(context, Tenant.Of(context), disabledAt is null ? "tenant.enable" : "tenant.disable", $"tenant:{id}").ConfigureAwait(false);
        if (!await Store.DisableTenantAsync(id, disabledAt, cancellationToken).ConfigureAwait(false))
        {
            throw NotFound();
        }

        principals.Forget();
        await Reply.JsonAsync(context, StatusCodes.Status200OK, TenantView.Of(await FindAsync(id, cancellationToken).ConfigureAwait(false)), ServerJson.Default.TenantView).ConfigureAwait(false);
    }

    private async ValueTask<TenantAccount> FindAsync(string name, CancellationToken cancellationToken) =>
        await Store.FindTenantAsync(name, cancellationToken).ConfigureAwait(false) ?? throw NotFound();
}

/// <summary>A tenant.</summary>
public sealed record TenantView(string Name, string Description, DateTimeOffset CreatedAt, DateTimeOffset? DisabledAt)
{
    internal static TenantView Of(TenantAccount tenant) => new(tenant.Name, tenant.Description, UnixTime.Of(tenant.CreatedAt), tenant.DisabledAt is { } at ? UnixTime.Of(at) : null);
}

/// <summary>A new tenant.</summary>
/// <param name="Admin">Name of its first user, who has the role <c>admin</c>; <see langword="null"/> when it had users before.</param>
/// <param name="Password">That user's. It is shown here and never again: the answer to a request that was sent again is without it.</param>
public sealed record CreatedTenantView(TenantView Tenant, string? Admin, string? Password);

internal sealed record NewTenantBody
{
    /// <summary>The id.</summary>
    public required string Name { get; init; }

    public string? Description { get; init; }

    /// <summary>Name of its first user. Default <c>admin</c>.</summary>
    public string? Admin { get; init; }
}
