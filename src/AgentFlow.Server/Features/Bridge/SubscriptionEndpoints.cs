using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Secrets;
using AgentFlow.Server.Http;
using AgentFlow.Tools;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>Who gets events of remote agents by POST.</summary>
internal sealed class SubscriptionEndpoints(IBridgeEventStore events, ISecretSource secrets, HttpTransport transport, EventSignal signal, AuditRecorder audit, UlidFactory ids, TimeProvider clock)
{
    private const int MaxUrl = 500;
    private const int MaxPatterns = 50;
    private const int MaxSubscriptions = 100;

    public async Task CreateAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string url = body.Text("url", MaxUrl) ?? "";
        if (AddressProblem(url) is { } problem)
        {
            body.Fault("url", problem, "Give an https:// address, or http:// on this machine.");
        }

        string secret = body.Text("secret", 2 * SecretReference.MaxLength) ?? "";
        SecretReference[] references = [.. SecretReference.In(secret)];
        if (references.Length != 1 || references[0].ToString() != secret)
        {
            body.Fault("secret", "'secret' names no secret", "Store one with af secrets set, and give its reference, such as secret://hooks.");
        }

        List<string>? types = body.TextList("types", MaxPatterns, NamePatterns.Problem);
        List<string>? sources = body.TextList("sources", MaxPatterns, NamePatterns.Problem);
        decimal? after = body.Number("after");
        if (after is { } number && (number < 0 || number > long.MaxValue || number != decimal.Truncate(number)))
        {
            body.Fault("after", "'after' is no event's number", "Leave it out for the events to come, or give 0 for all that are kept.");
        }

        body.End();
        if (await secrets.FindAsync(tenant, references[0], cancellationToken).ConfigureAwait(false) is null)
        {
            throw new ProblemException(ErrorCode.SecretNotFound, $"There is no {references[0]}. Store it with: af secrets set {references[0].Name}.");
        }

        if ((await events.ListSubscriptionsAsync(tenant, cancellationToken).ConfigureAwait(false)).Count >= MaxSubscriptions)
        {
            throw new ProblemException(ErrorCode.RateLimited, $"There are {MaxSubscriptions} subscriptions; remove one first.");
        }

        var subscription = new BridgeSubscription(
            ids.Create(),
            url,
            secret,
            new BridgeEventFilter(types is null ? null : new NamePatterns(types), sources is null ? null : new NamePatterns(sources)),
            Caller.ActorOf(context),
            clock.GetUtcNow().ToUnixTimeMilliseconds())
        {
            Tenant = tenant,
            Cursor = after is { } from ? (long)from : await events.LastAsync(tenant, cancellationToken).ConfigureAwait(false),
        };
        await audit.AllowAsync(context, tenant, "subscription.create", $"subscription:{subscription.Id}", d => d.Text("url"u8, new Uri(url).GetLeftPart(UriPartial.Path))).ConfigureAwait(false);
        await events.AddSubscriptionAsync(tenant, subscription, cancellationToken).ConfigureAwait(false);
        signal.Raise();
        context.Response.Headers.Location = $"{BridgeErrors.Base}/subscriptions/{subscription.Id}";
        await Reply.JsonAsync(context, StatusCodes.Status201Created, SubscriptionView.Of(subscription), ServerJson.Default.SubscriptionView).ConfigureAwait(false);
    }

    public async Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        query.End();
        IReadOnlyList<BridgeSubscription> all = await events.ListSubscriptionsAsync(Tenant.Of(context), cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, PageView<SubscriptionView>.Of(all, page, descending: false, static s => s.Id.ToString(), SubscriptionView.Of), ServerJson.Default.PageViewSubscriptionView).ConfigureAwait(false);
    }

    public async Task GetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        await Reply.TaggedJsonAsync(context, SubscriptionView.Of(await FindAsync(context, id).ConfigureAwait(false)), ServerJson.Default.SubscriptionView).ConfigureAwait(false);
    }

    /// <summary>Goes on where a subscription was suspended.</summary>
    public async Task ResumeAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        (await JsonBody.ReadAsync(context).ConfigureAwait(false)).End();
        BridgeSubscription subscription = await FindAsync(context, id).ConfigureAwait(false);
        await audit.AllowAsync(context, subscription.Tenant, "subscription.resume", $"subscription:{id}").ConfigureAwait(false);
        BridgeSubscription resumed = subscription with { Failures = 0, NextAt = 0, Problem = "", SuspendedAt = null };
        await events.SaveProgressAsync(subscription.Tenant, resumed, cancellationToken).ConfigureAwait(false);
        signal.Raise();
        await Reply.JsonAsync(context, StatusCodes.Status200OK, SubscriptionView.Of(resumed), ServerJson.Default.SubscriptionView).ConfigureAwait(false);
    }

    public async Task RemoveAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        BridgeSubscription subscription = await FindAsync(context, id).ConfigureAwait(false);
        await audit.AllowAsync(context, subscription.Tenant, "subscription.remove", $"subscription:{id}").ConfigureAwait(false);
        await events.RemoveSubscriptionAsync(subscription.Tenant, subscription.Id, cancellationToken).ConfigureAwait(false);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    /// <summary>A secret must not sign what anybody on the way can read, and events go where tools may go.</summary>
    private string? AddressProblem(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? address) || address.UserInfo.Length > 0 || address.Fragment.Length > 0
            || !(address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback)))
        {
            return "'url' is no address for events";
        }

        return transport.Problem(address) is { } blocked ? $"'url' leads nowhere: {blocked}, and the operator has not opened it with AF_HTTP_ALLOW" : null;
    }

    private async Task<BridgeSubscription> FindAsync(HttpContext context, string id) =>
        Ulid.TryParse(id, out Ulid key) && await events.FindSubscriptionAsync(Tenant.Of(context), key, context.RequestAborted).ConfigureAwait(false) is { } found
            ? found
            : throw new ProblemException(ErrorCode.SubscriptionNotFound, "There is no such subscription. GET /orchestrator/subscriptions lists them.");
}
