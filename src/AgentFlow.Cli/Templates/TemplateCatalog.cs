namespace AgentFlow.Cli.Templates;

/// <summary>Finds templates: in <c>./templates</c>, then among those that ship with af.</summary>
internal static class TemplateCatalog
{
    private const string FolderName = "templates";

    private static IEnumerable<string> Places => [Path.Combine(Directory.GetCurrentDirectory(), FolderName), Path.Combine(AppContext.BaseDirectory, FolderName)];

    /// <summary>Names of all templates, ordered.</summary>
    public static IReadOnlyList<string> Names =>
    [
        .. Places.Where(Directory.Exists)
            .SelectMany(Directory.EnumerateDirectories)
            .Where(folder => File.Exists(Path.Combine(folder, Template.ManifestFile)))
            .Select(folder => Path.GetFileName(folder))
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>The template of a name; <see langword="null"/> when there is none.</summary>
    /// <exception cref="CliException">Its manifest is broken.</exception>
    public static Template? Find(string name)
    {
        if (name.AsSpan().IndexOfAny('/', '\\') >= 0 || name is "." or "..")
        {
            return null;
        }

        string? folder = Places.Select(place => Path.Combine(place, name)).FirstOrDefault(f => File.Exists(Path.Combine(f, Template.ManifestFile)));
        return folder is null ? null : TemplateManifest.Read(folder);
    }

    /// <exception cref="CliException">There is no such template.</exception>
    public static Template Get(string name) => Find(name)
        ?? throw CliException.Usage($"there is no template '{name}'. There {(Names.Count == 1 ? "is" : "are")}: {(Names.Count == 0 ? "none" : string.Join(", ", Names))}.");
}
