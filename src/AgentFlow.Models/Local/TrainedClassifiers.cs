using Microsoft.Extensions.AI;

namespace AgentFlow.Models.Local;

/// <summary>
/// Keeps trained classifiers by what they were trained on. The chats are compared, not hashed: an agent's calls share the very strings
/// of its examples, so that a comparison costs a few references.
/// </summary>
internal sealed class TrainedClassifiers
{
    /// <summary>A workflow needs one or two; the one that was trained first goes first.</summary>
    private const int Capacity = 32;

    private readonly Lock _adding = new();
    private volatile Entry[] _entries = [];

    /// <summary>The classifier for the examples in a chat, trained now if need be; <see langword="null"/> when there are no examples.</summary>
    public TextClassifier? For(IReadOnlyList<ChatMessage> chat, AnswerSchema schema)
    {
        Entry? entry = Find(chat, schema);
        if (entry is null)
        {
            if (FewShotChat.Examples(chat, schema) is not { } examples)
                return null;
            var added = new Entry(
                [.. schema.Labels],
                schema.LabelProperty!,
                [.. chat.Take(chat.Count - 1).Select(m => (m.Role, m.Text))],
                new Lazy<TextClassifier>(() => TextClassifier.Train([.. schema.Labels], examples)));
            lock (_adding)
            {
                entry = Find(chat, schema);
                if (entry is null)
                    _entries = [.. _entries.Skip(Math.Max(0, _entries.Length - Capacity + 1)), entry = added];
            }
        }

        return entry.Classifier.Value;
    }

    private Entry? Find(IReadOnlyList<ChatMessage> chat, AnswerSchema schema) => Array.Find(_entries, entry => entry.Matches(chat, schema));

    private sealed record Entry(string[] Labels, string LabelProperty, (ChatRole Role, string Text)[] Chat, Lazy<TextClassifier> Classifier)
    {
        public bool Matches(IReadOnlyList<ChatMessage> chat, AnswerSchema schema)
        {
            if (chat.Count - 1 != Chat.Length || LabelProperty != schema.LabelProperty || !Labels.SequenceEqual(schema.Labels, StringComparer.Ordinal))
                return false;
            for (int i = 0; i < Chat.Length; i++)
            {
                if (Chat[i].Role != chat[i].Role || !string.Equals(Chat[i].Text, chat[i].Text, StringComparison.Ordinal))
                    return false;
            }

            return true;
        }
    }
}
