using System.Net.Sockets;
using System.Text;

namespace AgentFlow.Server.Tests;

/// <summary>Speaks to the server byte by byte, as no HTTP library would.</summary>
public static class RawHttp
{
    /// <summary>Sends bytes that the server refuses, and reads until it closes.</summary>
    public static async Task<string> AskAsync(Uri server, byte[] request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server.Host, server.Port);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(request);
        using var answer = new MemoryStream();
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            await stream.CopyToAsync(answer, limit.Token);
        }
        catch (IOException)
        {
            // The server may reset a connection that it has answered.
        }

        return Encoding.UTF8.GetString(answer.ToArray());
    }
}
