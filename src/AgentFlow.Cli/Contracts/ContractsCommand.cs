using System.CommandLine;
using System.Text;
using AgentFlow.Cli.Json;
using AgentFlow.Contracts.Tools;

namespace AgentFlow.Cli.Contracts;

/// <summary><c>af contracts</c>: what tools promise to their callers.</summary>
internal static class ContractsCommand
{
    public static Command Create()
    {
        var old = new Argument<string>("old") { Description = "The contract or manifest (JSON) as it was; - is standard input." };
        var @new = new Argument<string>("new") { Description = "The contract or manifest as it is going to be; - is standard input." };
        var diff = new Command("diff", "Compare contracts; ends with 1 when a version declares less than its changes ask for.") { old, @new };
        diff.SetAction(parsed =>
        {
            bool asJson = JsonCommand.WantsJson(parsed);
            if (!TryRead(parsed.GetValue(old)!, out ToolManifest? before) || !TryRead(parsed.GetValue(@new)!, out ToolManifest? after)) return ExitCode.Usage;

            ContractDiff result = ContractDiff.Compare(before!, after!);
            using Stream output = Console.OpenStandardOutput();
            output.Write(asJson ? ContractDiffText.ToJson(result) : Encoding.UTF8.GetBytes(ContractDiffText.ToText(result)));
            return result.Sufficient ? ExitCode.Ok : ExitCode.Failed;
        });
        return new Command("contracts", "What tools promise to their callers.") { diff };
    }

    private static bool TryRead(string file, out ToolManifest? manifest)
    {
        manifest = null;
        try
        {
            using Stream stream = file == "-" ? Console.OpenStandardInput() : File.OpenRead(file);
            using var text = new MemoryStream();
            stream.CopyTo(text);
            if (ToolManifest.TryParse(text.ToArray(), out manifest, out IReadOnlyList<ManifestProblem> problems)) return true;
            foreach (ManifestProblem problem in problems) Console.Error.WriteLine($"af contracts diff: {file}: {problem}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            Console.Error.WriteLine($"af contracts diff: '{file}' cannot be read: {e.Message}");
        }

        return false;
    }
}
