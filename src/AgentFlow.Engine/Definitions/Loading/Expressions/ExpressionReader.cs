using System.Text.Json;
using AgentFlow.Engine.Definitions.Loading.Plans;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Secrets;
using AgentFlow.Expressions.Cel;
using AgentFlow.Expressions.Cel.Analysis;

namespace AgentFlow.Engine.Definitions.Loading.Expressions;

/// <summary>Compiles conditions and templates; every problem is reported at its place inside the YAML.</summary>
internal sealed class ExpressionReader(YamlText text, Findings findings)
{
    // Of a large object the first names show what it is.
    private const int NamesInRemedy = 20;
    private const int NamesToCompare = 500;

    private readonly List<Compiled> _compiled = [];
    private readonly SortedSet<string> _environment = new(StringComparer.Ordinal);
    private YamlNode? _vars;
    private ScalarPositions? _positions;

    /// <summary>Names behind <c>env.</c> in everything that was compiled.</summary>
    public IReadOnlyCollection<string> EnvironmentNames => _environment;

    /// <summary>Sets what <c>vars</c> is, so that reading what it does not have is a mistake; <see langword="null"/>: there are none.</summary>
    public void SetVars(YamlNode? vars) => _vars = vars;

    /// <summary>A condition: bare CEL.</summary>
    public CelExpression? Condition(YamlNode node, StepScope scope)
    {
        if (node is not YamlScalar { Kind: ScalarKind.Text or ScalarKind.Boolean } scalar)
        {
            findings.Error(node, DiagnosticCodes.WrongType, $"Expected a condition, found {node.Describe()}.", "Write an expression that is true or false: 'output.confidence < 0.7'.");
            return null;
        }

        string source = scalar.Text.Trim();
        int offset = scalar.Text.Length - scalar.Text.TrimStart().Length;
        if (source.StartsWith("{{", StringComparison.Ordinal))
        {
            findings.Error(node, DiagnosticCodes.ForeignExpression, "'{{ … }}' is another system's way to mark an expression.", "A condition is one expression: write it without braces.");
            return null;
        }

        if (source.StartsWith("${", StringComparison.Ordinal) && source.EndsWith('}'))
        {
            findings.Error(node, DiagnosticCodes.WrappedCondition, "A condition is an expression already; '${' and '}' mark one inside of text.", "Write it without '${' and '}'.");
            string inner = source[2..^1];
            offset += 2 + inner.Length - inner.TrimStart().Length;
            source = inner.Trim();
            if (source.StartsWith('{'))
            {
                return null;
            }
        }

        return Compile(source, scalar, offset, scope, isCondition: true);
    }

    /// <summary>What a step gets: a value with <c>${…}</c> and references to secrets in its strings; <see langword="null"/> when one does not compile.</summary>
    public ValueTemplate? Input(YamlNode node, StepScope scope)
    {
        foreach (YamlScalar scalar in Secretive(node))
        {
            CheckSecrets(scalar);
        }

        return Template(node, scope);
    }

    /// <summary>What a run gives: the same without secrets.</summary>
    public ValueTemplate? Output(YamlNode node, StepScope scope)
    {
        WarnOfUnresolved(node);
        return Template(node, scope);
    }

    /// <summary>Warns of references to secrets where nothing resolves them.</summary>
    public void WarnOfUnresolved(YamlNode node)
    {
        foreach (YamlScalar scalar in Secretive(node))
        {
            findings.Warning(
                Locate(scalar, scalar.Text.IndexOf(SecretReference.Scheme, StringComparison.Ordinal)), DiagnosticCodes.UnresolvedSecret,
                "A reference to a secret is resolved in the input of a step only; here it stays a text.", "Write it into the 'input' of the step that needs it.");
        }
    }

    private ValueTemplate? Template(YamlNode node, StepScope scope)
    {
        JsonElement value = YamlJson.ToElement(node, findings);
        YamlScalar[] marked = [.. Marked(node)];
        return ValueTemplate.Compile(value, expression => Compile(expression, marked[expression.StringIndex], scope));
    }

    /// <summary>Warns of <c>${…}</c> where nothing evaluates it.</summary>
    public void WarnOfUnevaluated(YamlNode node, string where)
    {
        foreach (YamlScalar scalar in Marked(node))
        {
            findings.Warning(scalar, DiagnosticCodes.UnevaluatedExpression, $"'${{' has no meaning in {where}: nothing is evaluated there.", "Put the expression where the value is used.");
        }
    }

    /// <summary>The strings that <see cref="ValueTemplate"/> looks for expressions in, in its order.</summary>
    private static IEnumerable<YamlScalar> Marked(YamlNode node) => node switch
    {
        YamlScalar scalar => scalar.Kind == ScalarKind.Text && ValueTemplate.HasMarker(scalar.Text) ? [scalar] : [],
        YamlSequence sequence => sequence.Items.SelectMany(Marked),
        _ => ((YamlMapping)node).Entries.SelectMany(e => Marked(e.Value)),
    };

    private static IEnumerable<YamlScalar> Secretive(YamlNode node) => node switch
    {
        YamlScalar scalar => scalar.Kind == ScalarKind.Text && scalar.Text.Contains(SecretReference.Scheme, StringComparison.Ordinal) ? [scalar] : [],
        YamlSequence sequence => sequence.Items.SelectMany(Secretive),
        _ => ((YamlMapping)node).Entries.SelectMany(e => Secretive(e.Value)),
    };

    /// <summary>Which secret is meant must stand in the file: a name that is computed could be any.</summary>
    private void CheckSecrets(YamlScalar scalar)
    {
        int at = 0;
        while (at < scalar.Text.Length)
        {
            bool found = SecretReference.TryFind(scalar.Text, at, out _, out int start, out int length);
            if (start < 0)
            {
                return;
            }

            at = start + length;
            if (!found || scalar.Text.AsSpan(at).StartsWith("${"))
            {
                findings.Error(
                    Locate(scalar, start), DiagnosticCodes.InvalidSecret, "This reference to a secret has no name, or one that an expression would complete.",
                    "Write secret://NAME or secret://NAME#FIELD with letters, digits, '-' and '_', and a space or another character before an expression.");
            }
        }
    }

    private CelExpression? Compile(TemplateExpression expression, YamlScalar scalar, StepScope scope)
    {
        if (!expression.IsClosed)
        {
            findings.Error(Locate(scalar, expression.Offset), DiagnosticCodes.UnclosedExpression, "No '}' closes this '${'.", "Add it, or write '$${' for a literal '${'.");
            return null;
        }

        if (IsDoublyBraced(expression.Source))
        {
            findings.Error(Locate(scalar, expression.Offset), DiagnosticCodes.ForeignExpression, "'${{ … }}' is another system's way to mark an expression.", "Write '${ … }', with single braces.");
            return null;
        }

        return Compile(expression.Source, scalar, expression.Offset, scope);
    }

    private CelExpression? Compile(string source, YamlScalar scalar, int start, StepScope scope, bool isCondition = false)
    {
        if (findings.IsFull)
        {
            return null;
        }

        string[] ofLoops = [.. scope.AllVariables];
        CelOptions options = ofLoops.Length == 0 ? WorkflowExpressions.Options : WorkflowExpressions.Options with { KnownVariables = [.. RunVariables.Names, .. ofLoops] };
        if (!CelExpression.TryCompile(source, options, out CelExpression? expression, out IReadOnlyList<CelError> errors))
        {
            foreach (CelError error in errors)
            {
                Report(error, source, Locate(scalar, start + Math.Max(0, error.Offset)), [.. RunVariables.Names, .. ofLoops]);
            }

            return null;
        }

        foreach (CelReference reference in expression.References)
        {
            Check(reference, Locate(scalar, start + reference.Offset), scope);
        }

        _compiled.Add(new Compiled(expression, scalar, start, scope, isCondition));
        return expression;
    }

    /// <summary>Other systems write <c>${{ x }}</c>; here that would be a map literal, which needs a colon.</summary>
    private static bool IsDoublyBraced(string source) =>
        source is ['{', .., '}']
        && !CelExpression.TryCompile(source, WorkflowExpressions.Options, out _, out _)
        && (CelExpression.TryCompile(source[1..^1], WorkflowExpressions.Options, out _, out IReadOnlyList<CelError> errors) || errors[0].Code != CelErrorCodes.Syntax);

    private void Report(CelError error, string source, int place, IReadOnlyList<string> known)
    {
        string word = Excerpt.Of(WordAt(source, error.Offset));
        switch (error.Code)
        {
            case CelErrorCodes.UnknownVariable when word.Length > 0:
                string meant = word is "item" or "index" ? $"Only in the 'do' of a {(word is "item" ? "'foreach'" : "loop")} there is one. " : word is "response" or "result" or "results" or "outputs" or "data" ? "Did you mean 'output'? " : findings.Suggest(word, known);
                findings.Error(place, DiagnosticCodes.InvalidExpression, $"'{word}' is not a name that expressions know.", meant + $"Known: {string.Join(", ", known)}; text stands in quotes.");
                break;
            case CelErrorCodes.UnknownFunction when word.Length > 0:
                findings.Error(place, DiagnosticCodes.InvalidExpression, $"There is no function '{word}' with these arguments.", "docs/reference/workflow-file.md lists the functions.");
                break;
            default:
                findings.Error(place, DiagnosticCodes.InvalidExpression, Sentence(error.Message), "Expressions are CEL; docs/reference/workflow-file.md shows how they are written.");
                break;
        }
    }

    private static string WordAt(string source, int offset)
    {
        int end = Math.Max(0, offset);
        while (end < source.Length && (char.IsAsciiLetterOrDigit(source[end]) || source[end] == '_'))
        {
            end++;
        }

        return offset < 0 ? "" : source[offset..end];
    }

    private void Check(CelReference reference, int place, StepScope scope)
    {
        switch (reference.Root)
        {
            case "steps" when reference.Segments.Count > 1:
                CheckStep(reference, place, scope);
                break;
            case "env" when reference.Segments.Count == 1:
                findings.Error(place, DiagnosticCodes.EnvironmentName, "'env' is used without a name, or with a computed one.", "Name the variable: env.NAME. Only named ones are read when a run starts.");
                break;
            case "env" when Names.Step.IsMatch(reference.Segments[1]):
                _environment.Add(reference.Segments[1]);
                break;
            case "env":
                findings.Error(place, DiagnosticCodes.EnvironmentName, $"'{Excerpt.Of(reference.Segments[1])}' cannot be the name of an environment variable.", "Use letters, digits and '_': env.NAME reads AF_ENV_NAME.");
                break;
            case "vars":
                CheckVars(reference, place);
                break;
            case "run" or "error":
                CheckField(reference, 1, reference.Root == "run" ? RunVariables.RunFields : RunVariables.ErrorFields, place);
                break;
        }
    }

    private void CheckStep(CelReference reference, int place, StepScope scope)
    {
        string id = Excerpt.Of(reference.Segments[1]);
        switch (scope.Find(reference.Segments[1]))
        {
            case null:
                findings.Error(place, DiagnosticCodes.UnknownStep, $"There is no step '{id}' in this scope or around it.", findings.Suggest(id, scope.Ids()) + "Name a state or step of the file.");
                return;
            case StepOrder.Unordered:
                findings.Error(place, DiagnosticCodes.MissingDependency, $"'{Excerpt.Of(scope.Reader ?? "")}' reads 'steps.{id}' but does not wait for it.", $"Add '{id}' to the 'depends_on' of the step, or of one that it depends on.");
                break;
            case StepOrder.Never:
                findings.Warning(place, DiagnosticCodes.UnvisitedStep, $"No path visits '{id}' before this is evaluated; 'steps.{id}' will not be there.", $"Test it with has(steps.{id}), or read another state.");
                break;
        }

        CheckField(reference, 2, RunVariables.StepFields, place);
        if (reference.Segments.Count > 3 && reference.Segments[2] == "error")
        {
            CheckField(reference, 3, RunVariables.ErrorFields, place);
        }
    }

    private void CheckField(CelReference reference, int index, IReadOnlyCollection<string> known, int place)
    {
        if (reference.Segments.Count > index && !known.Contains(reference.Segments[index], StringComparer.Ordinal))
        {
            string owner = string.Join('.', reference.Segments.Take(index));
            string has = known.Count == 0 ? "It has nothing." : $"It has: {string.Join(", ", known.Take(NamesInRemedy))}{(known.Count > NamesInRemedy ? ", …" : "")}.";
            findings.Error(place, DiagnosticCodes.UnknownField, $"'{Excerpt.Of(owner)}' has no '{Excerpt.Of(reference.Segments[index])}'.", findings.Suggest(reference.Segments[index], known) + has);
        }
    }

    private void CheckVars(CelReference reference, int place)
    {
        YamlNode? at = _vars;
        for (int i = 1; i < reference.Segments.Count && at is null or YamlMapping; i++)
        {
            if (at is not YamlMapping mapping || mapping.FindEntry(reference.Segments[i]) is not { } entry)
            {
                bool isTested = reference.IsPresenceTest && i == reference.Segments.Count - 1;
                if (!isTested)
                {
                    CheckField(reference, i, [.. (at as YamlMapping)?.Entries.Take(NamesToCompare).Select(e => Excerpt.Of(e.Key.Text)) ?? []], place);
                }

                return;
            }

            at = entry.Value;
        }
    }

    /// <summary>Holds everything that was compiled against the schemas of what it reads, once the whole plan is known.</summary>
    public void CheckTypes(JsonElement? inputSchema, JsonElement vars, PlanBodies bodies)
    {
        var types = new ExpressionTypes(CelShape.FromSchema(inputSchema), CelShape.FromValue(vars), bodies);
        foreach (Compiled one in _compiled)
        {
            foreach (CelFinding finding in CelAnalyzer.Check(one.Expression, name => types.Of(name, one.Scope, one.IsCondition), one.IsCondition))
            {
                Report(finding, Locate(one.Scalar, one.Start + finding.Offset));
            }
        }
    }

    private void Report(CelFinding finding, int place)
    {
        string message = $"{Sentence(finding.Message)}";
        switch (finding.Kind)
        {
            case CelFindingKind.UnknownField or CelFindingKind.UndeclaredField:
                string known = finding.Known is { Count: > 0 } names ? $"It has: {string.Join(", ", names.Take(NamesInRemedy).Select(Excerpt.Of))}{(names.Count > NamesInRemedy ? ", …" : "")}." : "It has nothing.";
                string remedy = findings.Suggest(finding.Field!, finding.Known ?? []) + known;
                if (finding.Kind == CelFindingKind.UnknownField)
                {
                    findings.Error(place, DiagnosticCodes.UnknownField, message, remedy);
                }
                else
                {
                    findings.Warning(place, DiagnosticCodes.UndeclaredField, message, remedy + " Declare it in the schema, or test it with has().");
                }

                break;
            case CelFindingKind.TypeMismatch:
                findings.Error(place, DiagnosticCodes.TypeMismatch, message, "Compare with the schema of what is read, or convert: int(…), string(…).");
                break;
            default:
                findings.Warning(place, DiagnosticCodes.ConstantCondition, message, "Correct it, or leave it out: nothing is decided here.");
                break;
        }
    }

    private int Locate(YamlScalar scalar, int index)
    {
        if (_positions?.Scalar != scalar)
        {
            _positions = new ScalarPositions(text.Text, scalar);
        }

        return _positions.Locate(index);
    }

    private static string Sentence(string message)
    {
        string trimmed = Excerpt.Line(message).TrimEnd('.', '?');
        return trimmed.Length == 0 ? "The expression does not compile." : char.ToUpperInvariant(trimmed[0]) + trimmed[1..] + ".";
    }

    private sealed record Compiled(CelExpression Expression, YamlScalar Scalar, int Start, StepScope Scope, bool IsCondition);
}
