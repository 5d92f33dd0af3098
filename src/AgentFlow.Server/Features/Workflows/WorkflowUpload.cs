using System.Text;
using System.Text.Unicode;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Workflows;

/// <summary>A workflow file on its way in: as YAML text, or as JSON with the files that it refers to.</summary>
internal static class WorkflowUpload
{
    private const string Readable = "application/yaml, text/yaml, text/plain, or application/json with yaml, path and assets";
    private const int MaxPath = 255;
    private const int MaxYaml = RequestBody.MaxBytes;

    /// <exception cref="ProblemException">The body's type, encoding or members are wrong.</exception>
    public static async ValueTask<WorkflowSource> ReadAsync(HttpContext context)
    {
        string type = RequestBody.MediaType(context);
        if (RequestBody.IsJson(type))
        {
            return FromJson(await JsonBody.ReadAsync(context).ConfigureAwait(false));
        }

        if (type is not ("application/yaml" or "application/x-yaml" or "text/yaml" or "text/x-yaml" or "text/plain"))
        {
            throw RequestBody.Unsupported(type, Readable);
        }

        ReadOnlyMemory<byte> bytes = await RequestBody.ReadAsync(context).ConfigureAwait(false);
        return new WorkflowSource(Text(bytes.Span), WorkflowAssets.Empty);
    }

    private static WorkflowSource FromJson(JsonBody body)
    {
        string? yaml = body.Text("yaml", MaxYaml);
        string path = body.Text("path", MaxPath) ?? "workflow.yaml";
        var files = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        foreach ((string name, string content) in body.Texts("assets"))
        {
            string pointer = $"assets/{name.Replace("~", "~0").Replace("/", "~1")}";
            if (NameProblem(name) is { } problem)
            {
                body.Fault(pointer, $"'{(name.Length <= 80 ? name : name[..80] + "…")}' is not the name of an asset: {problem}", "Name files relative to the workflow file, such as data/articles.jsonl.");
            }
            else if (TryDecode(content) is { } bytes)
            {
                files[name] = bytes;
            }
            else
            {
                body.Fault(pointer, $"the content of '{name}' is not base64");
            }
        }

        if (yaml is null)
        {
            body.Fault("yaml", "'yaml' is missing", "Send the workflow file's text.");
        }

        body.End();
        return new WorkflowSource(yaml!, files.Count == 0 ? WorkflowAssets.Empty : new WorkflowAssets(files), path);
    }

    /// <summary>Why a name cannot be a file's below the workflow's folder; <see langword="null"/> when it can.</summary>
    internal static string? NameProblem(string name)
    {
        if (name.Length is 0 or > MaxPath)
        {
            return $"it has {name.Length} characters, 1 to {MaxPath} are taken";
        }

        if (name.Any(c => c is '\\' or ':' || char.IsControl(c)))
        {
            return "it has a backslash, a colon or a control character";
        }

        return name.Split('/').Any(part => part is "" or "." or "..") ? "it leaves the workflow's folder or has an empty part" : null;
    }

    private static byte[]? TryDecode(string base64)
    {
        byte[] bytes = new byte[base64.Length / 4 * 3 + 3];
        return Convert.TryFromBase64String(base64, bytes, out int length) ? bytes[..length] : null;
    }

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        if (Utf8.IsValid(bytes))
        {
            return Encoding.UTF8.GetString(bytes).TrimStart('\uFEFF');
        }

        (int line, int column) = (1, 1);
        while (Rune.DecodeFromUtf8(bytes, out Rune rune, out int length) == System.Buffers.OperationStatus.Done)
        {
            (line, column) = rune.Value == '\n' ? (line + 1, 1) : (line, column + 1);
            bytes = bytes[length..];
        }

        throw new ProblemException(
            ErrorCode.TextInvalid,
            $"Line {line}, column {column}: the byte 0x{bytes[0]:X2} is not UTF-8.",
            new ProblemEntry($"the byte 0x{bytes[0]:X2} is not UTF-8", Line: line, Column: column, Remedy: "Save the file as UTF-8."));
    }
}
