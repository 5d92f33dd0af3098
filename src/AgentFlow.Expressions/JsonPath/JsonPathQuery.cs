using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using AgentFlow.Expressions.JsonPath.Evaluation;
using AgentFlow.Expressions.JsonPath.Syntax;

namespace AgentFlow.Expressions.JsonPath;

/// <summary>
/// A compiled JSONPath query (RFC 9535), with all of the standard's selectors and function extensions: compile once, select
/// often, from any thread. Numbers compare exactly, texts by code point; regular expressions (RFC 9485) take time linear in
/// the text. Documents may be nested at any depth, and none makes a query throw.
/// </summary>
public sealed class JsonPathQuery
{
    private JsonPathQuery(string text, Query root)
    {
        Text = text;
        Root = root;
    }

    /// <summary>The query <c>$</c>: the document itself.</summary>
    public static JsonPathQuery Document { get; } = new("$", new Query(isRelative: false, []));

    public string Text { get; }

    /// <summary>Whether the query selects one node at most, whatever the document (RFC 9535 §2.3.5.1).</summary>
    public bool IsSingular => Root.IsSingular;

    internal Query Root { get; }

    /// <summary>Compiles. The first problem ends it: wrong syntax, a number beyond ±(2^53 - 1), or a function used against its types.</summary>
    public static bool TryCompile(string text, [NotNullWhen(true)] out JsonPathQuery? query, [NotNullWhen(false)] out JsonPathError? error)
    {
        ArgumentNullException.ThrowIfNull(text);
        try
        {
            query = new JsonPathQuery(text, new QueryParser(text).Parse());
            error = null;
            return true;
        }
        catch (QuerySyntaxException problem)
        {
            query = null;
            error = new JsonPathError(problem.Message, Math.Min(problem.Offset, text.Length), text);
            return false;
        }
    }

    /// <summary>The values of the selected nodes in the order of RFC 9535; <see langword="null"/> when they cost more than the budget.</summary>
    /// <exception cref="OperationCanceledException">The budget's token was cancelled.</exception>
    public List<JsonElement>? Select(JsonElement document, JsonPathBudget budget)
    {
        ArgumentNullException.ThrowIfNull(budget);
        return new Walk<JsonElement, ElementTree>(default, document, budget, locates: false).Run(Root) is { } nodes
            ? nodes.ConvertAll(node => node.Value)
            : null;
    }

    /// <summary>As <see cref="Select"/>, with the normalized path of each node (RFC 9535 §2.7).</summary>
    /// <exception cref="OperationCanceledException">The budget's token was cancelled.</exception>
    public List<JsonPathNode>? Locate(JsonElement document, JsonPathBudget budget)
    {
        ArgumentNullException.ThrowIfNull(budget);
        return new Walk<JsonElement, ElementTree>(default, document, budget, locates: true).Run(Root) is { } nodes
            ? nodes.ConvertAll(node => new JsonPathNode(node))
            : null;
    }

    public override string ToString() => Text;
}
