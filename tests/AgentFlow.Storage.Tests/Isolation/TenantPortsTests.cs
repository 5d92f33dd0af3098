using System.Reflection;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Sqlite;

namespace AgentFlow.Storage.Tests.Isolation;

/// <summary>No method of a store can be called without a tenant, but for those that are the engine's own, each with its reason.</summary>
public sealed class TenantPortsTests
{
    private static readonly Dictionary<string, string> Exceptions = new(StringComparer.Ordinal)
    {
        ["IRunStore.FlushAsync"] = "The disk is everybody's.",
        ["IRunStore.ClaimAsync"] = "A worker works for every tenant; what it gets says whose it is.",
        ["IRunStore.FireTimersAsync"] = "One clock wakes the runs of every tenant.",
        ["IRunStore.CountQueuedAsync"] = "A number, for the limit of the deployment.",
        ["IRunStore.FindWokenAsync"] = "Ids of runs that this process holds already.",
        ["IRunStore.FindTenantAsync"] = "An open server finds a run by its id alone: whoever reaches it acts in every tenant.",
        ["IAccessStore.AddTenantAsync"] = "Tenants belong to the deployment.",
        ["IAccessStore.ListTenantsAsync"] = "Tenants belong to the deployment.",
        ["ITokenStore.RevocationsAsync"] = "Every process knows all revocations, each with its tenant.",
        ["ITokenStore.ForgetExpiredAsync"] = "What has ended for everybody is forgotten.",
        ["ITokenStore.AddSigningKeyAsync"] = "Keys belong to the deployment.",
        ["ITokenStore.ListSigningKeysAsync"] = "Keys belong to the deployment.",
        ["ITokenStore.RetireSigningKeyAsync"] = "Keys belong to the deployment.",
        ["IAuditStore.LeadAsync"] = "Which process chains, for every tenant.",
        ["IAuditStore.ReadIntakeAsync"] = "One process chains for every tenant; each note and frame says whose it is.",
        ["IAgentPresence.CountAsync"] = "Numbers of a deployment, by tenant.",
        ["IAgentPresence.SilentAsync"] = "One process watches the agents of every tenant; each says whose it is.",
        ["IAlertStore.RaisedAsync"] = "One process watches for every tenant; each event says whose it is.",
        ["IAlertStore.TenantsAsync"] = "The same: names of tenants whose rules it reads next.",
        ["IAgentStore.SweepOfflineAsync"] = "One clock watches the remote agents of every tenant.",
        ["IConfigStore.VersionsAsync"] = "Numbers that tell each process what to read again, by tenant.",
        ["IBridgeTaskStore.DueAsync"] = "One clock ends the tasks of every tenant; each says whose it is.",
        ["IBridgeTaskStore.UndeliveredAsync"] = "Ends are brought to the runs of every tenant; each says whose it is.",
        ["IBridgeTaskStore.AbandonedAsync"] = "Tasks of every tenant follow their runs; each says whose it is.",
        ["IBridgeTaskStore.ForgetAsync"] = "What is old for everybody is forgotten.",
        ["ITriggerStore.DueAsync"] = "One clock fires the schedules of every tenant; each says whose it is.",
        ["IHumanTaskStore.DueAsync"] = "One clock escalates and ends the tasks of every tenant; each says whose it is.",
        ["IHumanTaskStore.UndeliveredAsync"] = "Ends are brought to the runs of every tenant; each says whose it is.",
        ["IHumanTaskStore.AbandonedAsync"] = "Tasks of every tenant follow their runs; each says whose it is.",
        ["IStressTestStore.PendingAsync"] = "One runner carries out the stress tests of every tenant; each says whose it is.",
        ["IStressTestStore.OpenScenariosAsync"] = "The same, for scenarios.",
        ["IStressTestStore.CountPendingAsync"] = "A number, for the limit of the deployment.",
        ["IBridgeEventStore.WaitingAsync"] = "Events are sent for every tenant; each subscription says whose it is.",
        ["IBridgeEventStore.ForgetAsync"] = "What is old for everybody is forgotten.",
    };

    /// <summary>Arguments that carry the tenant: what they stand for was made or found for it.</summary>
    private static readonly HashSet<Type> CarryATenant = [typeof(CommitBatch), typeof(RunAppend), typeof(InboxAppend), typeof(ClaimedRun), typeof(IReadOnlyList<AuditRecord>), typeof(AuditCheckpoint), typeof(AgentFlow.Engine.HumanTasks.HumanTask), typeof(AgentFlow.Engine.Triggers.TriggerState), typeof(AgentFlow.Engine.StressTests.StressScenario), typeof(AgentFlow.Engine.StressTests.StressWorkflow)];

    private static IEnumerable<MethodInfo> Methods =>
        from port in typeof(IRunStore).Assembly.GetTypes()
        where port.IsInterface && typeof(SqliteDatabase).Assembly.GetTypes().Any(t => t is { IsClass: true, IsPublic: true } && t.IsAssignableTo(port))
        from method in port.GetMethods()
        where !method.IsSpecialName
        select method;

    [Fact]
    public void Ports_AreFound() => Assert.Superset(new HashSet<string?> { nameof(IRunStore), nameof(ICatalogue), nameof(IAccessStore), nameof(ITokenStore) }, Methods.Select(m => m.DeclaringType?.Name).ToHashSet());

    [Fact]
    public void EveryMethod_TakesATenant()
    {
        string[] without = [.. Methods.Where(m => !TakesATenant(m)).Select(Name).Distinct().Except(Exceptions.Keys).Order(StringComparer.Ordinal)];
        Assert.True(without.Length == 0, $"These take no tenant: {string.Join(", ", without)}");
    }

    [Fact]
    public void Exceptions_AreAllNeeded() => Assert.Empty(Exceptions.Keys.Except(Methods.Where(m => !TakesATenant(m)).Select(Name)));

    [Fact]
    public void WhatCarriesATenant_CannotBeMadeWithoutOne()
    {
        Assert.All([typeof(RunAppend), typeof(InboxAppend)], t => Assert.NotNull(t.GetProperty("Tenant")!.GetCustomAttribute<System.Runtime.CompilerServices.RequiredMemberAttribute>()));
        Assert.All([typeof(ClaimedRun), typeof(AuditNote), typeof(AuditCheckpoint)], t => Assert.Contains(t.GetConstructors().Single(c => c.IsPublic).GetParameters(), p => p.Name == "Tenant"));
        Assert.Equal(typeof(AuditNote), typeof(AuditRecord).GetProperty("Note")!.PropertyType);
        Assert.NotNull(typeof(NoteAppend).GetProperty("Note")!.GetCustomAttribute<System.Runtime.CompilerServices.RequiredMemberAttribute>());
        // What was touched are ids that the store gives back, not something that it is told.
        Assert.Equal([typeof(List<Contracts.Ids.Ulid>), typeof(List<InboxAppend>), typeof(List<NoteAppend>), typeof(List<RunAppend>)], typeof(CommitBatch).GetProperties().Where(p => p.PropertyType.IsGenericType).Select(p => p.PropertyType).OrderBy(t => t.ToString()));
    }

    private static bool TakesATenant(MethodInfo method) =>
        method.GetParameters() is [var first, ..] && ((first.ParameterType == typeof(string) && first.Name == "tenant") || CarryATenant.Contains(first.ParameterType));

    private static string Name(MethodInfo method) => $"{method.DeclaringType!.Name}.{method.Name}";
}
