using System.CommandLine;
using System.CommandLine.Parsing;

namespace AgentFlow.Cli.Json;

/// <summary><c>af json</c>: what the platform itself does with JSON, for scripts and for checking other implementations.</summary>
internal static class JsonCommand
{
    public static Command Create() => new("json", "Canonical JSON and JSON Schema.")
    {
        CanonicalizeCommand.Create(),
        JsonValidateCommand.Create(),
    };

    /// <summary>Whether the root's <c>--output</c> asks for JSON.</summary>
    internal static bool WantsJson(ParseResult parsed) =>
        parsed.GetResult("--output") is OptionResult { Tokens: [{ Value: "json" }] };
}
