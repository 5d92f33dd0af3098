using System.Text;
using AgentFlow.Client;
using AgentFlow.Engine.Audit;
using AgentFlow.Storage.Files;

namespace AgentFlow.Cli.Audit;

/// <summary>Verifies an export on any machine, without the server that wrote it.</summary>
internal static class ExportedChain
{
    /// <param name="file">An export, from the tenant's first record or from the first that was not dropped.</param>
    /// <exception cref="CliException">A file cannot be read, or is not what it should be.</exception>
    public static AuditVerification Verify(string file, string keys, IReadOnlyList<string> witnesses)
    {
        try
        {
            using AuditKey key = AuditKey.Parse(File.ReadAllText(keys));
            List<Engine.Audit.AuditCheckpoint> stored = [];
            string? tenant = null;
            foreach ((AuditRecord? record, Engine.Audit.AuditCheckpoint? checkpoint) in Lines(file))
            {
                tenant ??= record?.Note.Tenant ?? checkpoint!.Tenant;
                if (checkpoint is not null)
                {
                    stored.Add(checkpoint);
                }
            }

            if (tenant is null)
            {
                throw CliException.Failed($"{file} has no records.");
            }

            Engine.Audit.AuditCheckpoint[]? witnessed = witnesses.Count == 0
                ? null
                : [.. witnesses.SelectMany(w => new FileWitness(w).Read(tenant) ?? throw CliException.Failed($"there is no witness file {w}."))];
            var verifier = new AuditVerifier(tenant, stored, witnessed, key.IsSigned);
            foreach ((AuditRecord? record, _) in Lines(file))
            {
                if (record is not null)
                {
                    verifier.Add(record);
                }
            }

            AuditReport report = verifier.Finish();
            return new AuditVerification
            {
                Tenant = report.Tenant,
                Intact = report.IsIntact,
                First = report.First,
                Size = report.Size,
                Confirmed = report.Confirmed,
                Findings = [.. report.Findings.Select(f => new Client.AuditFault(f.Word, f.From, f.To, f.Message))],
                TotalFindings = report.TotalFindings,
                Keys = key.PublicPem,
            };
        }
        catch (FormatException e)
        {
            throw CliException.Failed($"{keys} cannot be used as a key: {e.Message}.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Failed(e.Message);
        }
    }

    private static IEnumerable<(AuditRecord? Record, Engine.Audit.AuditCheckpoint? Checkpoint)> Lines(string file)
    {
        int number = 0;
        foreach (string line in File.ReadLines(file))
        {
            number++;
            (AuditRecord? record, Engine.Audit.AuditCheckpoint? checkpoint) = AuditLine.Parse(Encoding.UTF8.GetBytes(line));
            yield return record is null && checkpoint is null
                ? throw CliException.Failed($"{file}:{number} is neither a record nor a checkpoint.")
                : (record, checkpoint);
        }
    }
}
