using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace AgentFlow.Client;

public sealed partial class AgentFlowClient
{
    private const string EndOfStream = "end";

    /// <summary>
    /// The run's events as they become durable, until its end. A lost connection is taken up again after the last event
    /// that was given: none is missing, none comes twice.
    /// </summary>
    /// <param name="from">The first sequence to give.</param>
    public async IAsyncEnumerable<RunEvent> StreamAsync(string runId, long from = 0, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        long next = from;
        int failures = 0;
        while (true)
        {
            using HttpResponseMessage response = await OpenStreamAsync(runId, next, cancellationToken).ConfigureAwait(false);
            using Stream body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            await using IAsyncEnumerator<SseItem<string>> items = SseParser.Create(body).EnumerateAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
            while (true)
            {
                RunEvent? received;
                try
                {
                    if (!await items.MoveNextAsync().ConfigureAwait(false))
                    {
                        throw new IOException("The stream stopped before the run's end.");
                    }

                    if (items.Current.EventType == EndOfStream)
                    {
                        yield break;
                    }

                    received = RunEvent.Read(JsonElement.Parse(items.Current.Data));
                }
                catch (Exception e) when (IsConnectionFault(e, cancellationToken))
                {
                    if (++failures >= _options.MaxAttempts)
                    {
                        throw new ServerUnreachableException(_options.Server, e);
                    }

                    break;
                }

                if (received.Seq >= next)
                {
                    failures = 0;
                    next = received.Seq + 1;
                    yield return received;
                }
            }

            await Task.Delay(_options.RetryDelay, _options.Clock, cancellationToken).ConfigureAwait(false);
        }
    }

    private Task<HttpResponseMessage> OpenStreamAsync(string runId, long from, CancellationToken cancellationToken) => SendAsync(
        () =>
        {
            var request = new HttpRequestMessage(HttpMethod.Get, $"runs/{Escape(runId)}/stream?from={from}");
            request.Headers.Accept.Clear();
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
            return request;
        },
        repeatable: true,
        HttpCompletionOption.ResponseHeadersRead,
        cancellationToken);
}
