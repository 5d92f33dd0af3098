using AgentFlow.Contracts.Errors;

namespace AgentFlow.Server.Http;

/// <summary>What clients may ask for with <c>Accept</c>.</summary>
internal static class MediaTypes
{
    /// <summary>The API's own type; its number is the API's version.</summary>
    public const string Versioned = "application/vnd.agentflow.v1+json";

    private const string VersionPrefix = "application/vnd.agentflow.v";

    /// <summary>The type of a JSON answer.</summary>
    /// <exception cref="ProblemException">The request accepts only versions of the API that this server does not speak.</exception>
    public static string ForJson(HttpContext context)
    {
        string accept = context.Request.Headers.Accept.ToString();
        if (!accept.Contains(VersionPrefix, StringComparison.OrdinalIgnoreCase))
        {
            return RequestBody.Json;
        }

        if (accept.Contains(Versioned, StringComparison.OrdinalIgnoreCase))
        {
            return Versioned;
        }

        return Accepts(context, RequestBody.Json)
            ? RequestBody.Json
            : throw new ProblemException(ErrorCode.NotAcceptable, $"This server speaks version 1 of the API: accept {Versioned} or {RequestBody.Json}.");
    }

    /// <summary>Whether the request accepts a type, by name or by wildcard. A request without <c>Accept</c> accepts everything.</summary>
    public static bool Accepts(HttpContext context, string type)
    {
        string accept = context.Request.Headers.Accept.ToString();
        if (accept.Length == 0)
        {
            return true;
        }

        ReadOnlySpan<char> family = type.AsSpan(0, type.IndexOf('/', StringComparison.Ordinal) + 1);
        foreach (Range part in accept.AsSpan().Split(','))
        {
            ReadOnlySpan<char> offer = accept.AsSpan(part);
            int end = offer.IndexOf(';');
            offer = (end < 0 ? offer : offer[..end]).Trim();
            bool wildcard = offer is "*/*" || (offer.EndsWith("/*") && offer[..^1].Equals(family, StringComparison.OrdinalIgnoreCase));
            if (wildcard || offer.Equals(type, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }
}
