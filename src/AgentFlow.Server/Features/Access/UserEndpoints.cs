using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access;

/// <summary>The users of a tenant.</summary>
/// <param name="revoke">Voids what was issued to a user before; nothing where there are no tokens.</param>
internal sealed class UserEndpoints(Principals principals, PasswordLogin passwords, AuditRecorder audit, UlidFactory ids, TimeProvider clock, Func<string, string, CancellationToken, ValueTask> revoke)
{
    private const int MaxName = 200;

    private IAccessStore Store => principals.Store;

    public async Task CreateAsync(HttpContext context, CancellationToken cancellationToken)
    {
        Principal caller = Caller.Of(context);
        new QueryReader(context).End();
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string name = body.Text("name", MaxName) ?? "";
        string? password = Password(body, "password");
        List<string> roles = Delegation.RoleNames(body, "roles") ?? [];
        if (!UserName.IsValid(name))
        {
            body.Fault("name", $"'name' must match {UserName.Pattern}", "Use up to 128 lower-case letters, digits and . _ @ + -");
        }

        body.End();
        string[] given = [.. roles.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        var once = CreationKey.Of(context, "user.create", [name, password is null ? null : "password", .. given]);
        if (once is not null && await once.CreatedAsync(context, Store, cancellationToken).ConfigureAwait(false) is { } before)
        {
            await AnswerCreatedAsync(context, (await Store.FindUserAsync(caller.Tenant, Ulid.Parse(before), cancellationToken).ConfigureAwait(false))!).ConfigureAwait(false);
            return;
        }

        await Delegation.GivenAsync(principals, caller, roles, cancellationToken).ConfigureAwait(false);
        string hash = password is null ? "" : await passwords.CreateAsync(password, cancellationToken).ConfigureAwait(false);
        var user = new UserAccount(ids.Create(), name, hash, given, clock.GetUtcNow().ToUnixTimeMilliseconds());
        await AllowAsync(context, "user.create", user, ("roles", user.Roles)).ConfigureAwait(false);
        AddOutcome outcome = once is not null
            ? await Store.AddUserOnceAsync(caller.Tenant, user, once.Creates(user.Id.ToString(), user.CreatedAt), cancellationToken).ConfigureAwait(false)
            : await Store.AddUserAsync(caller.Tenant, user, cancellationToken).ConfigureAwait(false) ? AddOutcome.Added : AddOutcome.Exists;
        switch (outcome)
        {
            case AddOutcome.Exists:
                throw new ProblemException(ErrorCode.UserExists, $"There is a user '{name}' in this tenant.");
            case AddOutcome.Repeated:
                // The same key at the same time: the other one was first.
                string other = (await once!.CreatedAsync(context, Store, cancellationToken).ConfigureAwait(false))!;
                user = (await Store.FindUserAsync(caller.Tenant, Ulid.Parse(other), cancellationToken).ConfigureAwait(false))!;
                break;
        }

        await AnswerCreatedAsync(context, user).ConfigureAwait(false);
    }

    public async Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        query.End();
        AccessPage<UserAccount> users = await Store.ListUsersAsync(tenant, page.Cursor, page.Size, cancellationToken).ConfigureAwait(false);
        var view = new PageView<UserView>([.. users.Items.Select(UserView.Of)], users.HasMore ? users.Items[^1].Name : null, users.Total);
        await Reply.TaggedJsonAsync(context, view, ServerJson.Default.PageViewUserView).ConfigureAwait(false);
    }

    public async Task GetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        UserAccount user = await FindAsync(Tenant.Of(context), id, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, UserView.Of(user), ServerJson.Default.UserView).ConfigureAwait(false);
    }

    public async Task SetRolesAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        List<string>? roles = Delegation.RoleNames(body, "roles");
        if (roles is null)
        {
            body.Fault("roles", "'roles' is missing", "Send the whole list of roles; [] takes all of them away.");
        }

        body.End();
        UserAccount user = await FindManagedAsync(context, id, cancellationToken).ConfigureAwait(false);
        Principal caller = Caller.Of(context);
        string[] wanted = [.. roles!.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        await Delegation.GivenAsync(principals, caller, [.. wanted.Except(user.Roles, StringComparer.Ordinal)], cancellationToken).ConfigureAwait(false);
        await AllowAsync(context, "user.roles", user, ("before", user.Roles), ("roles", wanted)).ConfigureAwait(false);
        await Store.SetUserRolesAsync(caller.Tenant, user.Id, wanted, cancellationToken).ConfigureAwait(false);
        principals.Forget();
        await Reply.JsonAsync(context, StatusCodes.Status200OK, UserView.Of(user with { Roles = wanted }), ServerJson.Default.UserView).ConfigureAwait(false);
    }

    public async Task SetPasswordAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string password = NewPassword(body);
        body.End();
        UserAccount user = await FindManagedAsync(context, id, cancellationToken).ConfigureAwait(false);
        await ChangePasswordAsync(context, user, password, null, cancellationToken).ConfigureAwait(false);
    }

    public async Task SetOwnPasswordAsync(HttpContext context, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        Principal caller = Caller.Of(context);
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string? current = body.Text("current", PasswordHash.MaxLength);
        string password = NewPassword(body);
        if (current is null)
        {
            body.Fault("current", "'current' is missing", "Send the password that you have now.");
        }

        body.End();
        if (caller.Kind != PrincipalKind.User || await passwords.TryAsync(caller.Tenant, caller.Name, current!, cancellationToken).ConfigureAwait(false) is not { } user || user.Id.ToString() != caller.Id)
        {
            throw new ProblemException(ErrorCode.PermissionDenied, "Only a user of this deployment who is logged in changes their password, and by telling the one that they have now.");
        }

        await ChangePasswordAsync(context, user, password, user.PasswordHash, cancellationToken).ConfigureAwait(false);
    }

    public Task DisableAsync(HttpContext context, string id, CancellationToken cancellationToken) => SetStateAsync(context, id, clock.GetUtcNow().ToUnixTimeMilliseconds(), cancellationToken);

    public Task EnableAsync(HttpContext context, string id, CancellationToken cancellationToken) => SetStateAsync(context, id, null, cancellationToken);

    private static Task AnswerCreatedAsync(HttpContext context, UserAccount user)
    {
        context.Response.Headers.Location = $"{AgentFlowApp.ApiBase}/access/users/{Uri.EscapeDataString(user.Name)}";
        return Reply.JsonAsync(context, StatusCodes.Status201Created, UserView.Of(user), ServerJson.Default.UserView);
    }

    private static string? Password(JsonBody body, string member)
    {
        string? password = body.Text(member, PasswordHash.MaxLength);
        if (password is not null && PasswordHash.Problem(password) is { } problem)
        {
            body.Fault(member, problem);
        }

        return password;
    }

    private static string NewPassword(JsonBody body)
    {
        string? password = Password(body, "password");
        if (password is null)
        {
            body.Fault("password", "'password' is missing");
        }

        return password ?? "";
    }

    private static ProblemException NotFound() => new(ErrorCode.UserNotFound, "There is no such user. GET /api/v1/access/users lists the users of this tenant.");

    private async Task ChangePasswordAsync(HttpContext context, UserAccount user, string password, string? expected, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        string hash = await passwords.CreateAsync(password, cancellationToken).ConfigureAwait(false);
        await AllowAsync(context, "user.password", user).ConfigureAwait(false);
        if (!await Store.SetPasswordAsync(tenant, user.Id, hash, expected, cancellationToken).ConfigureAwait(false))
        {
            throw new ProblemException(ErrorCode.PermissionDenied, "The password was changed in the meantime.");
        }

        await revoke(tenant, Principal.ActorOf(PrincipalKind.User, user.Id.ToString()), cancellationToken).ConfigureAwait(false);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task SetStateAsync(HttpContext context, string id, long? disabledAt, CancellationToken cancellationToken)
    {
        (await JsonBody.ReadAsync(context).ConfigureAwait(false)).End();
        UserAccount user = await FindManagedAsync(context, id, cancellationToken).ConfigureAwait(false);
        string tenant = Tenant.Of(context);
        await AllowAsync(context, disabledAt is null ? "user.enable" : "user.disable", user).ConfigureAwait(false);
        await Store.DisableUserAsync(tenant, user.Id, disabledAt, cancellationToken).ConfigureAwait(false);
        if (disabledAt is not null)
        {
            await revoke(tenant, Principal.ActorOf(PrincipalKind.User, user.Id.ToString()), cancellationToken).ConfigureAwait(false);
        }

        principals.Forget();
        await Reply.JsonAsync(context, StatusCodes.Status200OK, UserView.Of(user with { DisabledAt = disabledAt }), ServerJson.Default.UserView).ConfigureAwait(false);
    }

    private Task AllowAsync(HttpContext context, string action, UserAccount user, params (string Name, IReadOnlyList<string> Value)[] details) => audit.AllowAsync(
        context,
        Tenant.Of(context),
        action,
        $"user:{user.Name}",
        d =>
        {
            foreach ((string name, IReadOnlyList<string> value) in details)
            {
                d.Text(System.Text.Encoding.UTF8.GetBytes(name), string.Join(' ', value));
            }
        });

    /// <summary>A user whom the caller may change.</summary>
    private async ValueTask<UserAccount> FindManagedAsync(HttpContext context, string name, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        Principal caller = Caller.Of(context);
        UserAccount user = await FindAsync(caller.Tenant, name, cancellationToken).ConfigureAwait(false);
        await Delegation.RequireOverAsync(principals, caller, user, cancellationToken).ConfigureAwait(false);
        return user;
    }

    private async ValueTask<UserAccount> FindAsync(string tenant, string name, CancellationToken cancellationToken) =>
        await Store.FindUserAsync(tenant, name, cancellationToken).ConfigureAwait(false) ?? throw NotFound();
}

/// <summary>A user.</summary>
/// <param name="Id">ULID; what journals and audits call them is <c>user:ID</c>.</param>
/// <param name="Name">Unique in the tenant.</param>
/// <param name="CanLogIn">Whether the user has a password.</param>
public sealed record UserView(string Id, string Name, IReadOnlyList<string> Roles, bool CanLogIn, DateTimeOffset CreatedAt, DateTimeOffset? DisabledAt)
{
    internal static UserView Of(UserAccount user) =>
        new(user.Id.ToString(), user.Name, user.Roles, user.PasswordHash.Length > 0, UnixTime.Of(user.CreatedAt), user.DisabledAt is { } at ? UnixTime.Of(at) : null);
}

/// <summary>A user to add.</summary>
internal sealed record NewUserBody
{
    /// <summary>Lower-case letters, digits and <c>. _ @ + -</c>.</summary>
    public required string Name { get; init; }

    /// <summary>12 to 1,024 characters. Without one the user works by API keys alone.</summary>
    public string? Password { get; init; }

    public IReadOnlyList<string>? Roles { get; init; }
}

internal sealed record RolesBody
{
    /// <summary>All of the user's roles.</summary>
    public required IReadOnlyList<string> Roles { get; init; }
}

internal sealed record PasswordBody
{
    /// <summary>12 to 1,024 characters.</summary>
    public required string Password { get; init; }
}

internal sealed record OwnPasswordBody
{
    /// <summary>The password of now.</summary>
    public required string Current { get; init; }

    /// <summary>12 to 1,024 characters.</summary>
    public required string Password { get; init; }
}
