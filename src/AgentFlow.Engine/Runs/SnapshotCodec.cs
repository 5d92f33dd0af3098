using System.Buffers.Binary;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Runs;

/// <summary>
/// The bytes of a snapshot: <c>version | engine | definition hash | state | crc32c</c>, in the frame's number and value
/// encoding. A snapshot is a cache: one that this build or definition cannot use is ignored, never an error.
/// </summary>
public static class SnapshotCodec
{
    public const byte FormatVersion = 12;

    /// <param name="blobs">Receives every payload that the snapshot names by hash.</param>
    public static byte[] Encode(RunState state, ICollection<Payload> blobs)
    {
        var w = new FrameWriter(blobs);
        try
        {
            w.Byte(FormatVersion);
            w.Byte(FrameCodec.EngineVersion);
            w.Hex(state.Definition.Hash);
            w.Int(state.Definition.Changes.Count);
            foreach (PlanChange change in state.Definition.Changes)
            {
                w.Signed(change.Node);
                w.Text(change.Text);
            }

            long seq = state.Seq;
            Planted.Change(Bug.SnapshotAhead, ref seq, seq + 1);
            w.Unsigned((ulong)seq);
            w.Byte((byte)state.Status);
            w.Unsigned((ulong)state.Now);
            RunStarted started = state.Started!;
            w.Unsigned((ulong)started.At);
            w.Text(started.Workflow);
            w.Text(started.Version);
            w.Hex(started.DefinitionHash);
            w.Hex(started.ToolsHash);
            w.Text(started.TraceId);
            w.Text(started.StartedBy);
            w.Payload(started.Input);
            w.Payload(started.Env);
            w.Bool(state.Authority is not null);
            if (state.Authority is { } authority)
            {
                w.Authority(authority);
                w.Bool(authority.Starts is not null);
                if (authority.Starts is { } starts)
                {
                    w.Starts(starts);
                }
            }

            w.Bool(state.WatchesLoops);
            w.Unsigned((ulong)state.Information);
            w.Bool(state.Parent is not null);
            if (state.Parent is { } parent)
            {
                w.Unsigned((ulong)parent.At);
                w.Id(parent.Parent);
                w.Int(parent.Step);
                w.Int(parent.Generation);
                w.Int(parent.Depth);
                w.Optional(parent.BudgetNanoDollars);
            }

            w.Signed(state.Priority);
            w.Int(state.Places.Count);
            foreach ((int visit, Place place) in state.Places.OrderBy(p => p.Key))
            {
                w.Int(visit);
                w.Byte((byte)place.Kind);
                w.Text(place.Name);
                w.Int(place.Size);
                w.Bool(place.Held);
            }

            w.Unsigned((ulong)state.SpentNanoDollars);
            w.Int(state.Visits);
            w.Text(state.CancelReason);
            w.Int(state.Signals.Count);
            foreach (SignalReceived signal in state.Signals)
            {
                w.Unsigned((ulong)signal.At);
                w.Text(signal.Name);
                w.Payload(signal.Payload);
                w.Unsigned((ulong)signal.Item);
            }

            w.Int(state.Compensables.Count);
            foreach (Compensable done in state.Compensables)
            {
                w.Int(done.Visit);
                w.Int(done.Step.Index);
                w.Int(done.Scopes.Count);
                foreach (int scope in done.Scopes)
                {
                    w.Int(scope);
                }

                w.Optional(done.Input);
                w.Optional(done.Error);
            }

            w.Int(state.Open.Count);
            foreach (NodeRun node in state.Open.Values.OrderBy(n => n.Id))
            {
                WriteNode(ref w, node);
            }

            w.Fixed32(FrameCodec.Crc(0, w.Written));
            return w.Written.ToArray();
        }
        finally
        {
            w.Dispose();
        }
    }

    /// <summary>The state, or <see langword="null"/> when the bytes are damaged, of another format or engine, or of another definition.</summary>
    public static RunState? TryDecode(ReadOnlyMemory<byte> data, string tenant, Ulid run, WorkflowDefinition definition, Func<ReadOnlyMemory<byte>, Payload?> blob)
    {
        if (data.Length < 8
            || FrameCodec.Crc(0, data.Span[..^4]) != BinaryPrimitives.ReadUInt32LittleEndian(data.Span[^4..])
            || data.Span[0] != FormatVersion
            || data.Span[1] != FrameCodec.EngineVersion)
        {
            return null;
        }

        try
        {
            var r = new FrameReader(data[2..^4], blob);
            if (r.Hex() != definition.Hash)
            {
                return null;
            }

            WorkflowDefinition? plan = definition.Base;
            for (int changes = r.Count(2); changes > 0 && plan is not null; changes--)
            {
                plan = plan.With(new PlanChange(r.Signed(), r.Text())).Definition;
            }

            if (plan is null)
            {
                return null;
            }

            var state = new RunState(tenant, run, plan) { Seq = r.Long(), Status = (RunStatus)r.Byte(), Now = r.Long() };
            long startedAt = r.Long();
            state.Started = new RunStarted(r.Text(), r.Text(), r.Hex(), r.Hex(), r.Text(), r.Text(), r.Payload(), r.Payload()) { At = startedAt };
            state.StartedAt = startedAt;
            if (r.Bool())
            {
                RunAuthority authority = r.Authority();
                state.Authority = r.Bool() ? authority with { Starts = r.Starts() } : authority;
            }

            state.WatchesLoops = r.Bool();
            state.Information = r.Long();
            if (r.Bool())
            {
                long at = r.Long();
                state.Parent = new RunAdopted(r.Id(), r.Int(), r.Int(), r.Int(), r.OptionalLong()) { At = at };
            }

            state.Priority = r.Signed();
            int places = r.Count(5);
            for (int i = 0; i < places; i++)
            {
                state.Places.Add(r.Int(), new Place((SharedKind)r.Byte(), r.Text(), r.Int(), r.Bool()));
            }

            state.SpentNanoDollars = r.Long();
            state.Visits = r.Int();
            state.CancelReason = r.Text();
            int signals = r.Count(3);
            for (int i = 0; i < signals; i++)
            {
                long at = r.Long();
                state.Signals.Add(new SignalReceived(r.Text(), r.Payload(), r.Long()) { At = at });
            }

            int compensables = r.Count(5);
            for (int i = 0; i < compensables; i++)
            {
                ReadCompensable(ref r, state);
            }

            int nodes = r.Count(8);
            for (int i = 0; i < nodes; i++)
            {
                ReadNode(ref r, state);
            }

            return r.AtEnd ? state : null;
        }
        catch (FrameCorruptException)
        {
            return null;
        }
    }

    private static void ReadCompensable(ref FrameReader r, RunState state)
    {
        int visit = r.Int();
        int index = r.Int();
        if (index >= state.Definition.Nodes.Count || state.Definition.NodeAt(index) is not Nodes.CallNode { Compensation: not null } step)
        {
            throw new FrameCorruptException("a compensation does not fit its definition");
        }

        int[] scopes = new int[r.Count(1)];
        for (int i = 0; i < scopes.Length; i++)
        {
            scopes[i] = r.Int();
        }

        state.Compensables.Add(new Compensable(visit, step, scopes) { Input = r.OptionalPayload(), Error = r.OptionalError() });
    }

    private static void WriteNode(ref FrameWriter w, NodeRun node)
    {
        w.Int(node.Id);
        w.Int(node.Node.Index);
        w.Signed(node.Parent?.Id ?? -1);
        w.Int(node.Visit);
        w.Byte((byte)node.Phase);
        w.Int(node.Attempt);
        w.Int(node.Failures);
        w.Int(node.Generation);
        w.Optional(node.Input);
        w.Unsigned((ulong)node.Due);
        w.Unsigned((ulong)node.ReservedNanoDollars);
        w.Signed(node.Closing is { } closing ? (int)closing : -1);
        w.Optional(node.ClosingError);
        w.Optional(node.Error);
        w.Bool(node.MayHaveHappened);
        w.Signed(node.Compensating is { } compensating ? (int)compensating : -1);
        w.Optional(node.CompensatingError);
        if (node.Remedied is { } remedied)
        {
            w.Int(node.RemedyVisit);
            foreach (int used in remedied)
            {
                w.Int(used);
            }
        }

        w.Bool(node.Child is not null);
        if (node.Child is { } child)
        {
            w.Id(child);
            w.Bool(node.IsChildStopping);
            w.Optional(node.ChildError);
        }

        w.Int(node.Approvals.Count);
        foreach (string approval in node.Approvals)
        {
            w.Text(approval);
        }

        w.Bool(node.Approval is not null);
        if (node.Approval is { } asked)
        {
            w.Unsigned((ulong)asked.At);
            w.Text(asked.Name);
            w.Payload(asked.Order);
        }

        if (node.Scope is { } scope)
        {
            w.Int(scope.Finished);
            w.Signed(scope.Current);
            w.Signed(scope.Latest);
            for (int i = 0; i < scope.Visits.Length; i++)
            {
                w.Int(scope.Visits[i]);
                w.Signed(scope.Statuses[i] is { } status ? (int)status : -1);
                w.Optional(scope.Outputs[i]);
                w.Optional(scope.Errors[i]);
            }

            WriteIterations(ref w, node);
            w.Bool(scope.Watch is not null);
            scope.Watch?.Write(ref w);
        }
    }

    private static void WriteIterations(ref FrameWriter w, NodeRun node)
    {
        w.Bool(node.Iterations is not null);
        if (node.Iterations is not { } iterations)
        {
            return;
        }

        w.Payload(iterations.Items);
        int begun = node.Scope!.Visits[0];
        for (int i = 0; i < begun; i++)
        {
            w.Signed(iterations.Statuses[i] is { } status ? (int)status : -1);
            w.Optional(iterations.Outputs[i]);
            w.Optional(iterations.Errors[i]);
        }
    }

    private static void ReadIterations(ref FrameReader r, NodeRun node)
    {
        if (!r.Bool())
        {
            return;
        }

        var iterations = new Iterations(r.Payload());
        node.Iterations = iterations;
        for (int i = 0; i < node.Scope!.Visits[0]; i++)
        {
            int status = r.Signed();
            Payload? output = r.OptionalPayload();
            Ports.StepError? error = r.OptionalError();
            if (status >= 0)
            {
                iterations.End(i, (NodeStatus)status, output, error);
            }
        }
    }

    private static void ReadNode(ref FrameReader r, RunState state)
    {
        int id = r.Int();
        int index = r.Int();
        int parentId = r.Signed();
        if (index >= state.Definition.Nodes.Count || (parentId >= 0 && !state.Open.ContainsKey(parentId)))
        {
            throw new FrameCorruptException("a node does not fit its definition");
        }

        NodeRun? parent = parentId < 0 ? null : state.Open[parentId];
        var node = new NodeRun(id, state.Definition.NodeAt(index), parent, r.Int())
        {
            Phase = (NodePhase)r.Byte(),
            Attempt = r.Int(),
            Failures = r.Int(),
            Generation = r.Int(),
            Input = r.OptionalPayload(),
            Due = r.Long(),
            ReservedNanoDollars = r.Long(),
        };
        int closing = r.Signed();
        node.Closing = closing < 0 ? null : (NodeStatus)closing;
        node.ClosingError = r.OptionalError();
        node.Error = r.OptionalError();
        node.MayHaveHappened = r.Bool();
        int compensating = r.Signed();
        node.Compensating = compensating < 0 ? null : (NodeStatus)compensating;
        node.CompensatingError = r.OptionalError();
        if (node.Remedied is { } remedied)
        {
            node.RemedyVisit = r.Int();
            for (int i = 0; i < remedied.Length; i++)
            {
                remedied[i] = r.Int();
            }
        }

        if (r.Bool())
        {
            node.Child = r.Id();
            node.IsChildStopping = r.Bool();
            node.ChildError = r.OptionalError();
        }

        string[] approvals = new string[r.Count(1)];
        for (int i = 0; i < approvals.Length; i++)
        {
            approvals[i] = r.Text();
        }

        node.Approvals = approvals;
        if (r.Bool())
        {
            long askedAt = r.Long();
            node.Approval = new ApprovalRequested(id, r.Text(), r.Payload()) { At = askedAt };
        }

        if (node.Scope is { } scope)
        {
            scope.Finished = r.Int();
            scope.Current = r.Signed();
            scope.Latest = r.Signed();
            for (int i = 0; i < scope.Visits.Length; i++)
            {
                scope.Visits[i] = r.Int();
                int status = r.Signed();
                scope.Statuses[i] = status < 0 ? null : (NodeStatus)status;
                scope.Outputs[i] = r.OptionalPayload();
                scope.Errors[i] = r.OptionalError();
            }

            ReadIterations(ref r, node);
            scope.Watch = r.Bool() ? LoopWatch.Read(ref r, scope.Visits.Length) : null;
        }

        state.Open.Add(id, node);
        if (parent is null)
        {
            state.Root = node;
        }
        else
        {
            parent.Scope!.Open++;
        }

        state.ReservedNanoDollars += node.ReservedNanoDollars;
        if (node.Phase == NodePhase.InFlight)
        {
            state.InFlight++;
        }
    }
}
