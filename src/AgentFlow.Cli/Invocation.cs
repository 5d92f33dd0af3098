using System.CommandLine;
using System.Text.RegularExpressions;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli;

/// <summary>One start of a verb: what the user asked for, where to write, when to stop.</summary>
internal sealed partial class Invocation(ParseResult parsed, CancellationToken cancelled)
{
    public Terminal Terminal { get; } = new(parsed.GetValue(GlobalOptions.Output), parsed.GetValue(GlobalOptions.NoColor));

    /// <summary>Set by Ctrl-C and by a termination signal.</summary>
    public CancellationToken Cancelled { get; } = cancelled;

    /// <summary>Whether <c>--server</c> is given.</summary>
    public bool NamesServer => parsed.GetValue(GlobalOptions.Server) is not null;

    /// <summary>The server named by option or environment; <see langword="null"/>: the engine in this process.</summary>
    /// <exception cref="CliException">What is named is no address.</exception>
    public ServerAddress? Server
    {
        get
        {
            string? option = parsed.GetValue(GlobalOptions.Server);
            string? text = option ?? Environment.GetEnvironmentVariable(GlobalOptions.ServerVariable);
            if (string.IsNullOrEmpty(text))
            {
                return null;
            }

            return ServerAddress.TryParse(text, out ServerAddress? address)
                ? address
                : throw CliException.Usage($"'{text}' in {(option is null ? GlobalOptions.ServerVariable : "--server")} is no server address. Write for example http://127.0.0.1:8000 or unix:/run/af.sock.");
        }
    }

    /// <summary>The tenant named by option or environment; <see langword="null"/>: whichever is the usual one.</summary>
    /// <exception cref="CliException">It cannot be a tenant's name.</exception>
    public string? Tenant
    {
        get
        {
            string? option = parsed.GetValue(GlobalOptions.Tenant);
            string? tenant = option ?? (Environment.GetEnvironmentVariable(GlobalOptions.TenantVariable) is { Length: > 0 } variable ? variable : null);
            return tenant is null || TenantName.IsMatch(tenant)
                ? tenant
                : throw CliException.Usage($"'{tenant}' in {(option is null ? GlobalOptions.TenantVariable : "--tenant")} is no tenant name: a-z, 0-9, - and _, at most 63 characters, not starting with - or _.");
        }
    }

    /// <summary>What to show to the server; <see langword="null"/>: nothing.</summary>
    /// <exception cref="CliException">It cannot stand in a header.</exception>
    public string? Token
    {
        get
        {
            string? token = parsed.GetValue(GlobalOptions.Token) ?? Environment.GetEnvironmentVariable(GlobalOptions.TokenVariable);
            return string.IsNullOrEmpty(token) || token.AsSpan().IndexOfAnyExceptInRange('!', '~') < 0
                ? (string.IsNullOrEmpty(token) ? null : token)
                : throw CliException.Usage($"the token in {GlobalOptions.TokenVariable} or --token has characters that no token has. Copy it again, without line breaks.");
        }
    }

    [GeneratedRegex(@"^[a-z0-9][a-z0-9_-]{0,62}\z")]
    private static partial Regex TenantName { get; }

    public T? Get<T>(Option<T> option) => parsed.GetValue(option);

    public T? Get<T>(Argument<T> argument) => parsed.GetValue(argument);
}

internal static class Invocations
{
    /// <summary>Gives a command its work; the result is the process's exit code.</summary>
    public static void Does(this Command command, Func<Invocation, Task<int>> work) =>
        command.SetAction((parsed, cancelled) => work(new Invocation(parsed, cancelled)));
}
