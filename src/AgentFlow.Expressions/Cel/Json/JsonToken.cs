using System.Text.Json;

namespace AgentFlow.Expressions.Cel.Json;

/// <summary>Where one JSON value or property name lies in its source.</summary>
internal struct JsonToken
{
    /// <summary>First byte; of a string, the one after the quote.</summary>
    public int Start;

    /// <summary>Bytes; of a string, without the quotes.</summary>
    public int Length;

    /// <summary>The token after this one and all that it contains.</summary>
    public int Next;

    /// <summary>Elements of an array, members of an object.</summary>
    public int Count;

    public JsonTokenType Type;

    /// <summary>A string or name with backslashes.</summary>
    public bool Escaped;
}
