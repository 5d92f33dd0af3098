using System.Text.Json;
using AgentFlow.Expressions.JsonPath.Evaluation;

namespace AgentFlow.Expressions.JsonPath;

/// <summary>A value that a query selected, and where it stands.</summary>
public readonly struct JsonPathNode
{
    private readonly Located<JsonElement> _node;

    internal JsonPathNode(Located<JsonElement> node) => _node = node;

    public JsonElement Value => _node.Value;

    /// <summary>The normalized path (RFC 9535 §2.7), made anew at each call: it is as long as the value is deep.</summary>
    public string Path => Location.PathOf(_node.Place);
}
