using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Compilation;

namespace AgentFlow.Expressions.JsonSchema;

/// <summary>
/// One validation under way: its limits, the dynamic scope, and, while errors are wanted, where it is and what it found.
/// A first run only asks whether the instance is valid; only a second one over an invalid instance keeps paths.
/// </summary>
internal sealed class Evaluation(long steps, int maxErrors)
{
    private readonly List<SchemaResource> _scope = [];
    private readonly List<object> _instancePath = [];
    private readonly List<object> _keywordPath = [];
    private readonly Stack<EvaluatedSet> _spareSets = new();
    private long _steps = steps;

    /// <summary>Whether errors are wanted. While it is not, a keyword may return as soon as it knows that it fails.</summary>
    public bool Collects { get; private set; }

    public List<SchemaFailure> Failures { get; private set; } = [];

    public bool IsFull => Failures.Count >= maxErrors;

    /// <summary>Entered before every schema.</summary>
    /// <exception cref="EvaluationAbortedException">The work is too much or too deep.</exception>
    public void Enter(SchemaNode node)
    {
        if (--_steps < 0)
        {
            throw new EvaluationAbortedException("The schema needs too many steps for this instance. Remove alternatives or references that multiply.");
        }

        CheckStack();
        _scope.Add(node.Resource);
    }

    /// <exception cref="EvaluationAbortedException">The thread's stack is nearly used up.</exception>
    public static void CheckStack()
    {
        if (RuntimeHelpers.TryEnsureSufficientExecutionStack()) return;
        throw new EvaluationAbortedException(
            "The evaluation is nested too deeply. Make the instance flatter, or look for references that lead back to themselves.");
    }

    public void Leave() => _scope.RemoveAt(_scope.Count - 1);

    /// <summary>The outermost schema resource on the way here that has the dynamic anchor (Core 8.2.3.2).</summary>
    public SchemaNode? FindDynamic(string anchor)
    {
        foreach (SchemaResource resource in _scope)
        {
            if (resource.DynamicNodes.TryGetValue(anchor, out SchemaNode? node)) return node;
        }

        return null;
    }

    public bool Probe(SchemaNode node, JsonElement instance, EvaluatedSet? evaluated)
    {
        bool collects = Collects;
        Collects = false;
        bool valid = node.Evaluate(instance, this, evaluated);
        Collects = collects;
        return valid;
    }

    /// <summary>Evaluates the same instance under a keyword's subschema.</summary>
    public bool InPlace(SchemaNode node, JsonElement instance, EvaluatedSet? evaluated, string keyword, object? token = null)
    {
        if (!Collects) return node.Evaluate(instance, this, evaluated);
        int keywords = PushKeyword(keyword, token);
        bool valid = node.Evaluate(instance, this, evaluated);
        _keywordPath.RemoveRange(keywords, _keywordPath.Count - keywords);
        return valid;
    }

    /// <summary>Evaluates a member or item under a keyword's subschema.</summary>
    /// <param name="place">Its name (a function of it, made only when errors are wanted) or index.</param>
    public bool Child(SchemaNode node, JsonElement child, Place place, string keyword, object? token = null)
    {
        if (!Collects) return node.Evaluate(child, this, null);
        int keywords = PushKeyword(keyword, token);
        _instancePath.Add(place.Token());
        bool valid = node.Evaluate(child, this, null);
        _instancePath.RemoveAt(_instancePath.Count - 1);
        _keywordPath.RemoveRange(keywords, _keywordPath.Count - keywords);
        return valid;
    }

    /// <summary>Notes that a keyword refuses the instance. Always false, for use in a return.</summary>
    public bool Fail(string keyword, string message) => FailAt(null, keyword, message);

    /// <summary>Notes that a keyword refuses a member or an item of the instance.</summary>
    public bool FailAt(Place? place, string? keyword, string message)
    {
        if (Collects && !IsFull)
        {
            string instance = Pointer(_instancePath);
            if (place is { } child) instance = Append(instance, child.Token());
            Failures.Add(new SchemaFailure(instance, keyword is null ? Pointer(_keywordPath) : JsonPointer.Append(Pointer(_keywordPath), keyword), message));
        }

        return false;
    }

    /// <summary>Collects the errors of one subschema apart from the others.</summary>
    public List<SchemaFailure> Collected(SchemaNode node, JsonElement instance, string keyword, object? token)
    {
        List<SchemaFailure> outer = Failures;
        Failures = [];
        InPlace(node, instance, null, keyword, token);
        List<SchemaFailure> inner = Failures;
        Failures = outer;
        return inner;
    }

    public void Add(IEnumerable<SchemaFailure> failures)
    {
        foreach (SchemaFailure failure in failures)
        {
            if (!IsFull) Failures.Add(failure);
        }
    }

    public void StartCollecting() => Collects = true;

    public EvaluatedSet Rent(int count)
    {
        if (!_spareSets.TryPop(out EvaluatedSet? set)) set = new EvaluatedSet();
        set.Reset(count);
        return set;
    }

    public void Return(EvaluatedSet set) => _spareSets.Push(set);

    private int PushKeyword(string keyword, object? token)
    {
        int count = _keywordPath.Count;
        _keywordPath.Add(keyword);
        if (token is not null) _keywordPath.Add(token);
        return count;
    }

    private static string Pointer(List<object> path)
    {
        var pointer = new StringBuilder();
        foreach (object token in path) pointer.Append(Append("", token));
        return pointer.ToString();
    }

    private static string Append(string pointer, object token) => token is int index
        ? JsonPointer.Append(pointer, index)
        : JsonPointer.Append(pointer, Convert.ToString(token, CultureInfo.InvariantCulture)!);
}

/// <summary>A member or an index, whose name is only made when it is asked for.</summary>
internal readonly struct Place
{
    private readonly JsonProperty? _member;
    private readonly int _index;

    public Place(JsonProperty member) => _member = member;

    public Place(int index) => _index = index;

    public object Token() => _member is { } member ? Values.JsonText.Name(member) : _index;
}

/// <summary>Validation ends without an answer; the instance counts as invalid.</summary>
internal sealed class EvaluationAbortedException(string message) : Exception(message);
