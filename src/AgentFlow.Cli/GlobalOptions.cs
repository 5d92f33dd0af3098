using System.CommandLine;
using AgentFlow.Cli.Terminals;

namespace AgentFlow.Cli;

/// <summary>The options that every verb takes.</summary>
internal static class GlobalOptions
{
    public const string ServerVariable = "AF_SERVER";
    public const string TenantVariable = "AF_TENANT";
    public const string TokenVariable = "AF_TOKEN";

    public static Option<OutputFormat> Output { get; } = new("--output", "-o")
    {
        Description = "table for readers; json for programs: stdout then holds JSON alone.",
        HelpName = "json|table",
        Recursive = true,
        CustomParser = result => result.Tokens[0].Value switch
        {
            "json" => OutputFormat.Json,
            "table" => OutputFormat.Table,
            var other => Invalid(result, $"'{other}' is no output format. Use -o json or -o table."),
        },
    };

    public static Option<string?> Server { get; } = new("--server")
    {
        Description = $"The server to talk to: http://host:port, https://host or unix:/socket. Default: {ServerVariable}, else the engine inside this process.",
        HelpName = "address",
        Recursive = true,
    };

    public static Option<string?> Tenant { get; } = new("--tenant")
    {
        Description = $"The tenant to act in. Default: {TenantVariable}, else that of the token, else default.",
        HelpName = "name",
        Recursive = true,
    };

    public static Option<string?> Token { get; } = new("--token")
    {
        Description = $"The API key or access token to show to the server. Default: {TokenVariable}, which other users of this machine cannot see, else your login (af login).",
        HelpName = "text",
        Recursive = true,
    };

    public static Option<bool> NoColor { get; } = new("--no-color")
    {
        Description = "No colours. NO_COLOR in the environment does the same.",
        Recursive = true,
    };

    private static OutputFormat Invalid(System.CommandLine.Parsing.ArgumentResult result, string message)
    {
        result.AddError(message);
        return OutputFormat.Table;
    }
}
