using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AgentFlow.Contracts.Tools;

namespace AgentFlow.Cli.Contracts;

/// <summary>A comparison of contracts for readers, and for programs.</summary>
internal static class ContractDiffText
{
    public static string ToText(ContractDiff diff)
    {
        if (diff.Contracts.Count == 0) return "The contracts are equal.\n";
        var text = new StringBuilder();
        foreach (ContractComparison contract in diff.Contracts)
        {
            text.Append($"{contract.Id} {Versions(contract)}: {Verdict(contract)}\n");
            foreach (ContractChange change in contract.Changes)
            {
                string place = change.Path.Length == 0 ? "" : $"{change.Path}: ";
                text.Append($"  {change.Level.Word(),-5} {place}{change.Message}\n");
            }
        }

        return text.ToString();
    }

    public static byte[] ToJson(ContractDiff diff)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            writer.WriteBoolean("sufficient"u8, diff.Sufficient);
            writer.WriteString("required"u8, diff.Required.Word());
            writer.WriteStartArray("contracts"u8);
            foreach (ContractComparison contract in diff.Contracts) Write(contract, writer);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    private static void Write(ContractComparison contract, Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("id"u8, contract.Id);
        writer.WriteString("old_version"u8, contract.OldVersion);
        writer.WriteString("new_version"u8, contract.NewVersion);
        writer.WriteString("required"u8, contract.Required.Word());
        writer.WriteString("declared"u8, contract.Declared?.Word());
        writer.WriteBoolean("sufficient"u8, contract.Sufficient);
        writer.WriteStartArray("changes"u8);
        foreach (ContractChange change in contract.Changes)
        {
            writer.WriteStartObject();
            writer.WriteString("level"u8, change.Level.Word());
            writer.WriteString("path"u8, change.Path);
            writer.WriteString("message"u8, change.Message);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static string Versions(ContractComparison contract) => (contract.OldVersion, contract.NewVersion) switch
    {
        ({ } old, { } @new) => $"{old} -> {@new}",
        ({ } old, null) => $"{old} -> gone",
        (_, { } @new) => $"new {@new}",
        _ => "",
    };

    private static string Verdict(ContractComparison contract)
    {
        if (contract.Sufficient) return contract.Required == ChangeLevel.None ? "only the version changed" : $"{contract.Required.Word()}, ok";
        string needed = contract.Required.Word();
        return contract switch
        {
            { OldVersion: null } or { NewVersion: null } when contract.Declared is null => $"{needed}, which no version of the manifest declares",
            { Declared: null } => "the version goes backwards",
            { Declared: ChangeLevel.None } => $"{needed}, but the version is the same",
            _ => $"{needed}, but the version declares only {contract.Declared?.Word()}",
        };
    }
}
