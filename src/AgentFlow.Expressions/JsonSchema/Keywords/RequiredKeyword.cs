using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonSchema.Keywords;

/// <summary>A property's name with its position among those that a keyword asks for.</summary>
internal sealed record RequiredName(string Name, int Index);

/// <summary>Names that an object has to have, looked up in one pass over its members.</summary>
internal sealed class RequiredNames
{
    private readonly string[] _names;
    private readonly NameMap<RequiredName> _map;

    public RequiredNames(IEnumerable<string> names)
    {
        _names = [.. names.Distinct(StringComparer.Ordinal)];
        _map = new NameMap<RequiredName>([.. _names.Select((n, i) => KeyValuePair.Create(n, new RequiredName(n, i)))]);
    }

    /// <summary>Whether all are there; when not, those that are missing.</summary>
    public bool AllIn(JsonElement instance, bool wantsMissing, out IEnumerable<string> missing)
    {
        missing = [];
        if (instance.GetPropertyCount() < _names.Length && !wantsMissing) return false;

        Span<bool> seen = _names.Length <= 256 ? stackalloc bool[_names.Length] : new bool[_names.Length];
        int count = 0;
        foreach (JsonProperty member in instance.EnumerateObject())
        {
            if (_map.Find(JsonText.Utf8Name(member)) is not { } name || seen[name.Index]) continue;
            seen[name.Index] = true;
            if (++count == _names.Length) return true;
        }

        if (count == _names.Length) return true;
        if (!wantsMissing) return false;
        var absent = new List<string>();
        for (int i = 0; i < _names.Length; i++)
        {
            if (!seen[i]) absent.Add(_names[i]);
        }

        missing = absent;
        return false;
    }
}

/// <summary><c>required</c>.</summary>
internal sealed class RequiredKeyword(IEnumerable<string> names) : Keyword
{
    private readonly RequiredNames _names = new(names);

    public override bool AppliesTo(JsonValueKind kind) => kind == JsonValueKind.Object;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        if (_names.AllIn(instance, evaluation.Collects, out IEnumerable<string> missing)) return true;
        foreach (string name in missing) evaluation.Fail("required", $"The property '{Describe.Short(name)}' is missing.");
        return false;
    }
}

/// <summary><c>dependentRequired</c>, and the same half of <c>dependencies</c> of earlier drafts.</summary>
internal sealed class DependentRequiredKeyword(string keyword, IEnumerable<(string Name, IReadOnlyList<string> Required)> entries) : Keyword
{
    private readonly (string Name, RequiredNames Trigger, RequiredNames Required)[] _entries =
        [.. entries.Select(e => (e.Name, new RequiredNames([e.Name]), new RequiredNames(e.Required)))];

    public override bool AppliesTo(JsonValueKind kind) => kind == JsonValueKind.Object;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        bool valid = true;
        foreach ((string name, RequiredNames trigger, RequiredNames required) in _entries)
        {
            if (!trigger.AllIn(instance, wantsMissing: false, out _)) continue;
            if (required.AllIn(instance, evaluation.Collects, out IEnumerable<string> missing)) continue;
            valid = false;
            if (!evaluation.Collects) break;
            foreach (string absent in missing)
            {
                evaluation.Fail(keyword, $"The property '{Describe.Short(absent)}' is missing; '{Describe.Short(name)}' asks for it.");
            }
        }

        return valid;
    }
}
