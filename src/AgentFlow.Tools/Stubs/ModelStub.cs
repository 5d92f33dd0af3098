using System.Text;
using System.Text.Json;
using AgentFlow.Engine.Ports;
using AgentFlow.Tools.BuiltIn;

namespace AgentFlow.Tools.Stubs;

/// <summary>Stands in for every model: the answer names a hash of what was asked, or is the least value of the schema asked for.</summary>
internal sealed class ModelStub(long seed) : IModelInvoker
{
    // A usual rule of thumb for English text; nothing is billed by it.
    private const int CharactersPerToken = 4;

    public ValueTask<ModelAnswer> InvokeAsync(ModelRequest request, CancellationToken cancellationToken)
    {
        string text = request.ResponseSchema is { } schema ? Sample(schema) : $"stub answer {Hash(request)[..16]}";
        return new(new ModelAnswer
        {
            Text = text,
            Provider = request.Provider ?? "stub",
            Model = request.Model ?? "stub",
            InputTokens = Tokens((request.System?.Length ?? 0) + request.Messages.Sum(m => m.Text.Length)),
            OutputTokens = Tokens(text.Length),
        });
    }

    private static long Tokens(int characters) => (characters + CharactersPerToken - 1) / CharactersPerToken;

    private static string Sample(JsonElement schema)
    {
        using var output = new JsonOutput();
        SchemaSample.Write(schema, output.Writer);
        return Encoding.UTF8.GetString(output.Success().Output.Span);
    }

    private string Hash(ModelRequest request)
    {
        using var hash = new RequestHash(seed);
        hash.Add(request.Provider).Add(request.Model).Add(request.System).Add(request.Temperature?.ToString("R")).Add(request.MaxTokens?.ToString());
        foreach (ModelMessage message in request.Messages)
            hash.Add(message.Role.ToString()).Add(message.Text);
        return hash.Text();
    }
}
