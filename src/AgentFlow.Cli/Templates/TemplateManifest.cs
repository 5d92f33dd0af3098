using System.Globalization;
using AgentFlow.Contracts.Tools;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace AgentFlow.Cli.Templates;

/// <summary>Reads a <c>template.yaml</c>.</summary>
internal sealed class TemplateManifest
{
    /// <summary>The one format of the manifest that this build knows.</summary>
    private const string Format = "1";

    private static readonly string[] ParameterTypes = ["string", "number", "integer", "boolean", "enum"];

    private readonly string _path;

    private TemplateManifest(string path) => _path = path;

    /// <exception cref="CliException">The manifest is broken, or made for another version of af.</exception>
    public static Template Read(string folder)
    {
        string path = Path.Combine(folder, Template.ManifestFile);
        try
        {
            var yaml = new YamlStream();
            using StreamReader text = File.OpenText(path);
            yaml.Load(text);
            return new TemplateManifest(path).Read(folder, yaml.Documents is [var document, ..] ? document.RootNode : new YamlScalarNode());
        }
        catch (Exception e) when (e is YamlException or InvalidOperationException)
        {
            // The library lets some syntax errors out as operations that are not valid, without their place.
            Mark at = (e as YamlException)?.Start ?? new Mark(0, 1, 1);
            throw CliException.Failed($"{path}:{at.Line}:{at.Column}: not YAML: {e.Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Failed($"cannot read {path}: {e.Message}");
        }
    }

    private Template Read(string folder, YamlNode node)
    {
        YamlMappingNode root = Mapping(node, "the manifest");
        if (Text(root, "template") is var format && format != Format)
        {
            throw Wrong(root, $"this is a template of format '{format}', af {VersionCommand.Build} reads format {Format}. Use another version of af.");
        }

        if (Find(root, "compatibility") is { } compatibility && Find(Mapping(compatibility, "compatibility"), "agentflow") is { } range)
        {
            CheckVersion(range);
        }

        YamlMappingNode? demo = Find(root, "demo") is { } shown ? Mapping(shown, "demo") : null;
        return new Template(
            Path.GetFullPath(folder),
            Text(root, "name"),
            Optional(root, "title") ?? Text(root, "name"),
            Text(root, "version"),
            (Optional(root, "description") ?? "").Trim(),
            Inside(root, "workflow", Text(root, "workflow")),
            demo is not null && Optional(demo, "inputs") is { } inputs ? Inside(demo, "demo.inputs", inputs) : null,
            (demo is null ? null : Optional(demo, "what")) ?? "messages",
            demo is null ? null : Optional(demo, "try"),
            [.. List(root, "parameters").Select(Parameter)]);
    }

    private TemplateParameter Parameter(YamlNode node)
    {
        YamlMappingNode parameter = Mapping(node, "a parameter");
        string type = Text(parameter, "type");
        if (!ParameterTypes.Contains(type))
        {
            throw Wrong(parameter, $"the type '{type}' is none of {string.Join(", ", ParameterTypes)}.");
        }

        return new TemplateParameter(
            Text(parameter, "name"),
            Optional(parameter, "description") ?? "",
            type,
            [.. List(parameter, "values").Select(Scalar)],
            Number(parameter, "minimum"),
            Number(parameter, "maximum"),
            Optional(parameter, "default") ?? "",
            [.. List(parameter, "sets").Select(Scalar)]);
    }

    private void CheckVersion(YamlNode range)
    {
        // The manifest separates bounds with spaces, as package.json does.
        string own = VersionCommand.Build;
        foreach (string bound in Scalar(range).Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            string sign = bound.StartsWith(">=", StringComparison.Ordinal) || bound.StartsWith("<=", StringComparison.Ordinal) ? bound[..2] : bound[..1];
            if (!SemanticVersion.TryParse(bound[sign.Length..], out SemanticVersion? version) || sign is not (">=" or "<=" or ">" or "<"))
            {
                throw Wrong(range, $"'{bound}' is no version bound. Write for example >=0.1.0.");
            }

            int order = SemanticVersion.Parse(own).CompareTo(version);
            if (!(sign switch { ">=" => order >= 0, "<=" => order <= 0, ">" => order > 0, _ => order < 0 }))
            {
                throw Wrong(range, $"the template needs af {Scalar(range)}; this is {own}. Use another version of one of them.");
            }
        }
    }

    private string Inside(YamlNode at, string what, string path) =>
        Path.IsPathRooted(path) || path.Split('/', '\\').Contains("..") ? throw Wrong(at, $"{what} must lie in the template's folder.") : path;

    private double? Number(YamlMappingNode node, string name)
    {
        if (Optional(node, name) is not { } text)
        {
            return null;
        }

        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : throw Wrong(node, $"'{name}' must be a number.");
    }

    private IEnumerable<YamlNode> List(YamlMappingNode node, string name) => Find(node, name) switch
    {
        null => [],
        YamlSequenceNode list => list.Children,
        var other => throw Wrong(other, $"'{name}' must be a list."),
    };

    private string Text(YamlMappingNode node, string name) => Optional(node, name) ?? throw Wrong(node, $"'{name}' is missing.");

    private string? Optional(YamlMappingNode node, string name) => Find(node, name) is { } value ? Scalar(value) : null;

    private string Scalar(YamlNode node) => node is YamlScalarNode { Value: { } text } ? text : throw Wrong(node, "a text or number is needed here.");

    private YamlMappingNode Mapping(YamlNode node, string what) => node as YamlMappingNode ?? throw Wrong(node, $"{what} must be a mapping.");

    private static YamlNode? Find(YamlMappingNode node, string name) => node.Children.TryGetValue(new YamlScalarNode(name), out YamlNode? value) ? value : null;

    private CliException Wrong(YamlNode node, string message) => CliException.Failed($"{_path}:{Math.Max(1, node.Start.Line)}:{Math.Max(1, node.Start.Column)}: {message}");
}
