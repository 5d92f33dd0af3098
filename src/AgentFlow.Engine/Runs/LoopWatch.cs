using System.Buffers.Binary;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Runs;

/// <summary>
/// What a scope remembers of the rounds that it goes: for each child the digest of everything that has ended between two of its
/// visits. A round that is as the one before, while nothing came from outside, taught nothing, and no further one would. Costs
/// the same however long the round is. Changed by <see cref="Reducer"/> alone.
/// </summary>
internal sealed class LoopWatch
{
    // Odd, so that no power of it is 0: digests of rounds of equal length differ where their parts do.
    private const ulong Base = 0x9E3779B97F4A7C15;
    private const int NamesInMessage = 12;

    private readonly Mark[] _marks;
    private ulong _digest;
    private int _ended;

    public LoopWatch(int children) => _marks = new Mark[children];

    /// <summary>Whether entering the child again would end a second round that is as the first.</summary>
    /// <param name="information">What had come from outside by now: <see cref="RunState.Information"/>.</param>
    public bool Repeats(int child, long information)
    {
        Mark mark = _marks[child];
        return mark.HasRound && mark.Information == information && Round(mark) == (mark.Round, mark.Length);
    }

    public void Entered(int child, int previous, long information)
    {
        Mark mark = _marks[child];
        bool isRound = mark.IsEntered && mark.Information == information && mark.Ended < _ended;
        (ulong round, int length) = isRound ? Round(mark) : default;
        _marks[child] = mark with { IsEntered = true, HasRound = isRound, Round = round, Length = length, Digest = _digest, Ended = _ended, Information = information };
        if (previous >= 0)
        {
            _marks[previous] = _marks[previous] with { Next = child };
        }
    }

    public void ChildEnded(int child, NodeStatus status, Payload? output, StepError? error)
    {
        ulong part = ((ulong)child << 8) | (byte)status;
        part = (part * Base) ^ (output is null ? 0 : BinaryPrimitives.ReadUInt64LittleEndian(output.Hash.Span));
        foreach (char c in error is null || status == NodeStatus.Succeeded ? "" : error.Code)
        {
            part = (part * Base) ^ c;
        }

        _digest = (_digest * Base) + part;
        _ended++;
    }

    /// <summary>The error of a loop that would begin a further round with this child.</summary>
    public StepError Error(PlanNode scope, int child)
    {
        var names = new List<string> { scope.Children[child].Id };
        for (int at = _marks[child].Next; at != child && names.Count < NamesInMessage; at = _marks[at].Next)
        {
            names.Add(scope.Children[at].Id);
        }

        return new StepError(
            ErrorCode.LoopWithoutProgress.Code,
            ErrorCategory.Permanent,
            $"The run goes round and learns nothing: {string.Join(" → ", names)} → {names[0]}, with the same outputs twice in a row. Let something in the round change or time pass, or set policies.loop_breaker: off.");
    }

    internal void Write(ref FrameWriter w)
    {
        w.Unsigned(_digest);
        w.Int(_ended);
        foreach (Mark mark in _marks)
        {
            w.Bool(mark.IsEntered);
            if (mark.IsEntered)
            {
                w.Bool(mark.HasRound);
                w.Unsigned(mark.Round);
                w.Int(mark.Length);
                w.Unsigned(mark.Digest);
                w.Int(mark.Ended);
                w.Unsigned((ulong)mark.Information);
                w.Int(mark.Next);
            }
        }
    }

    internal static LoopWatch Read(ref FrameReader r, int children)
    {
        var watch = new LoopWatch(children) { _digest = r.Unsigned(), _ended = r.Int() };
        for (int i = 0; i < children; i++)
        {
            if (r.Bool())
            {
                watch._marks[i] = new Mark { IsEntered = true, HasRound = r.Bool(), Round = r.Unsigned(), Length = r.Int(), Digest = r.Unsigned(), Ended = r.Int(), Information = r.Long(), Next = r.Int() };
            }
        }

        return watch;
    }

    /// <summary>Digest and length of what has ended since a mark.</summary>
    private (ulong Digest, int Length) Round(Mark since)
    {
        int length = _ended - since.Ended;
        ulong power = 1;
        ulong factor = Base;
        for (int left = length; left > 0; left >>= 1)
        {
            power = (left & 1) == 1 ? power * factor : power;
            factor *= factor;
        }

        return (_digest - (since.Digest * power), length);
    }

    /// <summary>The child's latest visit, and the round that led to it.</summary>
    /// <param name="Next">The child that was entered after it.</param>
    private readonly record struct Mark(bool IsEntered, bool HasRound, ulong Round, int Length, ulong Digest, int Ended, long Information, int Next);
}
