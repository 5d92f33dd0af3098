using System.Text;
using System.Text.Json;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Agents.Import;

namespace AgentFlow.Engine.Tests.Agents.Import;

public sealed class IdentityFileTests
{
    private const string Whole = """
        ---
        name: api-developer
        type: developer
        color: blue
        version: 2
        metadata:
          description: "Builds services: HTTP first"
          specialization: REST
          complexity: moderate
          autonomous: true
        capabilities:
          allowed_tools: [Read, Edit]
          restricted_tools: []
          max_file_operations: 100
        constraints:
          allowed_paths: ["src/**"]
          max_file_size: 2097152
        behavior:
          error_handling: strict
        integration:
          can_spawn: [tester]
        budget: { tokens: 1000, usd: 1.25 }
        hooks:
          pre_execution: |
            echo "begin"
        ---

        # API developer

        Builds it.
        """;

    private static IdentityRead Read(string text, string path = "delivery/development/backend/api.md") => IdentityFile.Read(path, Encoding.UTF8.GetBytes(text));

    private static RegisteredAgent Sound(string text, string path = "delivery/development/backend/api.md")
    {
        IdentityRead read = Read(text, path);
        Assert.True(read.Agent is not null, string.Join('\n', read.Diagnostics));
        return read.Agent;
    }

    private static string Front(string yaml) => $"---\n{yaml}\n---\nbody\n";

    [Fact]
    public void Read_WholeIdentity_HasEveryPart()
    {
        RegisteredAgent agent = Sound(Whole);
        Assert.Equal(("api-developer", "llm", "developer", "delivery", "backend"), (agent.Name, agent.Kind, agent.Role, agent.Category, agent.Specialist));
        Assert.Equal(new AgentBudget(1000, null, 1_250_000_000), agent.Budget);
        AgentDocument document = AgentDocument.Of(agent.Document);
        Assert.Equal("""{"version":"2","type":"developer","color":"blue","description":"Builds services: HTTP first","specialization":"REST","complexity":"moderate","autonomous":true}""", Encoding.UTF8.GetString(document.Metadata.Span));
        Assert.Equal("""{"allowed_tools":["Read","Edit"],"restricted_tools":[],"max_file_operations":100,"allowed_paths":["src/**"],"max_file_size":2097152}""", Encoding.UTF8.GetString(document.Permissions.Span));
        Assert.Equal(["behavior", "integration", "hooks"], JsonElement.Parse(document.Definition.Span).EnumerateObject().Select(m => m.Name));
        Assert.Equal(("# API developer\n\nBuilds it.", "delivery/development/backend/api.md"), (document.Instructions, document.Source));
    }

    [Theory]
    [InlineData("a.md", "", "")]
    [InlineData("x/a.md", "x", "x")]
    [InlineData("x/y/z/a.md", "x", "z")]
    public void Read_Path_GivesCategoryAndSpecialist(string path, string category, string specialist) =>
        Assert.Equal((category, specialist), (Sound(Whole, path).Category, Sound(Whole, path).Specialist));

    [Fact]
    public void Read_ByteOrderMarkAndCrLf_ReadAsWithoutThem()
    {
        RegisteredAgent plain = Sound(Whole);
        Assert.Equal(plain.Digest, Sound("\uFEFF" + Whole.ReplaceLineEndings("\r\n")).Digest);
        Assert.Equal(plain.Digest, Sound(Whole.Replace("color: blue", "color:   blue  # a remark", StringComparison.Ordinal)).Digest);
        Assert.Equal(plain.Digest, Sound(Whole, "delivery/other/backend/renamed.md").Digest);
        Assert.NotEqual(plain.Digest, Sound(Whole, "delivery/development/frontend/api.md").Digest);
        Assert.NotEqual(plain.Digest, Sound(Whole.Replace("Builds it.", "Builds them.", StringComparison.Ordinal)).Digest);
        Assert.NotEqual(plain.Digest, Sound(Whole.Replace("tokens: 1000", "tokens: 1001", StringComparison.Ordinal)).Digest);
    }

    [Fact]
    public void Read_CapabilitiesAsAList_AreWhatItCanDo()
    {
        RegisteredAgent agent = Sound(Front("name: x\nrole: tester\nkind: tool\ncapabilities: [doc.write, doc.read, doc.read]"));
        Assert.Equal(["doc.read", "doc.write"], agent.Capabilities);
        Assert.Equal(("tester", "tool"), (agent.Role, agent.Kind));
    }

    [Fact]
    public void Read_MissingDescriptionAndType_IsSoundAndOdd()
    {
        IdentityRead read = Read(Front("name: x"));
        Assert.NotNull(read.Agent);
        Assert.Equal(["description", "type"], read.Diagnostics.Select(d => d.Message.Split('\'')[1]).Order());
        Assert.All(read.Diagnostics, d => Assert.False(d.IsError));
    }

    [Theory]
    [InlineData("type: developer", 2, "missing-key")]
    [InlineData("name:", 2, "wrong-type")]
    [InlineData("name: [a]", 2, "wrong-type")]
    [InlineData("name: a/b", 2, "unknown-value")]
    [InlineData("name: x\ndescription: Use when: it fails", 3, "yaml-syntax")]
    [InlineData("name: x\nmetadata:\n\tdescription: y", 4, "tab-indentation")]
    [InlineData("name: x\nconstraints:\n  allowed_paths:\n    - **/*.ts", 5, "*")]
    [InlineData("name: x\nname: y", 3, "duplicate-key")]
    [InlineData("name: x\nrole: boss", 3, "unknown-value")]
    [InlineData("name: x\nkind: remote", 3, "unknown-value")]
    [InlineData("name: x\nagent_id: 7", 3, "unknown-value")]
    [InlineData("name: x\ncapabilities:\n  allowed_tools: Read, Write", 4, "wrong-type")]
    [InlineData("name: x\ncapabilities:\n  restricted_tools:\n    - Bash: no", 5, "wrong-type")]
    [InlineData("name: x\ncapabilities: all", 3, "wrong-type")]
    [InlineData("name: x\nmetadata: [a]", 3, "wrong-type")]
    [InlineData("name: x\nbudget: { tokens: many }", 3, "wrong-type")]
    [InlineData("name: x\nbudget: { coins: 1 }", 3, "unknown-key")]
    [InlineData("- name: x", 2, "wrong-type")]
    [InlineData("name: x\nhooks: !!python/object:os.system {}", 3, "unsupported-tag")]
    [InlineData("name: x\na: &a [*a]", 3, "recursive-alias")]
    [InlineData("", 1, "wrong-type")]
    public void Read_FrontMatterWithAFault_NamesLineAndRule(string yaml, int line, string code)
    {
        IdentityRead read = Read(Front(yaml));
        Assert.Null(read.Agent);
        Assert.Contains(read.Diagnostics, d => d.IsError && d.Line == line && (code == "*" || d.Code == code));
        Assert.All(read.Diagnostics, d => Assert.True(d.Remedy.Length > 3));
    }

    [Theory]
    [InlineData("# Only Markdown\n", 1, "no-front-matter")]
    [InlineData("", 1, "no-front-matter")]
    [InlineData("\n---\nname: x\n---\n", 1, "no-front-matter")]
    [InlineData("---\nname: x\n", 1, "open-front-matter")]
    [InlineData("---", 1, "open-front-matter")]
    public void Read_WithoutFrontMatter_SaysSo(string text, int line, string code) =>
        Assert.Equal((line, code), Read(text).Diagnostics.Select(d => (d.Line, d.Code)).Single());

    [Fact]
    public void Read_BytesThatAreNoText_NamesTheLine()
    {
        IdentityRead read = IdentityFile.Read("a.md", [.. "---\nname: x\nb: "u8, 0xFF, .. "\n---\n"u8]);
        Assert.Equal((3, "invalid-encoding"), read.Diagnostics.Select(d => (d.Line, d.Code)).Single());
        Assert.Equal("too-large", IdentityFile.Read("a.md", new byte[IdentityFile.MaxBytes + 1]).Diagnostics.Single().Code);
        Assert.Null(Read("---\nname: \"a\\u0000b\"\n---\n").Agent);
    }

    /// <summary>Whatever stands there, reading it ends, throws nothing, and says why it gives nothing.</summary>
    [Fact]
    public void Read_MutatedIdentities_NeverThrows()
    {
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        byte[] whole = Encoding.UTF8.GetBytes(Whole);
        byte[] odd = "-:[]{}&*!|>'\"%@`#\n\t ,?~"u8.ToArray();
        for (int i = 0; i < 3000; i++)
        {
            List<byte> bytes = [.. whole];
            for (int change = random.Next(1, 6); change > 0; change--)
            {
                int at = random.Next(bytes.Count);
                switch (random.Next(3))
                {
                    case 0:
                        bytes.RemoveAt(at);
                        break;
                    case 1:
                        bytes.Insert(at, (byte)random.Next(256));
                        break;
                    default:
                        bytes[at] = odd[random.Next(odd.Length)];
                        break;
                }
            }

            IdentityRead read = IdentityFile.Read("x/a.md", bytes.ToArray());
            Assert.True(read.Agent is not null != read.Diagnostics.Any(d => d.IsError), $"seed {seed}, case {i}: {string.Join(' ', read.Diagnostics)}");
        }
    }
}
