namespace AgentFlow.Expressions.Cel;

/// <summary>A source that does not compile. Carries every problem found, in source order.</summary>
public sealed class CelCompileException : FormatException
{
    public CelCompileException(string source, IReadOnlyList<CelError> errors)
        : base(string.Join(Environment.NewLine, errors))
    {
        SourceText = source;
        Errors = errors;
    }

    /// <summary>The source that was compiled.</summary>
    public string SourceText { get; }

    /// <summary>At least one error.</summary>
    public IReadOnlyList<CelError> Errors { get; }
}

/// <summary>Bytes that are not the JSON <see cref="CelValue.FromJson"/> reads, or a value that has no JSON form.</summary>
public sealed class CelJsonException : FormatException
{
    public CelJsonException(string message)
        : base(message)
    {
    }

    public CelJsonException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
