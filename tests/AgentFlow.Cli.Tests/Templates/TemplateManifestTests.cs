using AgentFlow.Cli.Templates;

namespace AgentFlow.Cli.Tests.Templates;

public sealed class TemplateManifestTests : IDisposable
{
    private const string Good = """
        template: 1
        name: t
        version: 1.0.0
        compatibility: { agentflow: ">=0.1.0 <1.0.0" }
        workflow: workflow.yaml
        demo: { inputs: data/in.jsonl }
        parameters:
          - { name: low, description: d, type: number, minimum: 0, maximum: 1, default: 0.5, sets: [/vars/low] }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("af-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Read_Manifest_HasItsParts()
    {
        Template template = Read(Good);
        Assert.Equal(("t", "1.0.0", "workflow.yaml", "data/in.jsonl"), (template.Name, template.Version, template.Workflow, template.DemoInputs));
        TemplateParameter parameter = Assert.Single(template.Parameters);
        Assert.Equal(("low", "number", 0d, 1d, "/vars/low"), (parameter.Name, parameter.Type, parameter.Minimum, parameter.Maximum, parameter.Sets.Single()));
    }

    [Theory]
    [InlineData("template: 1", "template: 2", "this is a template of format '2'")]
    [InlineData("name: t", "title: t", "'name' is missing")]
    [InlineData("<1.0.0", "<0.1.0", "the template needs af >=0.1.0 <0.1.0")]
    [InlineData(">=0.1.0", "~0.1.0", "'~0.1.0' is no version bound")]
    [InlineData("workflow: workflow.yaml", "workflow: ../w.yaml", "workflow must lie in the template's folder")]
    [InlineData("type: number", "type: float", "the type 'float' is none of")]
    [InlineData("minimum: 0", "minimum: low", "'minimum' must be a number")]
    [InlineData("demo: {", "demo: {{", "not YAML")]
    public void Read_Broken_NamesThePlace(string old, string changed, string message)
    {
        CliException error = Assert.Throws<CliException>(() => Read(Good.Replace(old, changed, StringComparison.Ordinal)));
        Assert.Matches(@"template\.yaml:\d+:\d+: ", error.Message);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Apply_ParameterWithoutItsPlace_IsTheTemplatesFault()
    {
        CliException error = Assert.Throws<CliException>(() => TemplateValues.Apply(Read(Good), "vars: {}", new Dictionary<string, string> { ["low"] = "0.7" }));
        Assert.Contains("its parameter 'low' sets /vars/low, which is no value", error.Message, StringComparison.Ordinal);
    }

    private Template Read(string yaml)
    {
        File.WriteAllText(Path.Combine(_folder, Template.ManifestFile), yaml);
        return TemplateManifest.Read(_folder);
    }
}
