using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace AgentFlow.Engine.Tests.Architecture;

/// <summary>The houses and who may see whom. A reference that is not here is a change of the architecture.</summary>
public class DependencyTests
{
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Contracts"] = [],
        ["Expressions"] = [],
        ["Engine"] = ["Contracts", "Expressions"],
        ["Storage"] = ["Engine"],
        ["Messaging"] = ["Engine"],
        ["Tools"] = ["Engine"],
        ["Models"] = ["Engine"],
        ["Client"] = ["Contracts"],
        ["Farm"] = ["Contracts"],
        ["Simulation"] = ["Engine"],
        ["Server"] = ["Contracts", "Expressions", "Engine", "Storage", "Messaging", "Tools", "Models"],
        ["Cli"] = ["Contracts", "Expressions", "Server", "Client", "Simulation", "Farm"],
    };

    private static string Root
    {
        get
        {
            string? folder = AppContext.BaseDirectory;
            while (folder is not null && !File.Exists(Path.Combine(folder, "AgentFlow.slnx")))
            {
                folder = Path.GetDirectoryName(folder);
            }

            return folder ?? throw new DirectoryNotFoundException("AgentFlow.slnx was not found above the test.");
        }
    }

    private static IEnumerable<string> Projects => Directory.EnumerateFiles(Path.Combine(Root, "src"), "*.csproj", SearchOption.AllDirectories);

    private static string House(string path) => Path.GetFileNameWithoutExtension(path.Replace('\\', '/'))["AgentFlow.".Length..];

    [Fact]
    public void Projects_ReferenceOnlyWhatTheirHouseMaySee()
    {
        string[] wrong =
        [
            .. from project in Projects
               from reference in XDocument.Load(project).Descendants("ProjectReference")
               let house = House(project)
               let target = House(reference.Attribute("Include")!.Value)
               where !Allowed.TryGetValue(house, out string[]? may) || !may.Contains(target)
               select $"{house} → {target}",
        ];
        Assert.Empty(wrong);
    }

    [Fact]
    public void Projects_AreAllInTheSolutionAndInTheRules()
    {
        string solution = File.ReadAllText(Path.Combine(Root, "AgentFlow.slnx"));
        foreach (string project in Projects)
        {
            Assert.Contains($"src/{Path.GetFileName(Path.GetDirectoryName(project))}/{Path.GetFileName(project)}", solution);
            Assert.Contains(House(project), Allowed.Keys);
        }
    }

    /// <summary>The oracle shares the canonical JSON with the platform and nothing else: a mistake in common would go unseen.</summary>
    [Fact]
    public void Farm_UsesNothingOfThePlatformButItsCanonicalJson()
    {
        string[] foreign =
        [
            .. from file in Directory.EnumerateFiles(Path.Combine(Root, "src", "AgentFlow.Farm"), "*.cs", SearchOption.AllDirectories)
               from line in File.ReadLines(file)
               where line.Contains("AgentFlow.", StringComparison.Ordinal)
               let rest = line.Replace("AgentFlow.Farm", "", StringComparison.Ordinal).Replace("using AgentFlow.Contracts.Json;", "", StringComparison.Ordinal)
               where rest.Contains("AgentFlow.", StringComparison.Ordinal) || Regex.IsMatch(line, @"\b(WireJson|WireEnumConverter|Rfc3339Converter|UlidJsonConverter)\b")
               select $"{Path.GetFileName(file)}: {line.Trim()}",
        ];
        Assert.Empty(foreign);
    }

    /// <summary>The planning function is pure: no clock, randomness, I/O or waiting in the folders that decide.</summary>
    [Theory]
    [InlineData("Nodes")]
    [InlineData("Runs")]
    public void PlanningFunction_UsesNothingImpure(string folder)
    {
        string[] forbidden = ["DateTime.Now", "DateTime.UtcNow", "DateTimeOffset.UtcNow", "TimeProvider", "Random", "Guid.NewGuid", "Task", "await ", "File.", "Environment.", "Stopwatch", "Thread"];
        string[] found =
        [
            .. from file in Directory.EnumerateFiles(Path.Combine(Root, "src", "AgentFlow.Engine", folder), "*.cs", SearchOption.AllDirectories)
               from line in File.ReadLines(file)
               where !line.TrimStart().StartsWith("//", StringComparison.Ordinal)
               from word in forbidden
               where line.Contains(word, StringComparison.Ordinal)
               select $"{Path.GetFileName(file)}: {line.Trim()}",
        ];
        Assert.Empty(found);
    }

    [Fact]
    public void Repository_SpeaksOfItselfAlone()
    {
        string[] root = [.. Directory.EnumerateFileSystemEntries(Root).Select(e => Path.GetFileName(e)!).Where(n => n.EndsWith(".md", StringComparison.OrdinalIgnoreCase)).Order(StringComparer.Ordinal)];
        Assert.Subset(new HashSet<string> { "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md" }, root.ToHashSet(StringComparer.Ordinal));
    }
}
