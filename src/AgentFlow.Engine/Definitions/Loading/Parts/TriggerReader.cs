using System.Text;
using System.Text.Json;
using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Plans;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Secrets;
using AgentFlow.Engine.Triggers;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Engine.Definitions.Loading.Parts;

/// <summary>Reads <c>on</c>: what starts runs of the workflow.</summary>
internal static class TriggerReader
{
    private const string CronExample = "a list: '[{ name: nightly, schedule: \"0 2 * * *\" }]'";
    private const string WebhookExample = "a list: '[{ name: orders, secret: secret://orders }]'";

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(5);

    public static IReadOnlyList<WorkflowTrigger> Read(Fields workflow, JsonElement? schema, ExpressionReader expressions, Findings findings)
    {
        if (workflow.Mapping("on", "'on: { cron: [{ name: nightly, schedule: \"0 2 * * *\" }] }'") is not { } mapping)
        {
            return [];
        }

        var on = Fields.Of(mapping, workflow.Entry("on")!.Value.Key.Offset, KeySet.On, findings);
        var triggers = new List<WorkflowTrigger>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (YamlMapping item in Items(on, "cron", CronExample))
        {
            Add(ReadCron(Fields.Of(item, item.Offset, KeySet.Cron, findings), schema, expressions, findings), item);
        }

        foreach (YamlMapping item in Items(on, "webhook", WebhookExample))
        {
            Add(ReadWebhook(Fields.Of(item, item.Offset, KeySet.Webhook, findings), expressions, findings), item);
        }

        return triggers;

        void Add(WorkflowTrigger? trigger, YamlMapping item)
        {
            if (trigger is null)
            {
                return;
            }

            triggers.Add(trigger);
            if (!names.Add(trigger.Name))
            {
                findings.Error(item.FindEntry("name")?.Value ?? item, DiagnosticCodes.DuplicateId, $"There are two triggers '{Excerpt.Of(trigger.Name)}'.", "Give each a name of its own.");
            }
        }
    }

    private static IEnumerable<YamlMapping> Items(Fields on, string key, string example) =>
        on.Sequence(key, example) is { } list ? list.Items.Select(i => on.AsMapping(i, example)).OfType<YamlMapping>() : [];

    private static CronTrigger? ReadCron(Fields fields, JsonElement? schema, ExpressionReader expressions, Findings findings)
    {
        YamlScalar? name = ReadName(fields);
        fields.Require("schedule", "A schedule", "Add 'schedule: \"0 2 * * *\"': minute, hour, day of month, month, day of week.");
        YamlScalar? text = fields.Text("schedule");
        YamlScalar? zone = fields.Text("time_zone");
        bool catchesUp = fields.Word("missed", ("skip", false), ("catch_up", true)) ?? false;
        Payload input = ReadInput(fields, schema, expressions, findings);
        string? problem = null;
        CronSchedule? schedule = text is null ? null : CronSchedule.TryParse(text.Text, zone?.Text ?? "UTC", out problem);
        if (problem is not null)
        {
            bool isZone = zone is not null && CronSchedule.TryParse("0 0 * * *", zone.Text, out _) is null;
            findings.Error(isZone ? zone! : text!, DiagnosticCodes.InvalidSchedule, Excerpt.Line(problem), isZone ? "Write an IANA name, such as Europe/Paris." : "Write for example '30 2 * * 1-5', or @daily.");
        }

        return schedule is null || name is null ? null : new CronTrigger(name.Text, schedule, catchesUp, input);
    }

    private static Payload ReadInput(Fields fields, JsonElement? schema, ExpressionReader expressions, Findings findings)
    {
        Payload input = Payload.EmptyObject;
        YamlNode? place = null;
        if (fields.Mapping("input", "'input: { day: yesterday }'") is { } mapping)
        {
            expressions.WarnOfUnevaluated(mapping, "the 'input' of a schedule");
            expressions.WarnOfUnresolved(mapping);
            input = new Payload(Encoding.UTF8.GetBytes(YamlJson.ToElement(mapping, findings).GetRawText()));
            place = mapping;
        }

        if (schema is { } wanted && JsonSchema.TryCompile(wanted, out JsonSchema? compiled, out _) && compiled.Validate(input.Utf8) is { Valid: false } result)
        {
            string message = $"The runs that this schedule starts would be refused: {Excerpt.Line(result.Errors[0].ToString()).TrimEnd('.')}.";
            if (place is null)
            {
                findings.Error(fields.Place, DiagnosticCodes.InputMismatch, message, "Add 'input' as the workflow's 'input' asks for it.");
            }
            else
            {
                findings.Error(place, DiagnosticCodes.InputMismatch, message, "Write what the workflow's 'input' asks for.");
            }
        }

        return input;
    }

    private static WebhookTrigger? ReadWebhook(Fields fields, ExpressionReader expressions, Findings findings)
    {
        YamlScalar? name = ReadName(fields);
        fields.Require("secret", "A webhook", "Add 'secret: secret://NAME': what senders sign with. Store it with af secrets set NAME.");
        YamlScalar? secret = fields.Text("secret");
        SecretReference[] references = secret is null ? [] : [.. SecretReference.In(secret.Text)];
        bool isReference = references.Length == 1 && references[0].ToString() == secret!.Text;
        if (secret is not null && !isReference)
        {
            findings.Error(secret, DiagnosticCodes.InvalidSecret, "A webhook's secret is given by reference.", "Store it with af secrets set NAME, and write secret://NAME.");
        }

        TimeSpan window = fields.Duration("window", TimeSpan.FromSeconds(1)) ?? Window;
        ValueTemplate? input = fields["input"] is { } template ? expressions.Output(template, ApprovalReader.Outside) : null;
        if (input?.Expressions.SelectMany(e => e.References).FirstOrDefault(r => r.Root != "input") is { Root: { } other })
        {
            findings.Error(fields["input"]!, DiagnosticCodes.InvalidExpression, $"A delivery has no '{Excerpt.Of(other)}'.", "Read input.body and input.headers: no run exists yet.");
        }

        return name is null || !isReference ? null : new WebhookTrigger(name.Text, references[0], window, input);
    }

    private static YamlScalar? ReadName(Fields fields)
    {
        fields.Require("name", "A trigger", "Add 'name: …': its address, or what lists call it.");
        return fields.Name("name", Names.Workflow, Names.WorkflowRemedy);
    }
}
