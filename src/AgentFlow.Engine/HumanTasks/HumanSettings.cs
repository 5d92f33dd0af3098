using System.Text.Json;
using AgentFlow.Contracts.Text;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Engine.HumanTasks;

/// <summary>Reads who is asked, how, and for how long, from the settings of an agent, a <c>human:</c> or an <c>approval:</c>; collects what is wrong.</summary>
internal sealed class HumanSettings(JsonElement settings)
{
    private const int MaxEscalations = 10;

    private readonly List<AgentProblem> _problems = [];
    private readonly List<string> _known = [];

    public IReadOnlyList<AgentProblem> Problems => _problems;

    /// <summary>The order but for what each step adds.</summary>
    public HumanTaskOrder Order()
    {
        TimeSpan? timeout = Duration(settings, "timeout", "timeout");
        string? title = Text(settings, "title", "title");
        var order = new HumanTaskOrder
        {
            Title = title ?? Text(settings, "role", "role") ?? "",
            Description = Text(settings, "description", "description") ?? "",
            Form = Form(),
            To = Find(settings, "assignee") is { } to ? To(to, "assignee") : Assignee.Anybody,
            Priority = Priority(),
            Timeout = timeout,
            DefaultAnswer = OnTimeout(timeout),
            Escalations = Escalations(timeout),
        };
        if (order.Title.Length == 0)
        {
            Problem("title", "Nobody would know what to do: there is no 'title'.", "Add 'title: …', one line that says what is to be done.");
        }

        if (order is { Form: { } form, DefaultAnswer: { } answer } && JsonSchema.TryCompile(JsonElement.Parse(form.Utf8.Span), out JsonSchema? schema, out _) && schema.Validate(answer.Utf8) is { Valid: false } result)
        {
            Problem("on_timeout", $"The answer of 'on_timeout' does not fit the form: {result.Errors[0]}", "Write an answer that the form takes.");
        }

        return order;
    }

    public Assignee To(JsonElement at, string place)
    {
        if (at.ValueKind != JsonValueKind.Object)
        {
            Problem(place, $"'{place}' is no mapping.", "Write { role: approver } or { user: anna }.");
            return Assignee.Anybody;
        }

        foreach (JsonProperty member in at.EnumerateObject().Where(m => m.Name is not ("role" or "user")))
        {
            Problem($"{place}.{member.Name}", $"'{member.Name}' does not name anybody.", "Write { role: approver } or { user: anna }.");
        }

        var to = new Assignee(Text(at, "role", place + ".role"), Text(at, "user", place + ".user"));
        if (to.Role is not null == to.User is not null)
        {
            Problem(place, to.Role is null ? $"'{place}' names nobody." : $"'{place}' names a role and a user.", "Write { role: approver } or { user: anna }.");
        }

        return to;
    }

    public IReadOnlyList<Escalation> Escalations(TimeSpan? timeout)
    {
        if (Find(settings, "escalate") is not { } list)
        {
            return [];
        }

        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() is 0 or > MaxEscalations)
        {
            Problem("escalate", $"'escalate' is no list of one to {MaxEscalations} steps.", "Write [{ after: 1h, to: { role: manager } }].");
            return [];
        }

        var steps = new List<Escalation>();
        for (int i = 0; i < list.GetArrayLength(); i++)
        {
            JsonElement item = list[i];
            string place = $"escalate[{i}]";
            if (item.ValueKind != JsonValueKind.Object || Duration(item, "after", place + ".after") is not { } after || !item.TryGetProperty("to", out JsonElement to))
            {
                Problem(place, "An escalation needs 'after' and 'to'.", "Write { after: 1h, to: { role: manager } }.");
                continue;
            }

            if ((steps.Count > 0 && after <= steps[^1].After) || after >= timeout)
            {
                Problem(place + ".after", "It comes no later than the step before, or not before the timeout.", "Times count from the task's creation: put them in ascending order, all before 'timeout'.");
            }

            steps.Add(new Escalation(after, To(to, place + ".to")));
        }

        return steps;
    }

    public TimeSpan? Timeout() => Duration(settings, "timeout", "timeout");

    public string? Text(string name) => Text(settings, name, name);

    /// <summary>Reports settings that nobody has asked for.</summary>
    public void End(string what, params ReadOnlySpan<string> further)
    {
        _known.AddRange(further);
        foreach (JsonProperty setting in settings.EnumerateObject().Where(s => !_known.Contains(s.Name)))
        {
            Problem(setting.Name, $"'{setting.Name}' is no setting of {what}{NearWord.Hint(setting.Name, _known)}.", $"It takes {string.Join(", ", _known.Distinct())}.");
        }
    }

    private Payload? Form()
    {
        if (Find(settings, "form") is not { } form)
        {
            return null;
        }

        if (!JsonSchema.TryCompile(form, out _, out IReadOnlyList<SchemaError> errors))
        {
            Problem("form", $"'form' is not JSON Schema: {errors[0]}", "Write the answer's JSON Schema: { type: object, required: [ok], properties: { ok: { type: boolean } } }.");
        }

        return Payload.FromText(form.GetRawText());
    }

    private int Priority()
    {
        if (Find(settings, "priority") is not { } priority)
        {
            return HumanTaskOrder.DefaultPriority;
        }

        if (priority.ValueKind == JsonValueKind.Number && priority.TryGetInt32(out int number) && number is >= 1 and <= 10)
        {
            return number;
        }

        Problem("priority", "'priority' is out of range.", "Write a whole number from 1, the least urgent, to 10.");
        return HumanTaskOrder.DefaultPriority;
    }

    private Payload? OnTimeout(TimeSpan? timeout)
    {
        if (Find(settings, "on_timeout") is not { } wanted)
        {
            return null;
        }

        if (timeout is null)
        {
            Problem("on_timeout", "'on_timeout' has no meaning without 'timeout'.", "Add 'timeout: 2d', or remove it.");
        }

        if (wanted.ValueKind == JsonValueKind.String && wanted.ValueEquals("fail"))
        {
            return null;
        }

        if (wanted.ValueKind == JsonValueKind.Object && wanted.TryGetProperty("answer", out JsonElement answer) && wanted.EnumerateObject().Count() == 1)
        {
            return Payload.FromText(answer.GetRawText());
        }

        Problem("on_timeout", "'on_timeout' is neither 'fail' nor an answer.", "Write 'fail', or { answer: … } with what the form takes.");
        return null;
    }

    private TimeSpan? Duration(JsonElement at, string name, string place)
    {
        if (Find(at, name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String && DurationText.Parse(value.GetString()!) is { } duration && duration > TimeSpan.Zero && duration <= DurationText.Longest)
        {
            return duration;
        }

        Problem(place, $"'{name}' is no duration.", "Write a number with a unit: 30m, 2h, 7d.");
        return null;
    }

    private string? Text(JsonElement at, string name, string place)
    {
        if (Find(at, name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text)
        {
            return text;
        }

        Problem(place, $"'{name}' is no text.", "Write text.");
        return null;
    }

    private JsonElement? Find(JsonElement at, string name)
    {
        if (at.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        _known.Add(name);
        return at.TryGetProperty(name, out JsonElement value) ? value : null;
    }

    private void Problem(string place, string message, string remedy) => _problems.Add(new AgentProblem(place, message, remedy));
}
