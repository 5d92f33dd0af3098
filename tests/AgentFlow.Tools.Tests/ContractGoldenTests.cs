using System.Runtime.CompilerServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using AgentFlow.Tools.Stubs;

namespace AgentFlow.Tools.Tests;

/// <summary>
/// The contracts of the built-in skills are promises to every workflow. A change is compared with the recorded ones and needs
/// a version of its level; AF_UPDATE_GOLDEN=1 records the new state.
/// </summary>
public class ContractGoldenTests
{
    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    [Fact]
    public void Contracts_BuiltIn_AreAsRecorded()
    {
        string actual = JsonSerializer.Serialize(ToolRegistry.Stubs(1).Contracts, Readable) + "\n";
        string path = Path.Combine(Path.GetDirectoryName(Here())!, "golden", "contracts.json");
        if (Environment.GetEnvironmentVariable("AF_UPDATE_GOLDEN") == "1")
            File.WriteAllText(path, actual);

        Assert.Equal(File.ReadAllText(path), actual);
    }

    [Fact]
    public void Contracts_RealAndStub_AreTheSame()
    {
        using var transport = new HttpTransport(new HttpTransportOptions());
        var real = new ToolRegistry(BuiltInTools.Define(transport, new ModelStub(1), TimeProvider.System), ToolPolicy.GrantAll);

        Assert.Equal(JsonSerializer.Serialize(real.Contracts, Readable), JsonSerializer.Serialize(ToolRegistry.Stubs(1).Contracts, Readable));
        Assert.Equal(["skill.echo", "skill.http_call", "skill.json_transform", "skill.llm_invoke"], real.Contracts.Select(c => c.Id));
    }

    private static string Here([CallerFilePath] string path = "") => path;
}
