using System.CommandLine;
using System.CommandLine.Help;
using System.Text.Json;
using System.Text.RegularExpressions;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests;

public sealed partial class AfCommandTests
{
    [Fact]
    public void Reference_HasEveryVerbAndOption_AndNoOther()
    {
        string reference = File.ReadAllText(Path.Combine(Repository.Root, "docs", "reference", "cli.md"));
        Dictionary<string, string> sections = Section().Matches(reference).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value, StringComparer.Ordinal);
        Dictionary<string, Command> verbs = Leaves(AfCommand.Create(), "af").ToDictionary(StringComparer.Ordinal);
        Assert.Equal(verbs.Keys.Order(StringComparer.Ordinal), sections.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, command) in verbs)
        {
            string[] documented = [.. OptionName().Matches(sections[name]).Select(m => m.Groups[1].Value)];
            Assert.Equal(command.Options.Where(o => o is not HelpOption).SelectMany(o => o.Aliases.Append(o.Name)).Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
        }
    }

    [Theory]
    [InlineData("versoin", "version")]
    [InlineData("rnu", "run")]
    public async Task UnknownVerb_IsMisuseAndSuggestsTheNearest(string typed, string meant)
    {
        using var af = new Af();
        AfResult result = await af.RunAsync(typed);
        Assert.Equal((ExitCode.Usage, ""), (result.Code, result.Out));
        Assert.Contains(meant, result.Error.Split('\n'));
        Assert.Contains("See: af --help", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("run")]
    [InlineData("runs", "list", "--limit", "x")]
    [InlineData("version", "-o", "xml")]
    [InlineData("run", "x", "-i", "novalue")]
    [InlineData("run", "x", "--concurrency", "0")]
    [InlineData("demo", "support", "--tenant", "No Tenant")]
    [InlineData("runs", "list", "--server", "example.org")]
    public async Task Misuse_IsExplainedOnStderr(params string[] arguments)
    {
        using var af = new Af();
        AfResult result = await af.RunAsync(arguments);
        Assert.True(result is { Code: ExitCode.Usage, Out: "", Error.Length: > 0 }, $"{result}");
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoVerb_PrintsHelp()
    {
        using var af = new Af();
        AfResult result = await af.RunAsync();
        Assert.Equal(ExitCode.Ok, result.Code);
        Assert.Contains("demo", result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Version_Json_HasTheParts()
    {
        using var af = new Af();
        AfResult result = await af.RunAsync("version", "-o", "json");
        JsonElement version = JsonElement.Parse(result.Out);
        Assert.Matches(@"^\d+\.\d+\.\d+", version.GetProperty("version").GetString());
        Assert.StartsWith(".NET 10", version.GetProperty("runtime").GetString(), StringComparison.Ordinal);
    }

    private static IEnumerable<KeyValuePair<string, Command>> Leaves(Command command, string name) => command.Subcommands.Count == 0
        ? [KeyValuePair.Create(name, command)]
        : command.Subcommands.SelectMany(child => Leaves(child, $"{name} {child.Name}"));

    [GeneratedRegex(@"^### (af [^\n]+)\n(.*?)(?=^##|\z)", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Section();

    [GeneratedRegex(@"(?<=^\|[^|]*`)(--?[a-z][a-z-]*)", RegexOptions.Multiline)]
    private static partial Regex OptionName();
}
