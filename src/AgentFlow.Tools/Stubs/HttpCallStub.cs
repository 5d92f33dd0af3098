using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;
using AgentFlow.Tools.BuiltIn;
using AgentFlow.Tools.BuiltIn.Http;

namespace AgentFlow.Tools.Stubs;

/// <summary>
/// Stands in for <c>skill.http_call</c>: the input and the policies' hosts are checked, then the answer is 200 with a hash of
/// what was asked for. Keys, time-outs and retries are no part of it: a repeated wish gets the same answer.
/// </summary>
internal sealed class HttpCallStub(long seed, ToolContract contract, ExecutionProfile profile) : ITool
{
    public ToolContract Contract => contract;

    public static ToolDefinition Define(long seed)
    {
        ToolContract contract = HttpCallContract.Create();
        return new(contract, profile => new HttpCallStub(seed, contract, profile));
    }

    public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken)
    {
        if (HttpCallRequest.Read(call, out StepOutcome? refusal) is not { } request)
            return new(refusal!);
        if (!profile.Admits(UrlRule.Host(request.Url), request.Url.Port))
            return new(new StepOutcome { Error = HttpExchange.NotListed(request.Url) });
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["content-type"] = "application/json" };
        string body = $$"""{"stub":true,"request_hash":"{{Hash(call.Input)}}"}""";
        return new(StubRule.Complete(new HttpAnswer(200, headers, Encoding.UTF8.GetBytes(body))));
    }

    private string Hash(ReadOnlyMemory<byte> utf8)
    {
        using ToolInput input = ToolInput.Parse(utf8);
        using var hash = new RequestHash(seed);
        foreach (string field in (string[])["method", "url", "headers", "params", "body"])
            hash.Add(input.Root.Any(field) ?? default(JsonElement));
        return hash.Text();
    }
}
