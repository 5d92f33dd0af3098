using System.CommandLine;

namespace AgentFlow.Cli.Json;

/// <summary><c>af json</c>: what the platform itself does with JSON, for scripts and for checking other implementations.</summary>
internal static class JsonCommand
{
    public static Command Create() => new("json", "Canonical JSON")
    {
        CanonicalizeCommand.Create(),
    };
}
