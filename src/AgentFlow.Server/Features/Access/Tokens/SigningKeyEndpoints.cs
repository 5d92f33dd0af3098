using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>The keys that the deployment signs access tokens with, for whoever operates it.</summary>
internal sealed class SigningKeyEndpoints(SigningKeys keys, AuditRecorder audit)
{
    public async Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        query.End();
        SigningKey[] ordered = [.. (await keys.PublishedAsync(cancellationToken).ConfigureAwait(false)).OrderByDescending(k => k.Id, StringComparer.Ordinal)];
        PageView<SigningKeyView> view = PageView<SigningKeyView>.Of(ordered, page, descending: true, static k => k.Id, SigningKeyView.Of);
        await Reply.TaggedJsonAsync(context, view, ServerJson.Default.PageViewSigningKeyView).ConfigureAwait(false);
    }

    public async Task RotateAsync(HttpContext context, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        (await JsonBody.ReadAsync(context).ConfigureAwait(false)).End();
        await audit.AllowAsync(context, Tenant.Of(context), "signing_key.rotate", "signing_key").ConfigureAwait(false);
        IReadOnlyList<SigningKey> retired = await keys.RotateAllAsync(cancellationToken).ConfigureAwait(false);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, new RotatedKeysView([.. retired.Select(SigningKeyView.Of)]), ServerJson.Default.RotatedKeysView).ConfigureAwait(false);
    }

    public async Task RetireAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        (await JsonBody.ReadAsync(context).ConfigureAwait(false)).End();
        await audit.AllowAsync(context, Tenant.Of(context), "signing_key.retire", $"signing_key:{(id.Length <= 200 ? id : id[..200])}").ConfigureAwait(false);
        SigningKey key = await keys.RetireAsync(id, cancellationToken).ConfigureAwait(false)
            ?? throw new ProblemException(ErrorCode.SigningKeyNotFound, "There is no such signing key, or it was retired before. GET /api/v1/access/signing-keys lists them.");
        await Reply.JsonAsync(context, StatusCodes.Status200OK, SigningKeyView.Of(key), ServerJson.Default.SigningKeyView).ConfigureAwait(false);
    }
}

/// <summary>A key that signs access tokens, or signed some that may still be out.</summary>
/// <param name="Id">What tokens name as <c>kid</c>.</param>
/// <param name="Algorithm"><c>ES256</c>.</param>
/// <param name="RetiresAt">After it the key verifies nothing.</param>
public sealed record SigningKeyView(string Id, string Algorithm, DateTimeOffset CreatedAt, DateTimeOffset? RetiresAt)
{
    internal static SigningKeyView Of(SigningKey key) => new(key.Id, key.Algorithm, UnixTime.Of(key.CreatedAt), key.RetiresAt is { } at ? UnixTime.Of(at) : null);
}

/// <param name="Retired">Keys that sign nothing any more.</param>
public sealed record RotatedKeysView(IReadOnlyList<SigningKeyView> Retired);
