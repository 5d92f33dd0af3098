using System.Runtime.CompilerServices;
using System.Text;

namespace AgentFlow.Farm.Platform;

/// <param name="Type">The <c>event</c> field; empty when it was not given.</param>
/// <param name="Id">The last <c>id</c> that was given, by this event or an earlier one.</param>
/// <param name="Retry">What the server last said about reconnecting.</param>
internal readonly record struct ServerSentEvent(string Type, string Data, string? Id, TimeSpan? Retry);

/// <summary>
/// Reads a stream of Server-Sent Events (WHATWG HTML, 9.2.6): any line ending, comments, several data lines. Unlike the
/// readers at hand it has a limit, because the other side may be broken.
/// </summary>
internal static class ServerSentEvents
{
    private const int MostBytes = 1 << 20;

    /// <param name="heard">Called for every piece that comes, comments included.</param>
    /// <exception cref="InvalidDataException">A line or an event is larger than 1 MiB.</exception>
    public static async IAsyncEnumerable<ServerSentEvent> ReadAsync(Stream stream, Action heard, [EnumeratorCancellation] CancellationToken cancelled)
    {
        byte[] part = new byte[8 << 10];
        var line = new MemoryStream();
        var fields = new Fields();
        bool afterReturn = false;
        int read;
        while ((read = await stream.ReadAsync(part, cancelled).ConfigureAwait(false)) > 0)
        {
            heard();
            for (int i = 0; i < read; i++)
            {
                byte c = part[i];
                bool isSecondHalf = afterReturn && c == '\n';
                afterReturn = c == '\r';
                if (isSecondHalf)
                {
                    continue;
                }

                if (c is not ((byte)'\r' or (byte)'\n'))
                {
                    line.WriteByte(c);
                    if (line.Length + fields.Length > MostBytes)
                    {
                        throw new InvalidDataException($"an event is larger than {MostBytes >> 20} MiB.");
                    }

                    continue;
                }

                string text = Encoding.UTF8.GetString(line.GetBuffer(), 0, (int)line.Length);
                line.SetLength(0);
                if (fields.Take(text) is { } happened)
                {
                    yield return happened;
                }
            }
        }
    }

    private sealed class Fields
    {
        private readonly StringBuilder _data = new();
        private bool _hasData;
        private bool _isFirstLine = true;
        private string _type = "";
        private string? _id;
        private TimeSpan? _retry;

        public int Length => _data.Length;

        /// <summary>Takes one line; gives the event that an empty one ends.</summary>
        public ServerSentEvent? Take(string line)
        {
            if (_isFirstLine)
            {
                _isFirstLine = false;
                line = line.TrimStart('\uFEFF');
            }

            if (line.Length == 0)
            {
                ServerSentEvent? happened = _hasData ? new ServerSentEvent(_type, _data.ToString(), _id, _retry) : null;
                _data.Clear();
                _hasData = false;
                _type = "";
                return happened;
            }

            int colon = line.IndexOf(':', StringComparison.Ordinal);
            string name = colon < 0 ? line : line[..colon];
            string value = colon < 0 ? "" : line[(colon + 1)..];
            Set(name, value.StartsWith(' ') ? value[1..] : value);
            return null;
        }

        private void Set(string name, string value)
        {
            switch (name)
            {
                case "data":
                    if (_hasData) _data.Append('\n');
                    _data.Append(value);
                    _hasData = true;
                    break;
                case "event":
                    _type = value;
                    break;
                case "id" when !value.Contains('\0', StringComparison.Ordinal):
                    _id = value;
                    break;
                case "retry" when int.TryParse(value, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int milliseconds):
                    _retry = TimeSpan.FromMilliseconds(milliseconds);
                    break;
            }
        }
    }
}
