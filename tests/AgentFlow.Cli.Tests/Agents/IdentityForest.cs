using System.Text;

namespace AgentFlow.Cli.Tests.Agents;

/// <summary>Writes a tree of 207 files as real ones are: nested by category, most of them sound, each known defect several times.</summary>
internal static class IdentityForest
{
    public const int Files = 207;

    private static readonly string[] Categories = ["delivery", "foundry", "operations", "quality", "research", "security", "specialists"];
    private static readonly string[] Areas = ["core", "backend", "frontend", "data"];

    /// <summary>What must become of each file that is not sound: its line where it is rejected, 0 where it is skipped.</summary>
    public static Dictionary<string, int> Write(string folder)
    {
        var expected = new Dictionary<string, int>(StringComparer.Ordinal);
        int number = 0;

        void Put(string path, byte[] content, int? line = null)
        {
            string file = Path.Combine(folder, path);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllBytes(file, content);
            if (line is { } at)
            {
                expected.Add(path, at);
            }

            number++;
        }

        string At(string name) => $"{Categories[number % Categories.Length]}/{Areas[number % Areas.Length]}/{(number % 3 == 0 ? "deep/" : "")}{name}";

        void Bad(string name, string text, int line) => Put(At(name), Encoding.UTF8.GetBytes(text), line);

        for (int i = 0; i < 3; i++)
        {
            Bad($"no-name-{i}.md", Identity("x").Replace("name: x\n", "", StringComparison.Ordinal), 2);
            Bad($"colon-{i}.md", Identity($"colon-{i}").Replace("description: Works", "description: Use when: it works", StringComparison.Ordinal), 6);
            Bad($"tab-{i}.md", Identity($"tab-{i}").Replace("  specialization", "\tspecialization", StringComparison.Ordinal), 7);
            Bad($"glob-{i}.md", Identity($"glob-{i}").Replace("\"src/**\"", "**/*.ts", StringComparison.Ordinal), 13);
            Bad($"plain-{i}.md", $"# Agent {i}\n\nNo front matter.\n", 1);
            Bad($"open-{i}.md", Identity($"open-{i}").Replace("---\n\n", "\n", StringComparison.Ordinal), 1);
            Bad($"tools-{i}.md", Identity($"tools-{i}").Replace("[Read, Edit]", "Read, Edit", StringComparison.Ordinal), 10);
            Bad($"twice-{i}.md", Identity($"twice-{i}").Replace("color: blue", "color: blue\ncolor: red", StringComparison.Ordinal), 5);
        }

        Bad("empty.md", "", 1);
        Put(At("latin.md"), Encoding.Latin1.GetBytes(Identity("latin").Replace("Works", "Führt", StringComparison.Ordinal)), 6);
        Bad("huge.md", Identity("huge") + new string('x', 1 << 20), 1);
        Bad("role.md", Identity("role").Replace("color: blue", "role: overlord", StringComparison.Ordinal), 4);

        // Stray files, none of which is an identity.
        foreach (string stray in new[] { "coder.md.bak", "coder.md~", "coder.bak.md", "coder copy.md", "coder (1).md", "coder.md.orig", ".#coder.md", ".DS_Store", "notes.txt", "README.md" })
        {
            Put(At(stray), Encoding.UTF8.GetBytes(Identity("stray")), 0);
        }

        // The names of sound ones once more, in a category that comes later.
        for (int i = 0; i < 4; i++)
        {
            Put($"zz-later/again-{i}.md", Encoding.UTF8.GetBytes(Identity($"agent-{i * 20}")), 2);
        }

        // Links count as what they are, wherever they lead.
        string outside = Path.Combine(Path.GetDirectoryName(folder)!, "outside.md");
        File.WriteAllText(outside, Identity("outside"));
        File.CreateSymbolicLink(Path.Combine(folder, "delivery", "link-out.md"), outside);
        expected.Add("delivery/link-out.md", 0);
        Directory.CreateSymbolicLink(Path.Combine(folder, "delivery", "link-up"), folder);
        expected.Add("delivery/link-up", 0);
        number += 2;

        for (int i = 0; number < Files; i++)
        {
            string text = Identity($"agent-{i}");
            text = (i % 5) switch { 1 => "\uFEFF" + text, 2 => text.ReplaceLineEndings("\r\n"), _ => text };
            Put(At($"agent-{i}.md"), Encoding.UTF8.GetBytes(text));
        }

        return expected;
    }

    public static string Identity(string name) => $"""
        ---
        name: {name}
        type: developer
        color: blue
        metadata:
          description: Works
          specialization: "One thing: well"
          complexity: moderate
        capabilities:
          allowed_tools: [Read, Edit]
        constraints:
          allowed_paths:
            - "src/**"
        hooks:
          pre_execution: |
            echo "begin: now"
        ---

        # {name}

        Does its work.

        """.ReplaceLineEndings("\n");
}
