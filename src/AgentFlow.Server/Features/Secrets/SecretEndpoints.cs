using System.Globalization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Secrets;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Secrets;

/// <summary>Names, age and schedule of secrets, and putting values in. Values go in and never come out.</summary>
internal sealed class SecretEndpoints(SecretKeeping secrets, AuditRecorder audit, TimeProvider clock)
{
    private const int MaxValue = 64 * 1024;
    private const int MaxFields = 50;
    private const int MaxSchedule = 20;
    private const double MaxDays = 3650;

    public async Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        bool descending = query.Word("sort", "name", "-name") == "-name";
        query.End();
        IReadOnlyList<SecretState> all = await TryAsync(() => secrets.ListAsync(tenant, cancellationToken)).ConfigureAwait(false);
        DateTimeOffset now = clock.GetUtcNow();
        await Reply.TaggedJsonAsync(
            context, PageView<SecretView>.Of(descending ? [.. all.Reverse()] : all, page, descending, static s => s.Name, s => SecretView.Of(s, now)), ServerJson.Default.PageViewSecretView).ConfigureAwait(false);
    }

    public async Task GetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        SecretState state = await TryAsync(() => secrets.StateAsync(tenant, NameOf(id), cancellationToken)).ConfigureAwait(false) ?? throw NotFound();
        await Reply.TaggedJsonAsync(context, SecretView.Of(state, clock.GetUtcNow()), ServerJson.Default.SecretView).ConfigureAwait(false);
    }

    public Task SetAsync(HttpContext context, string id, CancellationToken cancellationToken) => WriteAsync(context, id, "secret.set", mustExist: false, cancellationToken);

    public Task RotateAsync(HttpContext context, string id, CancellationToken cancellationToken) => WriteAsync(context, id, "secret.rotate", mustExist: true, cancellationToken);

    public async Task RemoveAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        string name = NameOf(id);
        (ISecretProvider place, _) = await PlaceAsync(tenant, name, mustExist: true, cancellationToken).ConfigureAwait(false);
        await audit.AllowAsync(context, tenant, "secret.remove", $"secret:{name}", d => d.Text("provider"u8, place.Name)).ConfigureAwait(false);
        await TryAsync(() => secrets.RemoveAsync(place, tenant, name, cancellationToken)).ConfigureAwait(false);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task WriteAsync(HttpContext context, string id, string action, bool mustExist, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        string name = NameOf(id);
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        Dictionary<string, string> fields = Values(body);
        TimeSpan? rotateEvery = Schedule(body);
        body.End();
        (ISecretProvider place, bool exists) = await PlaceAsync(tenant, name, mustExist, cancellationToken).ConfigureAwait(false);
        await audit.AllowAsync(context, tenant, action, $"secret:{name}", d => d.Text("provider"u8, place.Name)).ConfigureAwait(false);
        SecretState state = await TryAsync(() => secrets.SetAsync(place, tenant, name, fields, rotateEvery, cancellationToken)).ConfigureAwait(false);
        await Reply.JsonAsync(context, exists ? StatusCodes.Status200OK : StatusCodes.Status201Created, SecretView.Of(state, clock.GetUtcNow()), ServerJson.Default.SecretView).ConfigureAwait(false);
    }

    private static Dictionary<string, string> Values(JsonBody body)
    {
        string? value = body.Text("value", MaxValue);
        List<(string Name, string Value)> given = body.Texts("fields");
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        if (value is null == (given.Count == 0))
        {
            body.Fault("value", "give either 'value' or 'fields'", "value: one text; fields: an object of texts, which references name as secret://NAME#FIELD.");
        }

        if (given.Count > MaxFields)
        {
            body.Fault("fields", $"a secret has at most {MaxFields} fields");
        }

        foreach ((string name, string text) in value is null ? given : [("", value)])
        {
            string pointer = name.Length == 0 ? "value" : $"fields/{name}";
            fields[name] = text;
            if (name.Length > 0 && !SecretReference.IsName(name))
            {
                body.Fault("fields", "a field's name has 1 to 64 letters, digits, '-' and '_'");
            }

            if (text.Length < SecretMask.LeastLength || text.Length > MaxValue)
            {
                body.Fault(SecretReference.IsName(name) || name.Length == 0 ? pointer : "fields", $"a value has {SecretMask.LeastLength} to {MaxValue} characters", "A shorter one could not be told from other text in what tools answer.");
            }
        }

        return fields;
    }

    private static TimeSpan? Schedule(JsonBody body)
    {
        if (body.Text("rotate_every", MaxSchedule) is not { } text)
        {
            return null;
        }

        if (text == "never")
        {
            return TimeSpan.Zero;
        }

        if (double.TryParse(text.EndsWith('d') ? text[..^1] : text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double days) && days is > 0 and <= MaxDays)
        {
            return TimeSpan.FromDays(days);
        }

        body.Fault("rotate_every", "'rotate_every' is no number of days", "Write days up to 3650, such as 90d, or never.");
        return null;
    }

    private async Task<(ISecretProvider Place, bool Exists)> PlaceAsync(string tenant, string name, bool mustExist, CancellationToken cancellationToken)
    {
        ISecretProvider? place = await TryAsync(() => secrets.PlaceAsync(tenant, name, cancellationToken)).ConfigureAwait(false);
        bool exists = await TryAsync(() => secrets.StateAsync(tenant, name, cancellationToken)).ConfigureAwait(false) is not null;
        if (mustExist && !exists)
        {
            throw NotFound();
        }

        return place is { CanWrite: true } ? (place, exists)
            : throw new ProblemException(ErrorCode.SecretReadOnly, place is null
                ? "No place in AF_SECRETS takes secrets: add file, vault or azure."
                : "The secret comes from the environment of the server's process. Change the variable and restart the server, or put file before env in AF_SECRETS and remove the variable.");
    }

    private static async Task<T> TryAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask().ConfigureAwait(false);
        }
        catch (SecretUnavailableException e)
        {
            throw new ProblemException(ErrorCode.SecretUnavailable, e.Message);
        }
    }

    private static string NameOf(string id) => SecretReference.IsName(id) ? id : throw NotFound();

    private static ProblemException NotFound() => new(ErrorCode.SecretNotFound, "There is no such secret. A name has 1 to 64 letters, digits, '-' and '_'; GET /api/v1/secrets lists them.");
}
