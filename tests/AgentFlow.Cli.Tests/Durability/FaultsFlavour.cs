using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>The build of <c>af</c> that can be made to die at a point (<c>-p:Faults=true</c>), beside the normal one.</summary>
internal static class FaultsFlavour
{
    private static readonly string Dll = Path.Combine(Repository.Root, "artifacts", "faults", "bin", "AgentFlow.Cli", "debug", "af.dll");

    public static string Af
    {
        get
        {
            Assert.True(File.Exists(Dll), $"The faults flavour of af is not built ({Dll}). Build it with: dotnet build src/AgentFlow.Cli -p:Faults=true -m:2 -v q");
            return Dll;
        }
    }
}
