using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Ports;

/// <summary>
/// Names the intent of a step: 32 hexadecimal characters, equal for every try of the same intent, also after a crash. Hashing is
/// left until somebody asks, because few steps without effects ever do.
/// </summary>
public readonly struct IntentKey
{
    private readonly Ulid _run;
    private readonly string? _text;
    private readonly int _generation;
    private readonly bool _isKey;

    /// <param name="path">Structural path with visits.</param>
    internal IntentKey(Ulid run, string path, int generation) => (_run, _text, _generation) = (run, path, generation);

    private IntentKey(string key) => (_text, _isKey) = (key, true);

    public static implicit operator IntentKey(string key) => new(key);

    public static implicit operator string(IntentKey key) => key.ToString();

    /// <summary>The key's text. Asking twice hashes twice.</summary>
    public override string ToString() => _isKey || _text is null ? _text ?? "" : StepIdentity.IdempotencyKey(_run, _text, _generation);
}
