using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access;

/// <summary>
/// API keys. A user's key never allows more than the user at that time, whatever it was made with; one without a user, which
/// only an open server makes, has roles of its own.
/// </summary>
internal sealed class KeyEndpoints(Principals principals, AuditRecorder audit, UlidFactory ids, TimeProvider clock)
{
    private const int MaxName = 200;
    private const int MaxScopes = 200;
    private const long DaySeconds = 24 * 60 * 60;
    private const long MaxLifeDays = 3650;

    private IAccessStore Store => principals.Store;

    public async Task CreateAsync(HttpContext context, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        Principal caller = Caller.Of(context);
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string name = body.Text("name", MaxName) ?? "";
        string? userName = body.Text("user", MaxName);
        List<string>? roles = Delegation.RoleNames(body, "roles");
        List<string>? scopes = body.TextList("scopes", MaxScopes, Grant.Problem);
        decimal? days = body.Number("expires_in_days");
        if (name.Length == 0)
        {
            body.Fault("name", "'name' is missing", "Say what the key is for.");
        }

        if (days is <= 0 or > MaxLifeDays)
        {
            body.Fault("expires_in_days", $"'expires_in_days' must be above 0 and at most {MaxLifeDays}");
        }

        bool isOwned = userName is not null || caller.Kind != PrincipalKind.BuiltIn;
        if (isOwned == (roles is not null))
        {
            body.Fault("roles", isOwned ? "'roles' go with keys that are nobody's; a user's key has the user's" : "'roles' is missing: the key is nobody's", isOwned ? "Narrow the key with 'scopes'." : "Give 'roles', or the name of a 'user'.");
        }

        body.End();
        var once = CreationKey.Of(
            context, "key.create", name, userName, roles is null ? null : string.Join(' ', roles), scopes is null ? null : string.Join(' ', scopes), days?.ToString(System.Globalization.CultureInfo.InvariantCulture));
        if (once is not null && await once.CreatedAsync(context, Store, cancellationToken).ConfigureAwait(false) is { } before)
        {
            await AnswerCreatedAsync(context, null, (await Store.FindKeyAsync(caller.Tenant, Ulid.Parse(before), cancellationToken).ConfigureAwait(false))!).ConfigureAwait(false);
            return;
        }

        UserAccount? owner = isOwned ? await OwnerAsync(caller, userName, cancellationToken).ConfigureAwait(false) : null;
        IReadOnlyList<string> own = isOwned ? [] : [.. (await Delegation.GivenAsync(principals, caller, roles!, cancellationToken).ConfigureAwait(false)).Select(r => r.Name)];
        RequireNoMore(caller, scopes);
        DateTimeOffset now = clock.GetUtcNow();
        ApiKeyText text = ApiKeyText.Create(caller.Tenant, ids.Create(), out string shown);
        var key = new ApiKey(
            text.Id,
            name,
            text.Hash,
            owner?.Id,
            own,
            scopes is null ? null : PermissionSet.Parse(scopes).Names,
            caller.Actor,
            now.ToUnixTimeMilliseconds(),
            days is { } life ? now.AddSeconds((double)(life * DaySeconds)).ToUnixTimeMilliseconds() : null);
        await audit.AllowAsync(
            context,
            caller.Tenant,
            "key.create",
            $"key:{key.Id}",
            d => d.Text("name"u8, name).Text("owner"u8, owner?.Name ?? "").Text("roles"u8, string.Join(' ', own)).Text("scopes"u8, key.Scopes is null ? "" : string.Join(' ', key.Scopes))).ConfigureAwait(false);
        if (once is null)
        {
            await Store.AddKeyAsync(caller.Tenant, key, cancellationToken).ConfigureAwait(false);
        }
        else if (await Store.AddKeyOnceAsync(caller.Tenant, key, once.Creates(key.Id.ToString(), key.CreatedAt), cancellationToken).ConfigureAwait(false) == AddOutcome.Repeated)
        {
            // The same key at the same time: the other one was first.
            string other = (await once.CreatedAsync(context, Store, cancellationToken).ConfigureAwait(false))!;
            await AnswerCreatedAsync(context, null, (await Store.FindKeyAsync(caller.Tenant, Ulid.Parse(other), cancellationToken).ConfigureAwait(false))!).ConfigureAwait(false);
            return;
        }

        await AnswerCreatedAsync(context, shown, key).ConfigureAwait(false);
    }

    public async Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        Principal caller = Caller.Of(context);
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        query.End();
        Ulid? before = null;
        if (page.Cursor is { } cursor)
        {
            before = Ulid.TryParse(cursor, out Ulid last) ? last : throw ProblemException.Parameter("page[cursor]", "is no cursor of this list", "Pass the next_cursor of the page before.");
        }

        Ulid? owner = SeesAll(caller) ? null : OwnId(caller);
        AccessPage<ApiKey> keys = SeesAll(caller) || owner is not null
            ? await Store.ListKeysAsync(caller.Tenant, owner, before, page.Size, cancellationToken).ConfigureAwait(false)
            : new AccessPage<ApiKey>([], 0, false);
        var view = new PageView<KeyView>([.. keys.Items.Select(KeyView.Of)], keys.HasMore ? keys.Items[^1].Id.ToString() : null, keys.Total);
        await Reply.TaggedJsonAsync(context, view, ServerJson.Default.PageViewKeyView).ConfigureAwait(false);
    }

    public async Task GetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        Principal caller = Caller.Of(context);
        ApiKey key = await FindAsync(caller, id, SeesAll(caller), cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, KeyView.Of(key), ServerJson.Default.KeyView).ConfigureAwait(false);
    }

    public async Task DisableAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        (await JsonBody.ReadAsync(context).ConfigureAwait(false)).End();
        Principal caller = Caller.Of(context);
        ApiKey key = await FindAsync(caller, id, caller.May(Permission.AccessWrite), cancellationToken).ConfigureAwait(false);
        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        await audit.AllowAsync(context, caller.Tenant, "key.disable", $"key:{key.Id}").ConfigureAwait(false);
        if (!await Store.DisableKeyAsync(caller.Tenant, key.Id, now, cancellationToken).ConfigureAwait(false))
        {
            throw NotFound();
        }

        principals.Forget();
        await Reply.JsonAsync(context, StatusCodes.Status200OK, KeyView.Of(key with { DisabledAt = now }), ServerJson.Default.KeyView).ConfigureAwait(false);
    }

    private static Task AnswerCreatedAsync(HttpContext context, string? shown, ApiKey key)
    {
        context.Response.Headers.Location = $"{AgentFlowApp.ApiBase}/access/keys/{key.Id}";
        context.Response.Headers.CacheControl = "no-store";
        return Reply.JsonAsync(context, StatusCodes.Status201Created, new CreatedKeyView(shown, KeyView.Of(key)), ServerJson.Default.CreatedKeyView);
    }

    private static bool SeesAll(Principal caller) => caller.May(Permission.AccessRead);

    /// <summary>The user whose keys the caller's own are.</summary>
    private static Ulid? OwnId(Principal caller) =>
        Ulid.TryParse(caller.Kind == PrincipalKind.User ? caller.Id : caller.Owner, out Ulid id) ? id : null;

    private static ProblemException NotFound() => new(ErrorCode.ApiKeyNotFound, "There is no such key that works, or it is not yours to see. GET /api/v1/access/keys lists the keys that you may see.");

    /// <summary>A key that is itself narrowed makes only keys that say in which scopes they are narrower still.</summary>
    private static void RequireNoMore(Principal caller, List<string>? scopes)
    {
        if (!caller.IsNarrowed)
        {
            return;
        }

        if (scopes is null || !caller.Permissions.Contains(PermissionSet.Parse(scopes)))
        {
            throw new ProblemException(ErrorCode.PermissionDenied, "Your own key is narrowed by scopes: give the new one 'scopes' that lie within them.");
        }
    }

    private async ValueTask<UserAccount> OwnerAsync(Principal caller, string? name, CancellationToken cancellationToken)
    {
        UserAccount? own = OwnId(caller) is { } id ? await Store.FindUserAsync(caller.Tenant, id, cancellationToken).ConfigureAwait(false) : null;
        if (name is null || name == own?.Name)
        {
            return own ?? throw new ProblemException(ErrorCode.PermissionDenied, "Keys belong to users of this deployment, and you are none. Name a 'user'.");
        }

        if (!caller.May(Permission.AccessWrite))
        {
            throw new ProblemException(ErrorCode.PermissionDenied, $"Keys of others need the permission {Permission.AccessWrite}.");
        }

        UserAccount owner = await Store.FindUserAsync(caller.Tenant, name, cancellationToken).ConfigureAwait(false)
            ?? throw new ProblemException(ErrorCode.UserNotFound, "There is no such user. GET /api/v1/access/users lists the users of this tenant.");
        await Delegation.RequireOverAsync(principals, caller, owner, cancellationToken).ConfigureAwait(false);
        return owner;
    }

    private async ValueTask<ApiKey> FindAsync(Principal caller, string id, bool anyOwner, CancellationToken cancellationToken) =>
        Ulid.TryParse(id, out Ulid key)
        && await Store.FindKeyAsync(caller.Tenant, key, cancellationToken).ConfigureAwait(false) is { } found
        && (anyOwner || (found.Owner is { } owner && owner == OwnId(caller)))
            ? found
            : throw NotFound();
}

/// <summary>An API key, without its secret.</summary>
/// <param name="Id">ULID; what journals and audits call it is <c>api_key:ID</c>.</param>
/// <param name="Owner">Id of the user whose key it is; <see langword="null"/>: nobody's.</param>
/// <param name="Roles">For a key that is nobody's.</param>
/// <param name="Scopes">Grants that narrow it; <see langword="null"/>: everything that its owner may do.</param>
/// <param name="CreatedBy">The principal that made it.</param>
public sealed record KeyView(
    string Id,
    string Name,
    string? Owner,
    IReadOnlyList<string> Roles,
    IReadOnlyList<string>? Scopes,
    string CreatedBy,
    DateTimeOffset CreatedAt,
    DateTimeOffset? ExpiresAt,
    DateTimeOffset? DisabledAt)
{
    internal static KeyView Of(ApiKey key) => new(
        key.Id.ToString(),
        key.Name,
        key.Owner?.ToString(),
        key.Roles,
        key.Scopes,
        key.CreatedBy,
        UnixTime.Of(key.CreatedAt),
        key.ExpiresAt is { } expires ? UnixTime.Of(expires) : null,
        key.DisabledAt is { } disabled ? UnixTime.Of(disabled) : null);
}

/// <summary>A new key.</summary>
/// <param name="Key">The key itself. It is shown here and never again: the answer to a request that was sent again is without it.</param>
public sealed record CreatedKeyView(string? Key, KeyView About);

internal sealed record NewKeyBody
{
    /// <summary>What it is for.</summary>
    public required string Name { get; init; }

    /// <summary>Name of the user whose key it is. Default: the caller's.</summary>
    public string? User { get; init; }

    /// <summary>For a key that is nobody's, which only an open server makes.</summary>
    public IReadOnlyList<string>? Roles { get; init; }

    /// <summary>Grants that narrow the key. Default: everything that its owner may do.</summary>
    public IReadOnlyList<string>? Scopes { get; init; }

    /// <summary>Default: it does not expire.</summary>
    public decimal? ExpiresInDays { get; init; }
}
