using AgentFlow.Contracts.Errors;

namespace AgentFlow.Server.Features.Docs;

/// <summary>What a handler's signature does not tell a reader of the API; becomes part of the OpenAPI document.</summary>
internal static class EndpointNotes
{
    public static RouteHandlerBuilder Says(this RouteHandlerBuilder endpoint, string operation, string tag, string summary, string? description = null)
    {
        endpoint.WithName(operation).WithTags(tag).WithSummary(summary);
        return description is null ? endpoint : endpoint.WithDescription(description);
    }

    /// <summary>A query parameter or header.</summary>
    public static RouteHandlerBuilder Takes(this RouteHandlerBuilder endpoint, params ReadOnlySpan<ParameterNote> parameters)
    {
        foreach (ParameterNote parameter in parameters)
        {
            endpoint.WithMetadata(parameter);
        }

        return endpoint;
    }

    /// <summary>A body, in one of several forms.</summary>
    /// <param name="isRequired">False when an empty body is one without members.</param>
    public static RouteHandlerBuilder TakesBody<T>(this RouteHandlerBuilder endpoint, bool isRequired, params string[] textTypes) =>
        endpoint.WithMetadata(new BodyNote(typeof(T), isRequired, textTypes));

    /// <summary>A body that works as it stands, where the type alone says too little.</summary>
    /// <param name="json">A JSON object.</param>
    public static RouteHandlerBuilder Shows(this RouteHandlerBuilder endpoint, string json) => endpoint.WithMetadata(new ExampleNote(json));

    public static RouteHandlerBuilder Gives<T>(this RouteHandlerBuilder endpoint, int status, string description, string contentType = "application/json") =>
        endpoint.Produces<T>(status, contentType).WithMetadata(new AnswerNote(status, description));

    /// <summary>An answer without a body, or with one that is no JSON value.</summary>
    public static RouteHandlerBuilder Gives(this RouteHandlerBuilder endpoint, int status, string description, string? contentType = null) =>
        endpoint.Produces(status, contentType is null ? null : typeof(string), contentType).WithMetadata(new AnswerNote(status, description));

    /// <summary>The codes that the endpoint fails with, beyond those that every one can.</summary>
    public static RouteHandlerBuilder Fails(this RouteHandlerBuilder endpoint, params IEnumerable<ErrorCode> codes)
    {
        IEnumerable<ErrorCode> all = codes.Concat([ErrorCode.ParameterInvalid, ErrorCode.InternalError, ErrorCode.StoreUnavailable]);
        foreach (IGrouping<int, ErrorCode> status in all.GroupBy(c => c.Status))
        {
            endpoint.Produces<Problem>(status.Key, Problem.MediaType);
            endpoint.WithMetadata(new AnswerNote(status.Key, string.Join("; ", status.Select(c => $"`{c.Code}`: {c.Title}"))));
        }

        return endpoint;
    }
}

/// <param name="Type">JSON Schema type: <c>string</c>, <c>integer</c> or <c>boolean</c>.</param>
/// <param name="In"><c>query</c> or <c>header</c>.</param>
internal sealed record ParameterNote(string Name, string Type, string Description, string In = "query")
{
    public static readonly ParameterNote Size = new("page[size]", "integer", "Most items of the answer.") { Least = 1, Most = 500, Default = "50" };

    public static readonly ParameterNote Cursor = new("page[cursor]", "string", "The `next_cursor` of the page before.");

    public long? Least { get; init; }

    public long? Most { get; init; }

    public string? Default { get; init; }

    public IReadOnlyList<string> Words { get; init; } = [];
}

/// <param name="TextTypes">Media types under which the body is plain text instead of a JSON object.</param>
internal sealed record BodyNote(Type Type, bool IsRequired, IReadOnlyList<string> TextTypes);

/// <param name="Json">A JSON object.</param>
internal sealed record ExampleNote(string Json);

internal sealed record AnswerNote(int Status, string Description);
