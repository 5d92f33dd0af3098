using System.CommandLine;
using System.Reflection;
using System.Runtime.InteropServices;
using AgentFlow.Cli.Terminals;

namespace AgentFlow.Cli;

/// <summary><c>af version</c>.</summary>
internal static class VersionCommand
{
    /// <summary>This build: the version, and after a plus the commit when the build knew it.</summary>
    public static string Build { get; } =
        typeof(VersionCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0";

    public static Command Create()
    {
        var command = new Command("version", "Print the version of af and of the runtime under it.");
        command.Does(invocation =>
        {
            string[] parts = Build.Split('+', 2);
            var version = new VersionInfo(parts[0], parts.Length > 1 ? parts[1] : null, RuntimeInformation.FrameworkDescription, RuntimeInformation.RuntimeIdentifier);
            if (invocation.Terminal.IsJson)
            {
                invocation.Terminal.WriteObject(version, CliJson.Default.VersionInfo);
            }
            else
            {
                invocation.Terminal.Say($"af {Build} ({version.Runtime}, {version.Platform})");
            }

            return Task.FromResult(ExitCode.Ok);
        });
        return command;
    }
}

/// <param name="Commit">The commit it was built from; <see langword="null"/> when the build did not know.</param>
internal sealed record VersionInfo(string Version, string? Commit, string Runtime, string Platform);
