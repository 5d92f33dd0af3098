using AgentFlow.Engine.Audit;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Audit;

/// <summary>One record of the audit.</summary>
/// <param name="Number">Its place in the tenant's chain, from 0 without gaps.</param>
/// <param name="Decision"><c>allowed</c>, <c>denied</c>, <c>requires_approval</c>, <c>refused</c>, <c>succeeded</c>, <c>failed</c>, <c>cancelled</c> or <c>unknown</c>.</param>
/// <param name="Prev">Hash of the record before.</param>
/// <param name="Hash">SHA-256 over the record's canonical JSON and <paramref name="Prev"/>.</param>
public sealed record AuditRecordView(
    long Number, DateTimeOffset At, string Actor, string Action, string Resource, string Decision, RawJson? Details, string TraceId, string Prev, string Hash)
{
    public static AuditRecordView Of(AuditRecord record) => new(
        record.Number,
        UnixTime.Of(record.Note.At),
        record.Note.Actor,
        record.Note.Action,
        record.Note.Resource,
        record.Note.Decision,
        RawJson.Of(record.Note.Details),
        record.Note.Trace,
        record.Prev.ToString(),
        record.Hash.ToString());
}

/// <summary>A signed statement: the first <paramref name="Size"/> records of the chain lead to <paramref name="Hash"/>.</summary>
/// <param name="Kind"><c>segment</c>: a segment was sealed; <c>retired</c>: the records before it were exported and dropped.</param>
/// <param name="Key">Id of the key that signed it.</param>
/// <param name="Signature">ECDSA P-256 over the statement's canonical JSON, base64.</param>
public sealed record AuditCheckpointView(string Kind, long Size, string Hash, DateTimeOffset SignedAt, string Key, string Signature)
{
    public static AuditCheckpointView Of(AuditCheckpoint checkpoint) => new(
        AuditCheckpoint.Word(checkpoint.Kind), checkpoint.Size, checkpoint.Hash.ToString(), UnixTime.Of(checkpoint.At), checkpoint.Key, Convert.ToBase64String(checkpoint.Signature.Span));
}

/// <summary>What verifying a chain found.</summary>
/// <param name="Intact">Nothing is wrong.</param>
/// <param name="First">The first record that has not been dropped.</param>
/// <param name="Size">How many records the chain has had.</param>
/// <param name="Confirmed">How many signed statements about it were found true.</param>
/// <param name="TotalFindings">More than are listed, when there are very many.</param>
/// <param name="Keys">The public keys that are trusted, PEM.</param>
public sealed record AuditReportView(string Tenant, bool Intact, long First, long Size, int Confirmed, IReadOnlyList<AuditFindingView> Findings, int TotalFindings, string Keys)
{
    public static AuditReportView Of(AuditReport report, string keys) => new(
        report.Tenant, report.IsIntact, report.First, report.Size, report.Confirmed, [.. report.Findings.Select(f => new AuditFindingView(f.Word, f.From, f.To, f.Message))], report.TotalFindings, keys);
}

/// <param name="Fault"><c>edited</c>, <c>removed</c>, <c>reordered</c>, <c>cut_tail</c>, <c>rebuilt</c>, <c>fork</c>, <c>unsigned</c>, <c>forged</c>, <c>checkpoint_removed</c> or <c>missing_witness</c>.</param>
/// <param name="From">First record concerned.</param>
/// <param name="To">Last record concerned.</param>
public sealed record AuditFindingView(string Fault, long From, long To, string Message);
