using System.IO.Compression;
using System.Text;
using AgentFlow.Engine.Ports;
using AgentFlow.Tools.BuiltIn;

namespace AgentFlow.Tools.Tests.BuiltIn;

/// <summary>Counts the process's allocations, so nothing else may run beside it.</summary>
[CollectionDefinition(nameof(HttpCallMemoryTests), DisableParallelization = true)]
[Collection(nameof(HttpCallMemoryTests))]
public class HttpCallMemoryTests
{
    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("deflate")]
    public async Task InvokeAsync_CompressedBody_CountsDecompressed(string encoding)
    {
        using var transport = new HttpTransport(new HttpTransportOptions { Allow = ["127.0.0.1/32"] });
        ITool tool = Skill.Create(HttpCallTool.Define(transport, TimeProvider.System), ToolPolicy.GrantAll with { MaxResponseBytes = 100_000 });
        await using var honest = new ScriptedServer((_, stream, token) => Send(stream, Compress(encoding, 90_000), encoding, token));
        await using var bomb = new ScriptedServer((_, stream, token) => Send(stream, Compress(encoding, 200_000_000), encoding, token));

        StepOutcome taken = await tool.Run($$"""{"url":"{{honest.Url}}"}""");
        long before = GC.GetTotalAllocatedBytes(precise: true);
        StepOutcome refused = await tool.Run($$"""{"url":"{{bomb.Url}}"}""");
        long allocated = GC.GetTotalAllocatedBytes(precise: true) - before;

        Assert.Equal(90_000, taken.Json().GetProperty("body").GetString()!.Length);
        Assert.Equal("RESPONSE_TOO_LARGE", refused.Error!.Code);
        Assert.True(allocated < 20_000_000, $"a bomb of 200 MB made {allocated} bytes be allocated");
    }

    private static async Task Send(Stream stream, byte[] body, string encoding, CancellationToken cancellationToken)
    {
        string head = $"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Encoding: {encoding}\r\nContent-Length: {body.Length}\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head), cancellationToken);
        await stream.WriteAsync(body, cancellationToken);
    }

    private static byte[] Compress(string encoding, int length)
    {
        using var bytes = new MemoryStream();
        using (Stream compressing = encoding switch
        {
            "gzip" => new GZipStream(bytes, CompressionLevel.Fastest),
            "br" => new BrotliStream(bytes, CompressionLevel.Fastest),
            _ => new ZLibStream(bytes, CompressionLevel.Fastest),
        })
        {
            byte[] block = Encoding.ASCII.GetBytes(new string('x', 10_000));
            for (int written = 0; written < length; written += block.Length)
                compressing.Write(block);
        }

        return bytes.ToArray();
    }
}
