using AgentFlow.Engine.Audit;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Features.Audit;

/// <summary>The file with the key that signs checkpoints.</summary>
internal static class AuditKeyFile
{
    /// <summary>Reads the key, after creating one when the file does not exist.</summary>
    /// <exception cref="OptionsException">The file cannot be read or created, others may read it, or it holds no key that signs.</exception>
    public static AuditKey Open(string path)
    {
        try
        {
            var key = AuditKey.Parse(PrivateFile.ReadOrCreate(path, "the audit key", "AF_AUDIT_KEY", AuditKey.NewPem));
            return key.CanSign ? key : throw new FormatException("there is no private key in it");
        }
        catch (FormatException e)
        {
            throw new OptionsException([$"the audit key {path} cannot be used: {e.Message}. Put the PEM of an ECDSA P-256 key there, or name another file in AF_AUDIT_KEY; a file that does not exist is created"]);
        }
    }
}
