using System.CommandLine;
using AgentFlow.Cli.Execution;
using AgentFlow.Cli.Terminals;

namespace AgentFlow.Cli.Templates;

/// <summary><c>af init</c>: a template's files in a folder of one's own, to be changed.</summary>
internal static class InitCommand
{
    private static readonly Argument<string> Folder = new("dir") { Description = "Where the files go; made when it does not exist." };
    private static readonly Option<string> TemplateName = new("--template") { Description = "The template to start from.", DefaultValueFactory = _ => "support", HelpName = "name" };
    private static readonly Option<Dictionary<string, string>> Parameters = RunOptions.Parameters();

    public static Command Create()
    {
        var command = new Command("init", "Write a template's files into a folder, to start a workflow of your own.") { Folder, TemplateName, Parameters };
        command.Does(invocation => Task.FromResult(Run(invocation)));
        return command;
    }

    private static int Run(Invocation invocation)
    {
        Template template = TemplateCatalog.Get(invocation.Get(TemplateName)!);
        string folder = invocation.Get(Folder)!;
        string[] files = [.. Files(template)];
        string[] taken = [.. files.Where(file => Path.Exists(Path.Combine(folder, file)))];
        if (taken.Length > 0)
        {
            throw CliException.Failed($"{Path.Combine(folder, taken[0])} exists already; nothing was written. Name another folder, or move the file away.");
        }

        string yaml = TemplateValues.Apply(template, File.ReadAllText(template.WorkflowPath), invocation.Get(Parameters)!);
        try
        {
            foreach (string file in files)
            {
                Write(template, file, Path.Combine(folder, file), yaml);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Failed($"cannot write to {folder}: {e.Message}");
        }

        Report(invocation.Terminal, template, folder, files);
        return ExitCode.Ok;
    }

    /// <summary>Everything but the manifest, by path in the template's folder.</summary>
    private static IEnumerable<string> Files(Template template) =>
        Directory.EnumerateFiles(template.Folder, "*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(template.Folder, file))
            .Where(file => file != Template.ManifestFile)
            .Order(StringComparer.Ordinal);

    private static void Write(Template template, string file, string target, string yaml)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(target))!);
        // CreateNew: a file that came in between is not overwritten either.
        using var stream = new FileStream(target, FileMode.CreateNew, FileAccess.Write);
        if (file == template.Workflow)
        {
            using var writer = new StreamWriter(stream);
            writer.Write(yaml);
        }
        else
        {
            using FileStream source = File.OpenRead(Path.Combine(template.Folder, file));
            source.CopyTo(stream);
        }
    }

    private static void Report(Terminal terminal, Template template, string folder, string[] files)
    {
        if (terminal.IsJson)
        {
            terminal.WriteObject(new WrittenTemplate(template.Name, template.Version, folder, files), CliJson.Default.WrittenTemplate);
            return;
        }

        string workflow = Path.Combine(folder, template.Workflow);
        terminal.Say($"{files.Length} files of {template.Name} {template.Version} are in {folder}.", Tone.Good);
        terminal.Say("Next:");
        terminal.Say($"  af validate {workflow}");
        terminal.Say($"  af run {workflow}{(template.DemoInputs is { } inputs ? $" --input {Path.Combine(folder, inputs)}" : "")}");
        if (files.Any(f => f.StartsWith(Path.Combine(".af", "scenarios"), StringComparison.Ordinal)))
        {
            terminal.Say($"  af test {folder}");
        }

        terminal.Say($"  af dev {folder}");
    }
}

/// <summary>What <c>af init -o json</c> says.</summary>
internal sealed record WrittenTemplate(string Template, string Version, string Folder, IReadOnlyList<string> Files);
