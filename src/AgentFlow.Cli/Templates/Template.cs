namespace AgentFlow.Cli.Templates;

/// <summary>A workflow with its data, ready to be run as it is or to be copied and changed: a folder with a <c>template.yaml</c>.</summary>
/// <param name="Folder">Full path.</param>
/// <param name="Workflow">The workflow file, relative to the folder.</param>
/// <param name="DemoInputs">The file with the inputs of the demo, relative to the folder; <see langword="null"/> when it has no demo.</param>
/// <param name="InputNoun">What its inputs are, in the plural.</param>
/// <param name="TryInput">An input as one types it behind <c>-i</c>; <see langword="null"/>: none is suggested.</param>
internal sealed record Template(
    string Folder,
    string Name,
    string Title,
    string Version,
    string Description,
    string Workflow,
    string? DemoInputs,
    string InputNoun,
    string? TryInput,
    IReadOnlyList<TemplateParameter> Parameters)
{
    public const string ManifestFile = "template.yaml";

    public string WorkflowPath => Path.Combine(Folder, Workflow);
}

/// <summary>Something about a template that can be chosen with <c>-p name=value</c>.</summary>
/// <param name="Type"><c>string</c>, <c>number</c>, <c>integer</c>, <c>boolean</c> or <c>enum</c>.</param>
/// <param name="Values">What an enum allows.</param>
/// <param name="Sets">JSON Pointers into the workflow file whose values it replaces.</param>
internal sealed record TemplateParameter(
    string Name, string Description, string Type, IReadOnlyList<string> Values, double? Minimum, double? Maximum, string Default, IReadOnlyList<string> Sets);
