using System.Buffers;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Triggers;
using AgentFlow.Expressions.Cel;
using AgentFlow.Server.Features.Workflows;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Triggers;

/// <summary>
/// <c>POST /hooks/{tenant}/{workflow}/{name}</c>: somebody outside starts a run with a signed delivery. Until the signature is found good, every
/// refusal is the same, whatever is not there.
/// </summary>
internal sealed class WebhookEndpoint(ITriggerStore triggers, TriggerStarts starts, ISecretSource secrets, AuditRecorder audit, TimeProvider clock)
{
    public const string DeliveryHeader = "X-AgentFlow-Delivery";

    private const int MaxDelivery = 200;
    private const int MaxHeaders = 100;

    public async Task HandleAsync(HttpContext context, string tenant, string workflow, string name, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> body = await RequestBody.ReadAsync(context).ConfigureAwait(false);
        string? delivery = Header(context, DeliveryHeader);
        if (DeliverySignature.Parse(Header(context, DeliverySignature.Header)) is not { } signature || delivery is { Length: 0 or > MaxDelivery } || !TenantName.IsValid(tenant))
        {
            throw Refused();
        }

        (TriggerState state, WorkflowDefinition definition, WebhookTrigger trigger) = await FindAsync(tenant, workflow, name, cancellationToken).ConfigureAwait(false) ?? throw Refused();
        string secret = await secrets.FindAsync(tenant, trigger.Secret, cancellationToken).ConfigureAwait(false) ?? throw Refused();
        if (!signature.IsOf(secret, delivery, body.Span) || (clock.GetUtcNow() - signature.At).Duration() > trigger.Window)
        {
            throw Refused();
        }

        Payload input = Input(context, trigger, body);
        InputCheck.Check(definition, input);
        if (!await starts.TakesRunsAsync(tenant, workflow, cancellationToken).ConfigureAwait(false))
        {
            throw new ProblemException(ErrorCode.RunsNotAccepted, "The setting accept_runs is off: no new run was started.");
        }

        string by = $"webhook:{state.Id}";
        await audit.AllowAsync(context, tenant, "webhook.deliver", by, d => d.Text("definition"u8, definition.Hash).Text("delivery"u8, delivery ?? "")).ConfigureAwait(false);
        StartOutcome started;
        try
        {
            started = await starts.StartAsync(state, definition, input, $"{by}:{delivery ?? signature.Hex}", by, TraceIds.Current(context), cancellationToken).ConfigureAwait(false);
        }
        catch (RunQuotaException e)
        {
            throw new ProblemException(ErrorCode.RunQuotaExceeded, $"{e.Most} runs of this tenant may be going at once, and are. No run was started; deliver it again later.");
        }

        if (!started.IsNew)
        {
            context.Response.Headers[IdempotencyKeys.ReplayedHeader] = "true";
        }

        await Reply.JsonAsync(context, StatusCodes.Status202Accepted, new AcceptedDelivery(started.Run.ToString(), !started.IsNew), ServerJson.Default.AcceptedDelivery).ConfigureAwait(false);
    }

    private async Task<(TriggerState, WorkflowDefinition, WebhookTrigger)?> FindAsync(string tenant, string workflow, string name, CancellationToken cancellationToken)
    {
        if (await triggers.FindAsync(tenant, workflow, name, cancellationToken).ConfigureAwait(false) is not { IsPaused: false } state)
        {
            return null;
        }

        return await starts.FindAsync<WebhookTrigger>(tenant, workflow, name, cancellationToken).ConfigureAwait(false) is var (definition, trigger) ? (state, definition, trigger) : null;
    }

    private static Payload Input(HttpContext context, WebhookTrigger trigger, ReadOnlyMemory<byte> body)
    {
        // A delivery that is no object could be read as one with a delivery id before it.
        JsonBody.Parse(body.IsEmpty ? "[]"u8.ToArray() : body);
        if (trigger.Input is null)
        {
            return new Payload(body);
        }

        var buffer = new ArrayBufferWriter<byte>(body.Length + 512);
        using var writer = new Utf8JsonWriter(buffer);
        writer.WriteStartObject();
        writer.WritePropertyName("body"u8);
        writer.WriteRawValue(body.Span, skipInputValidation: true);
        writer.WriteStartObject("headers"u8);
        foreach ((string header, Microsoft.Extensions.Primitives.StringValues values) in context.Request.Headers.Take(MaxHeaders).Where(h => !h.Key.Equals(DeliverySignature.Header, StringComparison.OrdinalIgnoreCase)))
        {
            writer.WriteString(header.ToLowerInvariant(), values.ToString());
        }

        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.Flush();
        var variables = new CelVariables(new Dictionary<string, CelValue>(StringComparer.Ordinal) { ["input"] = new Payload(buffer.WrittenMemory).Value });
        return trigger.Input.Render(variables, out string? problem) ?? throw new ProblemException(ErrorCode.InputInvalid, $"The input of the run cannot be computed from the delivery: {problem}");
    }

    private static string? Header(HttpContext context, string name) => context.Request.Headers[name] is { Count: 1 } values ? values[0] : null;

    private static ProblemException Refused() => new(
        ErrorCode.WebhookRefused,
        $"There is no such webhook, or the delivery is not signed with its secret, or was signed too long ago. {DeliverySignature.Header} is t=SECONDS,v1=HEX: the HMAC-SHA256 of SECONDS.BODY, or of SECONDS.DELIVERY.BODY with {DeliveryHeader}.");
}

/// <summary>A delivery was taken: its run is on disk.</summary>
/// <param name="Repeated">It had come before; the run is that one's.</param>
public sealed record AcceptedDelivery(string RunId, bool Repeated);
